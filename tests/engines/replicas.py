"""First and steady calls of two people against two gateways on one database, all at once.

    replicas.py --gateways URL URL --token-command 'CMD %s' --calls N

Every call must be answered with 200 and each person with one bucket. Prints the request ids, one a
line, so that the caller can hold them against the audit trail.
"""

import argparse
import concurrent.futures
import json
import shlex
import subprocess
import sys
import urllib.request


def vend(gateway, token):
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{gateway}/v1/credentials", method="POST", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["X-Request-Id"], json.load(answer)["bucket"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", nargs=2, required=True)
    parser.add_argument("--token-command", required=True)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    people = ["alice", "bob"]
    commands = [options.token_command % shlex.quote(name) for name in people]
    tokens = [subprocess.check_output(c, shell=True, text=True).strip() for c in commands]
    jobs = [(options.gateways[i % 2], tokens[i // 2 % 2]) for i in range(options.calls)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda job: vend(*job), jobs))
    buckets = {}
    for (_, token), (_, bucket) in zip(jobs, answers):
        buckets.setdefault(token, set()).add(bucket)
    assert all(len(own) == 1 for own in buckets.values()) and len(buckets) == 2, buckets
    print("\n".join(request_id for request_id, _ in answers))
    print(f"{len(answers)} calls, one bucket each", file=sys.stderr)


main()
