"""A rolling upgrade on one PostgreSQL (CLOAKROOM_DATABASE__URL): two replicas of the earlier version are replaced one
by one while people call all the time, new ones among them. Every call is answered, every answer has exactly one audit
row, no owner gets two buckets, and what an operator ends with the new command line is refused by both versions.

    rolling.py --old PROGRAM --new PROGRAM --token-command 'CMD %s'
"""

import collections
import http.client
import json
import os
import random
import subprocess
import threading
import time
import urllib.error
import urllib.request

from gateways import Gateway, arguments, command_line, direct

from checks import check, finish
from person import ask, ask_for_workspace, claims_of, token_of

WORKERS = 8
# Answers of every replica before the next step, and people who call for the first time in each.
CALLS, NEWCOMERS = 60, 6


class Load:
    """Calls at the replicas that a load balancer knows. One that breaks off, that finds a replica stopping, or whose
    upstream is late is repeated at another one."""

    def __init__(self, options):
        self.options, self.replicas = options, {}
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.people, self.answers, self.failures = {}, [], []
        self.answered, self.repeated = collections.Counter(), 0
        self.workers = [threading.Thread(target=self.work, daemon=True) for _ in range(WORKERS)]

    def welcome(self, step):
        """New people, each of whom calls every replica at once, for the first time."""
        names = [f"{step}-{number}" for number in range(NEWCOMERS)]
        tokens = {name: token_of(self.options, name) for name in names}
        first = [(name, token, url) for name, token in tokens.items() for url in self.replicas.values()]
        calls = [threading.Thread(target=self.call, args=one) for one in first]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        with self.lock:
            self.people.update(tokens)

    def work(self):
        while not self.ended.is_set():
            with self.lock:
                name, token = random.choice(list(self.people.items()))
                url = random.choice(list(self.replicas.values()))
            self.call(name, token, url)

    def call(self, name, token, url):
        for _ in range(20):
            try:
                request = urllib.request.Request(f"{url}/v1/credentials", method="POST")
                request.add_header("Authorization", f"Bearer {token}")
                with direct.open(request, timeout=30) as answer:
                    bucket = json.load(answer)["bucket"]
                    with self.lock:
                        self.answers.append((name, answer.headers["X-Request-Id"], bucket))
                        self.answered[url] += 1
                    return
            except urllib.error.HTTPError as error:
                # A replica that is stopping says so, and on a busy machine an upstream is late.
                if error.code not in (502, 503):
                    return self.failed(name, url, f"{error.code} {error.read()}")
            except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
                pass
            time.sleep(0.1)
            with self.lock:
                self.repeated += 1
                url = random.choice(list(self.replicas.values()))
        self.failed(name, url, "no replica answers")

    def failed(self, *what):
        with self.lock:
            self.failures.append(what)

    def step(self, name):
        """Waits until each replica has answered its share, and new people theirs."""
        self.welcome(name)
        with self.lock:
            goal = {url: self.answered[url] + CALLS for url in self.replicas.values()}
        until = time.monotonic() + 60
        while any(self.answered[url] < wanted for url, wanted in goal.items()):
            assert not self.failures and time.monotonic() < until, (name, goal, self.answered, self.failures[:3])
            time.sleep(0.05)
        print(f"note  {name}: {len(self.answers)} answers, {self.repeated} repeated")

    def start(self, name, program):
        gateway = Gateway(program).ready()
        with self.lock:
            self.replicas[name] = gateway.url
        return gateway

    def stop(self, name, gateway):
        """The load balancer notices only when the replica has gone."""
        gateway.stop()
        with self.lock:
            del self.replicas[name]


def in_time(call):
    """The status of a call, which is repeated while an upstream is late."""
    for _ in range(10):
        status, _answer = call()
        if status != 502:
            break
    return status


def both_obey(new, replicas, token, key):
    """What an operator ends with the new command line is refused by both versions at the next call."""
    statuses = lambda: [
        status for url in replicas.values()
        for status in (
            in_time(lambda: ask("POST", f"{url}/storage/boto", {"x-api-key": key["key"]})),
            in_time(lambda: ask_for_workspace(url, token, "rolling/research")),
        )
    ]
    before = statuses()
    check("both versions know the organisation and the workspace", before == [200] * 4, before)
    claims = claims_of(token)
    caller = f"{claims['client_id']}/{claims['sub']}"
    assert new.run("block", "--caller", caller, "--reason", "left").returncode == 0
    blocked = statuses()
    check("both versions refuse whom the new command line blocks", blocked == [200, 403] * 2, blocked)
    assert new.run("unblock", "--caller", caller).returncode == 0
    unblocked = statuses()
    check("and let them in again", unblocked == before, unblocked)
    assert new.run("api-key", "revoke", key["id"]).returncode == 0
    new.json("workspace", "remove-member", "rolling/research", "--subject", claims["sub"])
    after = statuses()
    check("both versions refuse what the new command line has ended", after == [401, 404] * 2, after)


def query(text):
    done = subprocess.run(
        ["psql", os.environ["CLOAKROOM_DATABASE__URL"], "-Atc", text], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def main():
    options = arguments(__doc__).parse_args()
    os.environ.update(
        CLOAKROOM_NAMING__NAMESPACE="upgrade-rolling", CLOAKROOM_LIMITS__PER_OWNER="1000/s burst 1000",
        CLOAKROOM_LIMITS__PER_CALLER="1000/s burst 1000",
    )
    old, new = command_line(options.old), command_line(options.new)
    load = Load(options)
    first = load.start("old 1", options.old)
    second = load.start("old 2", options.old)
    old.json("org", "create", "rolling")
    key = old.json("api-key", "create", "--org", "rolling", "--label", "ci")
    member = token_of(options, "member")
    old.json("workspace", "create", "rolling/research")
    old.json("workspace", "add-member", "rolling/research", "--subject", claims_of(member)["sub"])
    load.welcome("before")
    for worker in load.workers:
        worker.start()
    load.step("two old replicas")
    migrated = new.run("migrate")
    check("`migrate` beside two old replicas ends well", migrated.returncode == 0, migrated)
    load.step("the new schema")
    third = load.start("new 1", options.new)
    load.step("two old, one new")
    load.stop("old 2", second)
    both_obey(new, load.replicas, member, key)
    load.step("one old, one new")
    fourth = load.start("new 2", options.new)
    load.step("one old, two new")
    load.stop("old 1", first)
    load.step("two new")
    load.ended.set()
    for worker in load.workers:
        worker.join()

    check("every call was answered", not load.failures, load.failures[:3])
    check("calls were repeated when a replica stopped", load.repeated > 0)
    buckets = collections.defaultdict(set)
    for name, _, bucket in load.answers:
        buckets[name].add(bucket)
    check("nobody got two buckets", all(len(own) == 1 for own in buckets.values()))
    check("no two people got one bucket", len(set.union(*buckets.values())) == len(buckets))
    rows = collections.Counter(query("SELECT request_id || ' ' || bucket FROM audit_trail"))
    wrong = [answer for answer in load.answers if rows[f"{answer[1]} {answer[2]}"] != 1]
    check(f"all {len(load.answers)} answers have exactly one audit row", not wrong, wrong[:3])
    ready = query("SELECT bucket FROM owned_buckets WHERE state = 'ready' AND owner_kind = 'principal'")
    check("the registry has every bucket once", sorted(ready) == sorted(set.union(*buckets.values())), len(ready))
    for gateway in third, fourth:
        gateway.stop()
    finish("rolling upgrade")


main()
