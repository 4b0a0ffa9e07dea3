#!/usr/bin/env python3
"""`audit.retention` on PostgreSQL: two gateways remove old rows of one trail at once, while
sessions are issued.

Works on the database of CLOAKROOM_DATABASE__URL, with the configuration of CLOAKROOM_CONFIG.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import urllib.request

from database import check, direct, query, wait_until, wrong

ROWS = 40_000  # over three blocks


class Gateway:
    """A gateway that removes old rows, and the lines of its log about that."""

    def __init__(self, cloakroom, port, **more):
        self.url, self.log = f"http://127.0.0.1:{port}", []
        address = {"CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{port}", "CLOAKROOM_HTTP__PUBLIC_URL": self.url}
        command = [cloakroom, "serve"]
        # Its own buckets: the store has those of other suites.
        name = {"CLOAKROOM_NAMING__NAMESPACE": "retention"}
        environment = os.environ | name | address | more
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=lambda: self.log.extend(map(json.loads, self.process.stderr)), daemon=True).start()

    def is_ready(self):
        assert self.process.poll() is None, self.log
        try:
            return direct.open(f"{self.url}/readyz", timeout=5).status == 200
        except OSError:
            return False

    def removed(self):
        lines = [line for line in self.log if line["message"] == "removed old rows of the audit trail"]
        return sum(line["rows"] for line in lines)

    def ask(self, token):
        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{self.url}/v1/credentials", method="POST", headers=headers)
        return direct.open(request, timeout=20).status

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def fill():
    """An old trail over three blocks, with the row of a session that is out and that of a live key pair."""
    query(
        f"""INSERT INTO audit_trail (time, request_id, dialect, caller, owner_kind, owner_id, bucket, prefix,
            access, access_key_id, expiration) SELECT '2020-01-01T00:00:00Z', 'old ' || n, '', '', '', '', '', '',
            '', '', '2020-01-01T01:00:00Z' FROM generate_series(1, {ROWS}) n;
        UPDATE audit_trail SET request_id = 'kept 1', expiration = '2999-01-01T00:00:00Z' WHERE request_id = 'old 7';
        INSERT INTO access_keys (id, name, owner_kind, owner_id, all_rights, read_buckets, write_buckets,
            bucket_prefix, networks, state, created_at, disabled_at, cleaned_at)
            VALUES ('ak_kept', '', 'organisation', 'acme', '', '', '', '', '', 'active', '', 'x', 'x');
        INSERT INTO access_key_pairs (access_key, access_key_id, issued_at) VALUES ('ak_kept', 'AKIAKEPT', '');
        UPDATE audit_trail SET request_id = 'kept 2', action = 'access-key rotate', owner_kind = 'access-key',
            owner_id = 'ak_kept', access_key_id = 'AKIAKEPT' WHERE request_id = 'old 20000'"""
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cloakroom", required=True)
    arguments.add_argument("--oauth-port", required=True)
    arguments.add_argument("--port", type=int, default=8096)
    arguments = arguments.parse_args()
    first = Gateway(arguments.cloakroom, arguments.port)  # which makes the schema
    assert wait_until(first.is_ready, 20), first.log
    first.stop()
    fill()
    more = {"CLOAKROOM_AUDIT__RETENTION": "400d", "CLOAKROOM_LIMITS__PER_OWNER": "1000/s burst 1000"}
    gateways = [Gateway(arguments.cloakroom, arguments.port + n, **more) for n in range(2)]
    try:
        assert all(wait_until(gateway.is_ready, 20) for gateway in gateways)
        command = [arguments.cloakroom, "dev-token", "alice", "--oauth-port", arguments.oauth_port]
        token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        old = lambda: int(query("SELECT count(*) FROM audit_trail WHERE request_id LIKE 'old %'"))
        calls, during = 0, 0
        while left := old():
            for gateway in gateways:
                assert gateway.ask(token) == 200
                calls += 1
            during = calls if left < ROWS - 2 else during
        check("sessions are issued meanwhile", during > 0, f"{calls} calls")
        rows = int(query("SELECT count(*) FROM audit_trail WHERE action = 'vend' AND request_id NOT LIKE 'kept %'"))
        check("and each has its row", rows == calls, rows)
        kept = query("SELECT string_agg(request_id, ',' ORDER BY id) FROM audit_trail WHERE request_id LIKE 'kept %'")
        check("rows of a session that is out and of a live key pair stay", kept == "kept 1,kept 2", kept)
        removed = lambda: [gateway.removed() for gateway in gateways]
        good = wait_until(lambda: sum(removed()) == ROWS - 2)
        check("the logs say how many rows each gateway removed", good and all(removed()), removed())
        problems = [line for gateway in gateways for line in gateway.log if line["level"] in ("WARN", "ERROR")]
        problems = [line for line in problems if "database" in line["message"]]
        check("neither waits for the other", not problems, problems)
    finally:
        for gateway in gateways:
            gateway.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
