"""First and steady calls of many people against two gateways on one database, all at once; one of
the two is killed in the middle.

    replicas.py --gateways URL URL --token-command 'CMD %s' --people NAME… --calls N --kill PID

A call that breaks off is repeated at the other gateway, as a load balancer would. Every call must be
answered in the end, and each person must get one bucket. Prints a line `REQUEST-ID BUCKET` for each
answer, which the caller compares with the registry.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request


class Callers:
    def __init__(self, gateways, kill, after):
        self.gateways, self.kill, self.after = gateways, kill, after
        self.answered, self.broken = 0, 0
        self.lock = threading.Lock()

    def issue(self, job):
        gateway, token = job
        try:
            answer = issue(gateway, token)
        except (urllib.error.URLError, ConnectionError, http.client.HTTPException) as error:
            is_answered = isinstance(error, urllib.error.HTTPError)
            # A store that is busy with many new buckets may answer too late.
            if is_answered and error.code != 502:
                raise
            with self.lock:
                self.broken += not is_answered
            answer = issue(self.gateways[0], token)
        with self.lock:
            self.answered += 1
            if self.answered == self.after:
                os.kill(self.kill, signal.SIGKILL)
        return answer


def issue(gateway, token):
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{gateway}/v1/credentials", method="POST", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["X-Request-Id"], json.load(answer)["bucket"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateways", nargs=2, required=True)
    parser.add_argument("--token-command", required=True)
    parser.add_argument("--people", nargs="+", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--kill", type=int, required=True, help="the second gateway's process id")
    options = parser.parse_args()

    def token(name):
        command = options.token_command % shlex.quote(name)
        return subprocess.check_output(command, shell=True, text=True).strip()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(token, options.people))
    # Each person's calls are adjacent, half of them at each gateway.
    each = options.calls // len(tokens)
    jobs = [(options.gateways[i % 2], token) for token in tokens for i in range(each)]
    window = 8 * each
    for start in range(0, len(jobs), window):
        part = jobs[start : start + window]
        random.shuffle(part)
        jobs[start : start + window] = part
    callers = Callers(options.gateways, options.kill, after=len(jobs) // 2)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(callers.issue, jobs))
    buckets = {}
    for (_, token), (_, bucket) in zip(jobs, answers):
        buckets.setdefault(token, set()).add(bucket)
    assert all(len(own) == 1 for own in buckets.values()), buckets
    assert len(set().union(*buckets.values())) == len(tokens), buckets
    assert callers.broken, "the gateway was not killed in the middle of anything"
    for request_id, bucket in answers:
        print(request_id, bucket)
    print(f"note  {len(answers)} calls of {len(tokens)} people, {callers.broken} broken off and repeated", file=sys.stderr)


main()
