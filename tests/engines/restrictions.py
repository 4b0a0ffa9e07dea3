#!/usr/bin/env python3
"""Blocks on PostgreSQL: a session that was checked before a block is not handed out after it, and neither VACUUM of the
trail nor many calls stop anyone from blocking.

Works on the database of CLOAKROOM_DATABASE__URL, with the configuration of CLOAKROOM_CONFIG.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
import urllib.error

from database import URL, check, query, wait_until, wrong
from database_limits import Lock, waiting
from retention import Gateway

# Buckets of its own: the store has those of other suites.
NAMESPACE = {"CLOAKROOM_NAMING__NAMESPACE": "restrictions"}


def asks(gateway, token):
    """The status of a call, once it has come."""
    seen = []

    def ask():
        try:
            seen.append(gateway.ask(token))
        except urllib.error.HTTPError as error:
            seen.append(error.code)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, seen


def sessions():
    return int(query("SELECT count(*) FROM audit_trail WHERE action = 'vend'"))


def block_during_a_call(gateway, token):
    """The block is written but not committed when the call comes; the call was checked without it."""
    before = sessions()
    session = subprocess.Popen(["psql", URL, "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    session.stdin.write(
        """BEGIN;
        UPDATE fingerprint SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'restrictions';
        INSERT INTO blocks (kind, name, reason, since, until) VALUES ('client', 'demo', 'test', '2026-01-01T00:00:00Z', '');
        SELECT 'written';
"""
    )
    session.stdin.flush()
    assert session.stdout.readline() == "written\n"
    thread, seen = asks(gateway, token)
    check("a call waits for a block that is under way", wait_until(lambda: waiting() == 1 or seen, 20) and not seen, seen)
    session.communicate("COMMIT;\n")
    thread.join()
    check("it is refused by the block", seen == [403], seen)
    check("and nothing of it is recorded", sessions() == before, sessions() - before)


# What a call's event holds while it is written.
SHARE = "SELECT value FROM fingerprint WHERE name = 'restrictions' FOR SHARE;"


def block(cloakroom, *command):
    """A command that blocks, or ends a block."""
    environment = os.environ | NAMESPACE
    return subprocess.Popen([cloakroom, *command, "--client", "demo"], env=environment, stderr=subprocess.PIPE, text=True)


def call_during_a_block(cloakroom):
    """An event is written but not committed when the operator blocks."""
    event = Lock("probe", "ACCESS SHARE")
    event.say(SHARE)
    assert event.session.stdout.readline().strip().isdigit()
    blocking = block(cloakroom, "unblock")
    waits = wait_until(lambda: waiting() == 1 or blocking.poll() is not None, 20) and blocking.poll() is None
    check("a block waits for a call that is under way", waits, blocking.poll())
    event.release()
    check("and then takes place", blocking.wait(20) == 0, blocking.stderr.read().strip())


def block_among_calls(cloakroom):
    """As from twelve replicas: at each moment some of them write an event."""
    script = f"BEGIN; {SHARE} SELECT pg_sleep(0.02); COMMIT;\n" * 3000
    calls = [subprocess.Popen(["psql", URL, "-Atq"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(12)]
    for call in calls:
        threading.Thread(target=call.communicate, args=(script,)).start()
    busy = lambda: int(query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")) > 1
    assert wait_until(busy, 20)
    for command in (["block", "--reason", "test"], ["unblock"], ["block", "--reason", "test"]):
        began = time.monotonic()
        blocking = block(cloakroom, *command)
        code, took = blocking.wait(20), time.monotonic() - began
        check(f"among calls: {command[0]}", code == 0, f"{took:.1f} s {blocking.stderr.read().strip()}")
    check("the calls go on meanwhile", all(call.poll() is None for call in calls), [call.poll() for call in calls])
    for call in calls:
        call.kill()


def block_during_vacuum(cloakroom, gateway, token):
    lock = Lock("audit_trail", "SHARE UPDATE EXCLUSIVE")
    try:
        for command, status in ((["unblock"], 200), (["block", "--reason", "test"], 403)):
            began = time.monotonic()
            blocking = block(cloakroom, *command)
            code, took = blocking.wait(20), time.monotonic() - began
            check(f"during VACUUM: {command[0]}", code == 0, f"{took:.1f} s {blocking.stderr.read().strip()}")
            thread, seen = asks(gateway, token)
            thread.join()
            check("a call after it", seen == [status], seen)
    finally:
        lock.release()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cloakroom", required=True)
    arguments.add_argument("--oauth-port", required=True)
    arguments.add_argument("--port", type=int, default=8096)
    arguments = arguments.parse_args()
    gateway = Gateway(arguments.cloakroom, arguments.port, **NAMESPACE)
    try:
        assert wait_until(gateway.is_ready, 20), gateway.log
        command = [arguments.cloakroom, "dev-token", "alice", "--oauth-port", arguments.oauth_port]
        token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        thread, seen = asks(gateway, token)
        thread.join()
        check("before", seen == [200], seen)
        block_during_a_call(gateway, token)
        call_during_a_block(arguments.cloakroom)
        block_among_calls(arguments.cloakroom)
        block_during_vacuum(arguments.cloakroom, gateway, token)
    finally:
        gateway.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
