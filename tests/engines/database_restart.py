#!/usr/bin/env python3
"""PostgreSQL restarts under a gateway: it waits, names the database, and recovers without a restart;
permanent errors end it.

Stops and starts the PostgreSQL of `postgres.sh start DIR`. The gateway has the database of
CLOAKROOM_DATABASE__URL and the configuration of CLOAKROOM_CONFIG.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
URL = urllib.parse.urlsplit(os.environ["CLOAKROOM_DATABASE__URL"])
PLACE = f"PostgreSQL at {URL.hostname}:{URL.port}, database {URL.path[1:]}"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
wrong = []


def check(name, is_good, said):
    print(f"{'ok   ' if is_good else 'FAIL '} PostgreSQL restarts: {name}: {said}", flush=True)
    if not is_good:
        wrong.append(name)


class Gateway:
    """A `cloakroom serve`, and its log."""

    def __init__(self, cloakroom, port, log, **variables):
        self.url, self.log = f"http://127.0.0.1:{port}", log
        environment = os.environ | {
            "CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{port}",
            "CLOAKROOM_HTTP__PUBLIC_URL": self.url,
            **variables,
        }
        with open(log, "w") as out:
            self.process = subprocess.Popen([cloakroom, "serve"], env=environment, stderr=out)

    def ask(self, path, **headers):
        method = "POST" if headers else "GET"
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with direct.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode().strip()
        except OSError as error:
            return 0, str(error)

    def credentials(self, token):
        return self.ask("/v1/credentials", Authorization=f"Bearer {token}")[0]

    def until(self, path, status, seconds=20):
        """How long it takes until the path answers so."""
        began = time.time()
        while (answer := self.ask(path))[0] != status:
            if time.time() > began + seconds or self.process.poll() is not None:
                raise SystemExit(f"{path}: {answer}\n{self.log.read_text()}")
            time.sleep(0.05)
        return time.time() - began

    def lines(self):
        """The log; fails if a line of it is no JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def messages(self, message, since=0):
        return [line for line in self.lines()[since:] if line["message"] == message]

    def waits(self, count, since=0, seconds=20):
        """The lines that say so, once there are that many."""
        end = time.time() + seconds
        while len(waiting := self.messages("waiting for the database", since)) < count:
            if time.time() > end or self.process.poll() is not None:
                raise SystemExit(f"{len(waiting)} of {count} lines\n{self.log.read_text()}")
            self.ask("/readyz")
            time.sleep(0.1)
        return waiting


@contextlib.contextmanager
def running(*arguments, **variables):
    gateway = Gateway(*arguments, **variables)
    try:
        yield gateway
    finally:
        gateway.process.terminate()
        gateway.process.wait()


def comes_later(gateway, postgres, cloakroom, token):
    gateway.until("/livez", 200)
    unready = gateway.ask("/readyz")
    check("not there yet", unready == (503, "not ready: registry"), unready)
    refused = gateway.credentials(token)
    check("nothing is handed out", refused == 500, refused)
    listed = subprocess.run([cloakroom, "org", "list"], capture_output=True, text=True)
    check("a command does not wait", listed.returncode == 1 and PLACE in listed.stderr, listed.stderr.strip())
    waiting = gateway.waits(2)
    named = all(PLACE in line["cause"] for line in waiting)
    check("the log names it", named and URL.password not in gateway.log.read_text(), waiting[0]["cause"])
    postgres("again")
    took = gateway.until("/readyz", 200)
    check("ready once it is there", took < 3, f"{took:.1f} s")
    check("the log says so", len(gateway.messages("no longer waiting for the database")) == 1, "once")
    vended = gateway.credentials(token)
    check("credentials", vended == 200, vended)


def goes_away(gateway, postgres, token):
    before = len(gateway.lines())
    postgres("stop")
    gateway.until("/readyz", 503)
    waited = [line["waited_s"] for line in gateway.waits(3, before)]
    refused = gateway.credentials(token)
    check("away again: nothing is handed out", refused == 500, refused)
    check("the log says so ever more seldom", waited[1] >= 1 and waited[2] >= waited[1] + 2, waited)
    postgres("again")
    took = gateway.until("/readyz", 200)
    check("ready again", took < 6, f"{took:.1f} s")
    vended = gateway.credentials(token)
    check("credentials again, without a restart", vended == 200, vended)


def is_for_good(why, url, *arguments):
    gateway = Gateway(*arguments, CLOAKROOM_DATABASE__URL=url.geturl())
    code = gateway.process.wait(timeout=20)
    last = gateway.lines()[-1]
    said = code == 1 and last["level"] == "ERROR" and last["message"].startswith("database.url: ")
    check(why, said, f"exit {code}, {last['message']}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cloakroom", required=True)
    arguments.add_argument("--oauth-port", required=True)
    arguments.add_argument("--port", default="8097")
    arguments.add_argument("--postgres", required=True, type=pathlib.Path)
    arguments = arguments.parse_args()
    how = (arguments.cloakroom, arguments.port, arguments.postgres.parent / "restart.log")

    def postgres(action):
        subprocess.run([HERE / "postgres.sh", action, arguments.postgres], check=True)

    command = [arguments.cloakroom, "dev-token", "restart", "--oauth-port", arguments.oauth_port]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    postgres("stop")
    with running(*how) as gateway:
        comes_later(gateway, postgres, arguments.cloakroom, token)
        goes_away(gateway, postgres, token)
    server = f"{URL.hostname}:{URL.port}"
    wrong_password = URL._replace(netloc=f"{URL.username}:not-it@{server}")
    is_for_good("a wrong password ends it", wrong_password, *how)
    is_for_good("a database that does not exist", URL._replace(path="/nowhere"), *how)
    is_for_good("no TLS where it is required", URL._replace(query="sslmode=require"), *how)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
