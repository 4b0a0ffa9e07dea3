"""The calls of `soak`, and what it sets up for them.

    soak_calls.py set-up FILE PROGRAM                                makes organisations, workspaces and keys
    soak_calls.py FILE PORT RATE SECONDS FIRST LAST                  prints calls as vegeta reads them
    soak_calls.py judge RESULTS REPORT LOG ROWS ANSWERS              says whether all went right, and nothing has grown
"""

import base64
import collections
import hashlib
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))
from authorization_server import CrowdServer  # noqa: E402

ORGANISATIONS, MEMBERS, ACCESS_KEYS = 10, 30, 10
# How many callers are there at a time.
PRESENT = 1000
# Further callers, who revoke their sessions; and workloads, who come with tokens that they sign.
REVOKERS, WORKLOADS = 10, 1000
# What the calls are, and how many of each.
KINDS = ("own", "container", "exchange", "member", "organisation", "workload", "storage", "storage/sessions")
SHARES = (8, 4, 2, 2, 2, 2, 1, 1)
# The shares of calls that may fail and that may have no answer, and how much more memory the last quarter may take than the
# one before.
FAILED, UNANSWERED, GROWTH = 0.001, 0.00001, 1.05
# Why calls fail on a busy machine, in the words of the gateway's log. Codes are those of SQLite for a locked file, and of
# PostgreSQL for the limits of statements and of locks.
LATE = r"in time|too long|most of the time|timed out|code (5|57014|55P03)\)"
BUSY = "too many requests|Busy: |under way|, and it is a revoker"
# No call, but a connection on which none came for 5 s: vegeta opens one, and takes another that becomes free before.
UNUSED = "request-timeout"
FORM = "application/x-www-form-urlencoded"
ROTATE = "/core/v1/object_storage/access_keys/access_key/generate_credentials"


