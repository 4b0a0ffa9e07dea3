"""Fills the registry at CLOAKROOM_DATABASE__URL, which a gateway has made.

`fill.py owners COUNT` registers people with their buckets. `fill.py trail FIRST LAST TOTAL` writes these rows of
an audit trail of TOTAL that a year of traffic leaves, in place of what a gateway has written after FIRST. It
does so without the indexes and then creates them, and prints how long that takes, in seconds, without
that of the request ids, which is older than the others.
"""

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from base64 import b32encode
from datetime import datetime, timedelta, timezone
from time import perf_counter

OWNERS, ORGANISATIONS, WORKSPACES, ACCESS_KEYS = 1_000_000, 100, 2_000, 5_000
CLIENTS = ["web", "cli", "notebook", "desktop"]
COLUMNS = {
    "owned_buckets": "owner_kind, owner_id, bucket, state, claimed_at",
    "audit_trail": "time, request_id, dialect, caller, owner_kind, owner_id, bucket, prefix, access, "
    "access_key_id, expiration, action, detail, holder",
}
URL = os.environ["CLOAKROOM_DATABASE__URL"]
NOW = datetime.now(timezone.utc)


def digits(*words):
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()


def uuid(number):
    text = f"{number:032x}"
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def person(number):
    client, subject = CLIENTS[number % len(CLIENTS)], uuid(int(digits("person", number)[:32], 16))
    return client, subject, json.dumps([client, subject], separators=(",", ":"))


def bucket(client, subject):
    return digits("", client, subject)[:63]


def utc(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def owners(count):
    for number in range(count):
        client, subject, pair = person(number)
        yield "principal", pair, bucket(client, subject), "ready", "2026-01-01T00:00:00Z"


def moment(number, total):
    return NOW - timedelta(days=365) * (1 - number / total)


def trail(first, last, total):
    """84 % are people's sessions, 10 % members' of workspaces, 5 % organisations', half of them of one;
    the rest are rotations of access keys, and one in a thousand is an operator's."""
    numbers = random.Random(first)
    few = lambda count: int(count * numbers.random() ** 2)  # some come often
    for number in range(first, last):
        at = moment(number, total)
        time, until = utc(at), utc(at + timedelta(hours=1))
        milliseconds = int(at.timestamp() * 1000)
        request = uuid(milliseconds << 80 | 7 << 76 | numbers.getrandbits(12) << 64 | 2 << 62 | numbers.getrandbits(62))
        key = "ASIA" + b32encode(numbers.getrandbits(80).to_bytes(10, "big")).decode()
        session = "read-write", key, until, "vend", "", ""
        kind = numbers.random()
        if kind < 0.84:
            client, subject, pair = person(few(OWNERS))
            yield time, request, "v1", f"principal {pair}", "principal", pair, bucket(client, subject), "", *session
        elif kind < 0.94:
            workspace = few(WORKSPACES)
            organisation, team = f"org-{workspace % ORGANISATIONS}", f"team-{workspace}"
            _, _, pair = person(workspace * 37 + few(30))
            yield (time, request, "workspace", f"principal {pair}", "workspace", f"{organisation}/{team}",
                   f"{organisation}-storage", f"{team}/", *session)
        elif kind < 0.99:
            organisation = "acme" if numbers.random() < 0.5 else f"org-{few(ORGANISATIONS)}"
            yield (time, request, "storage-boto", f"api-key ck_{digits(organisation)[:16]}", "organisation",
                   organisation, f"{organisation}-storage", "", *session)
        elif kind < 0.999:
            number = few(ACCESS_KEYS)
            organisation = f"org-{number % ORGANISATIONS}"
            yield (time, request, "access-key", f"capability ct_{digits('capability', number)[:32]}", "access-key",
                   f"ak_{digits('access key', number)[:32]}", "", "", "", key, "", "access-key rotate",
                   f"read:{organisation}-storage", f"organisation {organisation}")
        elif kind < 0.9995:
            number = few(ACCESS_KEYS)
            organisation = f"org-{number % ORGANISATIONS}"
            yield (time, request, "cli", "operator root", "access-key", f"ak_{digits('access key', number)[:32]}",
                   "", "", "", "", "", "access-key create", f"read:{organisation}-storage (backup)",
                   f"organisation {organisation}")
        else:
            workspace = few(WORKSPACES)
            _, subject, _ = person(few(OWNERS))
            yield (time, request, "cli", "operator root", "workspace", f"org-{workspace % ORGANISATIONS}/team-{workspace}",
                   "", "", "", "", "", "workspace add-member", f"web/{subject} read-write", "")


class Sqlite:
    def __init__(self):
        self.connection = sqlite3.connect(URL.removeprefix("sqlite://").split("?")[0], isolation_level=None)
        for pragma in "synchronous = OFF", "cache_size = -500000":
            self.execute(f"PRAGMA {pragma}")

    def execute(self, statement):
        return self.connection.execute(statement).fetchall()

    def indexes(self):
        return self.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = 'audit_trail' AND type = 'index'")

    def insert(self, table, rows):
        columns = COLUMNS[table]
        places = ", ".join("?" * len(columns.split(",")))
        self.execute("BEGIN")
        self.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
        self.execute("COMMIT")

    def close(self):
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Postgres:
    def psql(self, *arguments):
        command = ["psql", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", URL, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def execute(self, statement):
        return [line.split("|", 1) for line in self.psql("--command", statement).splitlines()]

    def indexes(self):
        return self.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'audit_trail' "
                            "AND indexname <> 'audit_trail_pkey'")

    def insert(self, table, rows):
        copy = ["psql", "--quiet", URL, "--command", f"COPY {table} ({COLUMNS[table]}) FROM STDIN"]
        with subprocess.Popen(copy, stdin=subprocess.PIPE, text=True) as process:
            for row in rows:
                process.stdin.write("\t".join(row).replace("\\", "\\\\") + "\n")
        if process.returncode:
            sys.exit("COPY failed")

    def close(self):
        # As autovacuum does within minutes.
        self.execute("VACUUM ANALYZE audit_trail")


def fill():
    what, *numbers = sys.argv[1], *map(int, sys.argv[2:])
    database = Sqlite() if URL.startswith("sqlite:") else Postgres()
    if what == "owners":
        database.insert("owned_buckets", owners(*numbers))
    else:
        print(f"{fill_trail(database, *numbers):.0f}")
    database.close()


def fill_trail(database, first, last, total):
    indexes = database.indexes()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    database.execute(f"DELETE FROM audit_trail WHERE time > '{utc(moment(first, total))}'")
    database.insert("audit_trail", trail(first, last, total))
    took = 0
    for name, create in indexes:
        began = perf_counter()
        database.execute(create)
        if name != "audit_trail_request_id":
            took += perf_counter() - began
    return took


if __name__ == "__main__":
    fill()
