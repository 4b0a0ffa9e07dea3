#!/usr/bin/env python3
"""Two tests of the registry that need PostgreSQL: two operators assign one bucket to two owners at
once, and a server refuses one of the settings that limit a connection.

Works on the database of CLOAKROOM_DATABASE__URL, with the configuration of CLOAKROOM_CONFIG.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.parse

from database import URL, check, direct, query, wait_until, wrong

ROUNDS = 30
RACE = f"race-{os.urandom(4).hex()}"


class Lock:
    """A session that holds a lock on a table until it is released."""

    def __init__(self, table, mode):
        self.session = subprocess.Popen(
            ["psql", URL, "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.say(f"BEGIN; LOCK TABLE {table} IN {mode} MODE; SELECT 'held';")
        assert self.session.stdout.readline() == "held\n"

    def say(self, statement):
        self.session.stdin.write(statement + "\n")
        self.session.stdin.flush()

    def release(self):
        self.session.communicate("COMMIT;\n")


def waiting():
    """The number of sessions that wait for a lock."""
    return int(query("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"))


def give_to_both(cloakroom, number):
    """Assigns one bucket to an organisation and to another one's access key. The lock holds the access
    key back after it has read who has the bucket and before it is added, until the organisation has
    been created or waits for the key."""
    bucket = f"{RACE}-{number}"
    lock = Lock("access_keys", "SHARE")

    def start(*command):
        return subprocess.Popen([cloakroom, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    key = start("access-key", "create", "--name", bucket, "--org", RACE, "--write-bucket", bucket)
    blocked = wait_until(lambda: waiting() == 1 or key.poll() is not None)
    org = start("org", "create", bucket, "--bucket", bucket)
    blocked &= wait_until(lambda: waiting() == 2 or org.poll() is not None)
    lock.release()
    errors = [process.communicate(timeout=60)[1] for process in (key, org)]
    return blocked, [key.returncode, org.returncode], errors


def race(cloakroom):
    subprocess.run([cloakroom, "org", "create", RACE], check=True, capture_output=True)
    both = neither = 0
    last = ""
    for number in range(ROUNDS):
        blocked, codes, errors = give_to_both(cloakroom, number)
        both += codes == [0, 0]
        if not blocked or 0 not in codes:
            neither, last = neither + 1, str((codes, errors))
    summary = f"of {ROUNDS} rounds both in {both}, neither in {neither} {last}"
    check("a bucket for two owners at once goes to one of them", both == neither == 0, summary)


class LacksOneSetting:
    """A proxy in front of the server, behind which one setting is unknown."""

    def __init__(self, setting):
        url = urllib.parse.urlsplit(URL)
        self.upstream, self.setting = (url.hostname, url.port), setting.encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        netloc = f"{url.username}:{url.password}@127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = url._replace(netloc=netloc).geturl()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.upstream)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def copy(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data.replace(self.setting, b"x" * len(self.setting)))
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def one_setting_is_unknown(cloakroom, port):
    """A dead gateway's sessions at the server end by themselves, although one of the limits is unknown."""
    proxy = LacksOneSetting("tcp_user_timeout")
    environment = os.environ | {
        "CLOAKROOM_DATABASE__URL": proxy.url,
        "CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{port}",
        "CLOAKROOM_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    process = subprocess.Popen([cloakroom, "serve"], env=environment, stderr=subprocess.PIPE, text=True)
    log = []
    threading.Thread(target=lambda: log.extend(process.stderr), daemon=True).start()

    def ready():
        try:
            return direct.open(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200
        except OSError:
            return False

    try:
        check("it serves without one of the settings", wait_until(ready), ready())
        # The gateway's background queries and writes wait.
        lock = Lock("probe", "ACCESS EXCLUSIVE")
        try:
            check("a statement of the gateway's waits", wait_until(lambda: not ready() and waiting()), waiting())
        finally:
            process.kill()
            process.wait()
        ended = wait_until(lambda: waiting() == 0, 8)
        check("what a dead gateway leaves ends within seconds", ended, f"{waiting()} wait")
        lock.release()
        warned = [line for line in log if re.search("refuses a setting", line)]
        check("one warning for the setting", len(warned) == 1, warned)
    finally:
        process.kill()
        process.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cloakroom", required=True)
    arguments.add_argument("--port", default="8096")
    arguments = arguments.parse_args()
    # Also creates the tables.
    one_setting_is_unknown(arguments.cloakroom, arguments.port)
    race(arguments.cloakroom)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
