#!/usr/bin/env python3
"""PostgreSQL behind a proxy whose connections die in silence, as behind a firewall that drops
connections: every byte is acknowledged, no answer comes back, neither side sees a close.

Starts a gateway of its own, on the database of CLOAKROOM_DATABASE__URL and with the configuration of
CLOAKROOM_CONFIG. Wanted: a connection that dies costs one call at most, and no call fails 5 s later.
"""

import argparse
import collections
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

CALLERS = 16
ROUNDS = 5
PAUSE = 5.0
POOL = 9
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Proxy:
    """Forwards TCP; `swallow` kills the connections that are open; `delay` slows answers."""

    def __init__(self, host, port):
        self.upstream, self.dead_below, self.accepted, self.delay = (host, port), 0, 0, 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            number, self.accepted = self.accepted, self.accepted + 1
            try:
                server = socket.create_connection(self.upstream)
            except OSError:
                client.close()
                continue
            for pair in ((client, server, 0), (server, client, 1)):
                threading.Thread(target=self.copy, args=(*pair, number), daemon=True).start()

    def copy(self, source, target, is_answer, number):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            if number < self.dead_below:
                if not data:
                    return  # Both sockets stay open.
                continue
            if not data:
                break
            if is_answer:
                time.sleep(self.delay)
            try:
                target.sendall(data)
            except OSError:
                break
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def swallow(self):
        self.dead_below = self.accepted

    def swallow_all(self):
        """Until `swallow`, new connections die as well."""
        self.dead_below = sys.maxsize


WORKSPACE = ("GET", "/api/v1/org/silent/ws/research/storage/credentials")
OWN = ("POST", "/v1/credentials")


def ask(gateway, token, route=OWN):
    """A call for a person's bucket takes one statement, one for a workspace takes three."""
    request = urllib.request.Request(gateway + route[1], method=route[0])
    request.add_header("Authorization", "Bearer " + token)
    try:
        with direct.open(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        return f"{error.code} {problem.get('type', problem.get('code')).rsplit('/', 1)[-1]}"


def under_load(gateway, tokens, proxy):
    """Returns the failures by status, and when the last failed call began, in seconds after the connections
    died."""
    answers, stop = [], threading.Event()

    def call(token, route):
        while not stop.is_set():
            began = time.time()
            answers.append((ask(gateway, token, route), began))
            time.sleep(0.01)

    routes = [OWN, WORKSPACE] * len(tokens)
    threads = [threading.Thread(target=call, args=pair) for pair in zip(tokens, routes)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    proxy.swallow()
    died = time.time()
    time.sleep(PAUSE + 3)
    stop.set()
    for thread in threads:
        thread.join()
    answers = [(status, began - died) for status, began in answers]
    failed = [(status, when) for status, when in answers if status != 200]
    last = max((when for _, when in failed), default=0.0)
    good_after = [status for status, when in answers if when > PAUSE and status == 200]
    return collections.Counter(status for status, _ in failed), last, len(answers), len(good_after)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cloakroom", required=True)
    arguments.add_argument("--oauth-port", required=True)
    arguments.add_argument("--port", default="8095")
    arguments = arguments.parse_args()
    url = urllib.parse.urlsplit(os.environ["CLOAKROOM_DATABASE__URL"])
    proxy = Proxy(url.hostname, url.port)
    through = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{proxy.port}")
    environment = dict(os.environ)
    environment |= {
        "CLOAKROOM_DATABASE__URL": through.geturl(),
        "CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{arguments.port}",
        "CLOAKROOM_HTTP__PUBLIC_URL": f"http://127.0.0.1:{arguments.port}",
        "CLOAKROOM_LIMITS__PER_OWNER": "1000/s burst 1000",
        "CLOAKROOM_NAMING__NAMESPACE": "silent",
    }
    gateway = f"http://127.0.0.1:{arguments.port}"
    process = subprocess.Popen(
        [arguments.cloakroom, "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    wrong = []

    def check(name, is_good, seen):
        print(f"{'ok   ' if is_good else 'FAIL '} PostgreSQL in silence: {name}: {seen}", flush=True)
        if not is_good:
            wrong.append(name)

    try:
        for _ in range(200):
            try:
                direct.open(gateway + "/readyz", timeout=1)
                break
            except OSError:
                time.sleep(0.1)

        def token(user):
            command = [arguments.cloakroom, "dev-token", user, "--oauth-port", arguments.oauth_port]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

        def operate(*command):
            subprocess.run(
                [arguments.cloakroom, *command], env=environment, check=True, capture_output=True
            )

        operate("org", "create", "silent")
        operate("workspace", "create", "silent/research")
        for i in range(CALLERS):
            operate("workspace", "add-member", "silent/research", "--subject", f"silent-{i}")
        tokens = [token(f"silent-{i}") for i in range(CALLERS)]
        first = [ask(gateway, each) for each in tokens]
        check("before", first == [200] * CALLERS, f"{first.count(200)} of {CALLERS} calls")
        proxy.delay = 1.5
        slow = ask(gateway, token("silent-slow"))
        proxy.delay = 0.0
        check("a first call, 1.5 s a statement", slow == "500 internal-error", slow)
        time.sleep(2)
        proxy.swallow()
        idle = collections.Counter(ask(gateway, tokens[0]) for _ in range(20))
        check("idle connections die", idle == {200: 20}, dict(idle))
        for number in range(1, ROUNDS + 1):
            failed, last, calls, good = under_load(gateway, tokens, proxy)
            seen = f"{failed.total()} of {calls} calls failed {dict(failed)}, the last after {last:.1f} s"
            is_good = failed.total() <= POOL and last <= PAUSE and good
            check(f"connections in use die, round {number}", is_good, seen)
    finally:
        process.terminate()
        process.wait()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