def set_up(file, program):
    def run(*arguments):
        done = subprocess.run([program, *arguments, "--json"], check=True, capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout.strip() else None

    api_keys, access_keys, capabilities = [], [], {}
    for number in range(ORGANISATIONS):
        slug = f"soak-{number}"
        run("org", "create", slug)
        run("workspace", "create", f"{slug}/lab")
        for member in range(1, MEMBERS + 1):
            run("workspace", "add-member", f"{slug}/lab", "--subject", str(member))
        made = run("api-key", "create", "--org", slug, "--label", "soak", "--scope", "object_storage")
        api_keys.append(made["key"])
    for number in range(ACCESS_KEYS):
        slug = f"soak-{number % ORGANISATIONS}"
        bucket = run("org", "show", slug)["bucket"]
        made = run("access-key", "create", "--name", f"key-{number}", "--org", slug, "--read-bucket", bucket)
        access_keys.append(made["id"])
        # Every other one is rotated with a capability token.
        if number % 2:
            create = [program, "access-key", "capability", made["id"], "--expires-in", "1d"]
            done = subprocess.run(create, check=True, capture_output=True, text=True)
            capabilities[made["id"]] = done.stdout.strip()
    Path(file).write_text(json.dumps({"api_keys": api_keys, "access_keys": access_keys, "capabilities": capabilities}))


def workloads_tokens():
    """Returns a function that has a valid token for a number."""
    server, tokens = CrowdServer(), {}

    def token(number):
        made, signed = tokens.get(number, (0, None))
        if time.monotonic() - made > 1800 or not signed:
            made, signed = tokens[number] = time.monotonic(), server.jwt(f"workload-{number}")
        return signed

    return token


def calls(file, port, rate, seconds, first, last):
    made = json.loads(Path(file).read_text())
    url = f"http://127.0.0.1:{port}"
    rotations = itertools.cycle(enumerate(made["access_keys"]))
    # So seldom that a key's rotation has ended before its next one begins.
    every = max(int(rate) * 2, 1000)
    workload, revocations = workloads_tokens(), itertools.cycle(range(REVOKERS))
    for number in itertools.count():
        at = min(number / (rate * seconds), 1) if rate else random.random()
        newest = first + PRESENT + at * max(last - first - PRESENT, 0)
        token = f"token-{int(newest - random.random() * PRESENT)}"
        if number % every == 0:
            index, key = next(rotations)
            body = json.dumps({"access_key": {"id": key}})
            credential = made["capabilities"].get(key) or made["api_keys"][index % ORGANISATIONS]
            yield "POST", url + ROTATE, f"Bearer {credential}", body, "application/json"
            continue
        # A revoker opens a session, and revokes it a second or so later.
        if number % every == every // 4:
            revoker = f"Bearer token-revoker-{next(revocations)}"
            yield "POST", f"{url}/v1/credentials", revoker, "", None
            continue
        if number % every == every * 3 // 4:
            yield "POST", f"{url}/v1/credentials/revoke", revoker, "", None
            continue
        match random.choices(KINDS, SHARES)[0]:
            case "own":
                yield "POST", f"{url}/v1/credentials", f"Bearer {token}", "", None
            case "container":
                yield "GET", f"{url}/v1/credentials/container", token, "", None
            case "exchange":
                form = {
                    "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "soak",
                    "RoleArn": "arn:aws:iam::000000000000:role/soak", "WebIdentityToken": token,
                }
                yield "POST", f"{url}/", None, urllib.parse.urlencode(form), FORM
            case "member":
                path = f"/api/v1/org/soak-{random.randrange(ORGANISATIONS)}/ws/lab/storage/credentials"
                yield "GET", url + path, f"Bearer token-{random.randint(1, MEMBERS)}", "", None
            case "workload":
                yield "POST", f"{url}/v1/credentials", f"Bearer {workload(random.randrange(WORKLOADS))}", "", None
            case "storage" | "storage/sessions" as kind:
                yield "GET", f"{url}/v1/{kind}", f"Bearer {token}", "", None
            case "organisation":
                yield "POST", f"{url}/storage/boto", random.choice(made["api_keys"]), "", None


def as_vegeta_reads(method, url, authorization, body, kind):
    header = {}
    if authorization:
        header["x-api-key" if url.endswith("/storage/boto") else "Authorization"] = [authorization]
    if kind:
        header["Content-Type"] = [kind]
    call = {"method": method, "url": url, "header": header}
    if body:
        call["body"] = base64.b64encode(body.encode()).decode()
    return json.dumps(call)


def pseudonym(subject):
    """How the log names this person."""
    return hashlib.sha256(f"\0load\0{subject}".encode()).hexdigest()[:31]


def say(wrong, what):
    print("FAIL " if wrong else "ok   ", what)
    return wrong


def judge(results, report, log, rows, answers):
    return any([*judge_calls(report, log, int(rows), int(answers)), *judge_growth(results)])


def judge_calls(report, log, rows, answers):
    """REPORT is vegeta's, LOG the gateway's of the hour, ROWS what the audit trail has of ANSWERS with credentials."""
    report, failures = json.loads(Path(report).read_text()), collections.Counter()
    calls, statuses = report["requests"], {int(status): count for status, count in report["status_codes"].items()}
    failed, unanswered = calls - statuses.get(200, 0), statuses.get(0, 0)
    times = ", ".join(f"{name} {report['latencies'][name] / 1e6:,.0f}" for name in ("50th", "99th", "max"))
    print(f"note  {calls:,} calls, {answers:,} answers with credentials; ms: {times}")
    yield say(failed > calls * FAILED, f"{failed:,} calls failed: {statuses}")
    yield say(unanswered > calls * UNANSWERED, f"{unanswered:,} were not answered: {report['errors'][:5]}")
    strange, revokers = [], {pseudonym(f"revoker-{number}") for number in range(REVOKERS)}
    for line in Path(log).read_text().splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            said = {}
        if said.get("message") == "request" and said["status"] >= 400:
            cause = re.sub("[0-9a-f]{12,}", "…", said.get("cause") or said["outcome"])
            if "are being revoked" in cause and said.get("owner") in revokers:
                cause += ", and it is a revoker"
            failures[said["status"], said["route"], cause] += 1
        elif not said or said.get("message") == "panic" or "alarm" in said or "dropped" in said:
            strange.append(line[:300])
    for (status, route, cause), count in failures.most_common():
        print(f"note  {count:,} times {status} of {route}: {cause}")
    yield say(strange, f"lines of the log that must not be there: {strange[:5] or 'none'}")
    ours = [cause for _, _, cause in failures if not re.search(f"{LATE}|{BUSY}|{UNUSED}", cause)]
    yield say(ours, f"causes that a busy machine does not explain: {ours or 'none'}")
    logged = sum(count for (_, _, cause), count in failures.items() if cause != UNUSED)
    yield say(logged < failed - unanswered, f"{logged:,} failures are in the log")
    # A call whose time runs out may have been recorded.
    late = unanswered + sum(count for (_, _, cause), count in failures.items() if re.search(LATE, cause))
    yield say(not answers <= rows <= answers + late, f"{rows:,} calls in the audit trail; {late:,} calls came too late")


def judge_growth(results):
    rows = [[float(field) for field in line.split("\t")] for line in Path(results).read_text().splitlines()]
    rest, busy, rested = rows[0], rows[1:-1], rows[-1]
    # By the middle of an hour with 50,000 callers, as many have come as are remembered.
    third, last = (statistics.median(row[1] for row in part) for part in quarters(busy)[2:])
    yield say(last > third * GROWTH, f"memory: {third:,.0f} bytes in the third quarter, {last:,.0f} in the last")
    for place, figure in enumerate(("descriptors", "threads", "tasks"), 2):
        seen = f"{figure} at rest: {rest[place]:,.0f} before, {rested[place]:,.0f} after"
        yield say(rested[place] > rest[place], seen)
    print(f"note  database: {rest[5] / 1e6:,.0f} MB, then {rested[5] / 1e6:,.0f} MB")


def quarters(rows):
    return [rows[len(rows) * part // 4 : len(rows) * (part + 1) // 4] or rows for part in range(4)]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["set-up", file, program]:
            set_up(file, program)
        case ["judge", *found]:
            sys.exit(judge(*found))
        case [file, *numbers]:
            random.seed(1)
            for call in calls(file, *(int(number) for number in numbers)):
                print(as_vegeta_reads(*call))
