#!/usr/bin/env python3
"""Two gateways on one PostgreSQL, under calls of all dialects, many of them first ones: a gateway is
killed, paused, and cut off from the database; PostgreSQL restarts, crashes, and fails over to a standby.

The database is that of CLOAKROOM_DATABASE__URL, which `postgres.sh start DIR` has started; a standby that
commits with it is made here. Each gateway reaches it through a proxy, which a failover turns to the standby
as a virtual address would. Wanted: every answer with credentials has exactly one row in the audit trail,
and a row without one belongs to a call that failed; each owner has one bucket and each bucket one owner, at
the store, too; sessions open their owner's bucket and no other; whom an operator has blocked or removed gets
nothing from either gateway; the pairs that are alive are those on record, and those that were handed out are
among them; and 5 s after each fault all calls succeed at both gateways.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse

import boto3

from database import URL, check, direct, query, wait_until, wrong
from failover_callers import DIALECTS, REFUSALS, Operator, Traffic, World
from silent_database import Proxy

HERE = pathlib.Path(__file__).parent
# How long each fault lasts, and after how much longer all is to be well, in seconds.
FAULT, RECOVERY, WATCHED = 4.0, 5.0, 8.0
# The other gateway looks at rotations every 5 s, and finishes those whose lease was not renewed for 15 s.
PAUSE = 26.0
# How many rotations begin just before that pause, and how they may end when it is over; 408 if their request had not
# been read.
ROTATIONS, AFTER_PAUSE = 20, {200, 406, 408, 503}


class Gateway:
    def __init__(self, cloakroom, port, environment, log):
        self.url, self.command, self.log = f"http://127.0.0.1:{port}", [cloakroom, "serve"], log
        self.database = urllib.parse.urlsplit(URL)
        self.proxy = Proxy(self.database.hostname, self.database.port)
        place = f"{self.database.username}:{self.database.password}@127.0.0.1:{self.proxy.port}"
        self.environment = environment | {
            "CLOAKROOM_DATABASE__URL": self.database._replace(netloc=place).geturl(),
            "CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{port}",
            "CLOAKROOM_HTTP__PUBLIC_URL": self.url,
        }
        self.start()

    def start(self):
        with open(self.log, "a") as out:
            self.process = subprocess.Popen(self.command, env=self.environment, stderr=out)

    def is_ready(self):
        try:
            return direct.open(f"{self.url}/readyz", timeout=2).status == 200
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()


class Faults:
    """Each method is a fault from its beginning to its end; true for those that only the second gateway has."""

    def __init__(self, gateways, postgres, standby, standby_port):
        self.gateways, self.second, self.postgres = gateways, gateways[1], postgres
        self.standby, self.standby_port, self.traffic = standby, standby_port, None
        url = urllib.parse.urlsplit(URL)
        place = f"{url.username}:{url.password}@127.0.0.1:{standby_port}"
        self.query_standby = asked(url._replace(netloc=place).geturl())

    def server(self, action, directory, **variables):
        subprocess.run([HERE / "postgres.sh", action, directory], check=True, env=os.environ | variables)

    def gateway_killed(self):
        self.second.process.kill()
        self.second.process.wait()
        time.sleep(FAULT)
        self.second.start()
        assert wait_until(self.second.is_ready, 20)
        return True

    def gateway_paused(self):
        taken_over = lambda: self.gateways[0].log.read_text().count("a rotation's process is gone")
        before, rotations = taken_over(), self.traffic.begin_rotations(1, ROTATIONS)
        self.second.process.send_signal(signal.SIGSTOP)
        # What is under way finds its time over afterwards, in the check of the token too.
        self.began = time.time()
        time.sleep(PAUSE)
        self.second.process.send_signal(signal.SIGCONT)
        taken_over = taken_over() - before
        statuses = collections.Counter(call.status for call in rotations() if call.took > PAUSE)
        seen = f"{taken_over} taken over; answers that waited: {dict(statuses)}"
        check("gateway paused: the other one finishes its rotations", taken_over and set(statuses) <= AFTER_PAUSE, seen)
        return True

    def gateway_cut_off(self):
        self.second.proxy.swallow_all()
        time.sleep(FAULT)
        self.second.proxy.swallow()
        return True

    def postgresql_restarted(self):
        self.server("stop", self.postgres)
        self.again()

    def postgresql_crashed(self):
        self.server("crash", self.postgres)
        time.sleep(FAULT)
        self.again()

    def again(self):
        """Starts PostgreSQL, which commits again once its standby is in step."""
        self.server("again", self.postgres)
        assert wait_until(is_in_step, 60)

    def postgresql_failed_over(self):
        self.server("crash", self.postgres)
        time.sleep(FAULT)
        self.server("promote", self.standby)
        for gateway in self.gateways:
            gateway.proxy.upstream = ("127.0.0.1", self.standby_port)


def asked(url):
    def query(statement):
        done = subprocess.run(["psql", url, "-Atc", statement], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return query


def is_in_step():
    return query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"


def synchronous(faults):
    """Makes the standby; from now on each commit waits for it."""
    faults.server("standby", faults.standby, POSTGRES_PORT=str(faults.standby_port))
    # After its primary's restart it is back at once; commits wait for it.
    faults.query_standby("ALTER SYSTEM SET wal_retrieve_retry_interval = '200ms'")
    faults.query_standby("SELECT pg_reload_conf()")
    query("ALTER SYSTEM SET synchronous_standby_names = '*'")
    query("SELECT pg_reload_conf()")
    assert wait_until(is_in_step, 60)


def leave(postgres):
    """The former primary runs again, alone."""
    for action in ("stop", "again"):
        subprocess.run([HERE / "postgres.sh", action, postgres], check=True)
    query("ALTER SYSTEM RESET synchronous_standby_names")
    query("SELECT pg_reload_conf()")


def is_out_of_time(call):
    """Whether the container route, which answers within 1.8 s, gave up: a busy machine is as slow."""
    return call.dialect == "container" and call.status in (500, 502) and call.took > 1.5


def endure(name, faults, fault, traffic):
    """Runs the fault under traffic, and judges the calls from its beginning on."""
    faults.began = time.time()
    has_spared = fault()
    ended = time.time()
    time.sleep(WATCHED)
    calls = [call for call in traffic.calls if call.began >= faults.began]
    failed = [call for call in calls if call.status != 200]
    last = max((call.began + call.took - ended for call in failed if call.began > ended), default=0.0)
    after = {(call.dialect, call.gateway) for call in calls if call.status == 200 and call.began > ended}
    statuses = collections.Counter(call.status for call in failed)
    late = [call for call in failed if call.began + call.took > ended + RECOVERY and not is_out_of_time(call)]
    seen = f"{len(failed)} of {len(calls)} failed {dict(statuses)}, the last {last:.1f} s after its end {late[:3] or ''}"
    well = not late and len(after) == 2 * len(DIALECTS) and set(statuses) <= REFUSALS
    check(f"{name}: all calls succeed again", well, seen)
    if has_spared:
        spared = [call for call in failed if call.gateway == 0 and not is_out_of_time(call)]
        check(f"{name}: the other gateway answers all", not spared, spared[:3] or "as ever")


def judge_operator(operator):
    seen = f"refused {dict(operator.refused)}, served {operator.served}; {operator.wrong[:3] or ''}"
    well = not operator.wrong and operator.refused[403] and operator.refused[404] and operator.served
    check("whom an operator has blocked or removed gets nothing", well, seen)


def judge_sessions(traffic):
    wrong = [statuses for statuses in traffic.tried if statuses != (200, 403)]
    seen = wrong[:3] or f"{len(traffic.tried)} sessions"
    check("sessions open their own bucket and no other", traffic.tried and not wrong, seen)


def judge_pairs(keys, calls, users, replica):
    """Compares the access keys that the store has with those on record and those that were handed out, once
    rotations that were broken off are over."""

    def pairs():
        names = {f"cloakroom-{key}": key for key in keys}
        alive = {
            (names[name], pair["id"])
            for name, user in json.loads(users.read_text())["users"].items()
            if name in names
            for pair in user["keys"]
        }
        rows = replica("SELECT access_key, access_key_id FROM access_key_pairs")
        return alive, {tuple(row.split("|")) for row in rows.split("\n") if row}

    def differ():
        alive, recorded = pairs()
        return alive ^ recorded

    wait_until(lambda: not differ(), 60)
    left = differ()
    seen = sorted(left)[:3] or f"{len(pairs()[0])} pairs"
    check("the pairs that are alive are those on record", not left and pairs()[0], seen)
    asked_for = [call.number for call in calls if call.dialect == "access-key"]
    handed_out = {(keys[call.number], call.pair) for call in calls if call.pair}
    assert max(asked_for) < len(keys), "a key was asked for twice: more keys"
    lost = sorted(handed_out - pairs()[0])
    check("the pairs that were handed out are alive", handed_out and not lost, lost[:3] or f"{len(handed_out)} pairs")


def judge(calls, store, before, replica):
    """Compares what callers got with the registry, the trail and the store."""
    rows = replica("SELECT request_id FROM audit_trail WHERE access_key_id <> ''").split("\n")
    rows = collections.Counter(rows)
    given = {call.id for call in calls if call.status == 200}
    refused = {call.id for call in calls if call.status not in (0, 200)}
    broken = sum(call.status == 0 for call in calls)
    missing = [each for each in given if rows[each] != 1]
    check(
        "answers with credentials have one audit row each",
        not missing,
        missing[:3] or f"{len(given)} answers",
    )
    more = set(rows) - given - refused
    seen = f"{len(set(rows) & refused)} of refused calls, {len(more)} of {broken} that broke off"
    check("other rows are of calls that failed", len(more) <= broken, seen)
    owned = replica("SELECT bucket FROM owned_buckets").split("\n")
    check("each bucket has one owner", len(owned) == len(set(owned)), f"{len(owned)} owners")
    by_person = collections.defaultdict(set)
    for call in calls:
        if call.bucket and call.person is not None:
            by_person[call.person].add(call.bucket)
    one_each = all(len(buckets) == 1 for buckets in by_person.values())
    apart = len(set().union(*by_person.values())) == len(by_person)
    check("each person has one bucket", one_each and apart, f"{len(by_person)} people")
    stray = store() - before - set(owned)
    check("the store has no bucket that is not in the registry", not stray, sorted(stray) or "none")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloakroom", required=True)
    parser.add_argument("--oauth-port", required=True)
    parser.add_argument("--port", type=int, default=8098)
    parser.add_argument("--standby-port", type=int, default=5434)
    parser.add_argument("--postgres", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    environment = dict(os.environ) | {
        "CLOAKROOM_LIMITS__PER_OWNER": "1000/s burst 1000",
        "CLOAKROOM_LIMITS__PER_CALLER": "1000/s burst 1000",
        "CLOAKROOM_NAMING__NAMESPACE": "failover",
    }
    config = pathlib.Path(os.environ["CLOAKROOM_CONFIG"]).read_text()
    setting = lambda name: re.search(rf'storage\.{name} = "([^"]+)"', config)[1]
    keys = {
        "aws_access_key_id": setting("access_key_id"),
        "aws_secret_access_key": setting("secret_access_key"),
    }
    s3 = boto3.client("s3", endpoint_url=setting("endpoint"), region_name="us-east-1", **keys)
    store = lambda: {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    standby = arguments.postgres.parent / "standby"
    gateways, traffic, operator = [], None, None
    try:
        for number in range(2):
            log = arguments.postgres.parent / f"failover-{number}.log"
            gateways.append(Gateway(arguments.cloakroom, arguments.port + number, environment, log))
            assert wait_until(gateways[-1].is_ready, 20), log.read_text()
        world = World(arguments.cloakroom, arguments.oauth_port, environment)
        before = store()
        faults = Faults(gateways, arguments.postgres, standby, arguments.standby_port)
        standby.mkdir()
        synchronous(faults)
        traffic = faults.traffic = Traffic(world, gateways)
        operator = Operator(world, gateways)
        time.sleep(3)
        first = [call for call in traffic.calls if call.status != 200 and not is_out_of_time(call)]
        check("before", traffic.calls and not first, first[:3] or f"{len(traffic.calls)} calls")
        for fault in (
            faults.gateway_killed,
            faults.gateway_paused,
            faults.gateway_cut_off,
            faults.postgresql_restarted,
            faults.postgresql_crashed,
            faults.postgresql_failed_over,
        ):
            endure(fault.__name__.replace("_", " "), faults, fault, traffic)
        traffic.stop()
        operator.stop()
        judge(traffic.calls + operator.calls, store, before, faults.query_standby)
        judge_sessions(traffic)
        judge_operator(operator)
        users = pathlib.Path(os.environ["CLOAKROOM_CONFIG"]).parent / "storage" / "iam.json"
        judge_pairs(world.keys, traffic.calls, users, faults.query_standby)
    finally:
        for each in (traffic, operator):
            if each:
                each.stop()
        for gateway in gateways:
            gateway.stop()
        subprocess.run([HERE / "postgres.sh", "stop", standby], check=True)
        leave(arguments.postgres)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
