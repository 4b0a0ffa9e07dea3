"""Makes calls, and checks what must hold of every answer and of everything that was handed out."""

import asyncio
import dataclasses
import os
import time
from pathlib import Path

import httpx

import dialects

# How much later than its deadline an answer may be seen here, beside what this machine makes us wait.
SLACK = 0.5

# Answers that take longer than this may have failed because the machine was busy. Below CONNECT_TIMEOUT (1 s): a
# connect that times out on a busy machine counts as late.
PATIENCE = 0.9

# The share of the last 10 s, and of the time of a call, in which something waited for a processor, in percent, from which a
# machine is busy.
PRESSURE, PRESSURE_OF_CALL = 80, 50


def pressure():
    """How much of the last 10 s something waited for a processor, in percent, and for how many seconds since the start of the
    machine: Linux's pressure stall information."""
    try:
        some = Path("/proc/pressure/cpu").read_text().split()
    except OSError:
        return 0, 0
    return float(some[1].removeprefix("avg10=")), int(some[4].removeprefix("total=")) / 1e6


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes
    headers: httpx.Headers
    took: float
    # For how many seconds of that something waited for a processor.
    waited: float

    @property
    def outcome(self):
        return self.status, "" if self.status == 200 else dialects.code_of(self.body)


class Observer:
    """Everything that was asked and answered in a world, and what was wrong with it."""

    def __init__(self, world, rows):
        self.world, self.rows = world, rows
        self.began = time.monotonic()
        # By request id: the access key ids that were answered, and the calls that failed.
        self.granted, self.failed = {}, {}
        self.calls, self.unjudged, self.wrong, self.where, self.stalls = 0, 0, [], "", [0.0]
        self.slowest_pace = 1
        # By call: the longest time from the end of a fault to a good answer, and which fault.
        self.slowest = {}

    def recovered(self, name, took):
        self.slowest[name] = max(self.slowest.get(name, (0.0, "")), (took, self.where))

    def fail(self, text):
        self.wrong.append(text)
        print(f"FAIL  {self.where}: {text} (after {time.monotonic() - self.began:.0f} s)", flush=True)

    async def watch_machine(self):
        """Notes how late this process gets its turn: on a busy machine the gateway does not, either."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.1)
            self.stalls = [*self.stalls[-50:], time.monotonic() - began - 0.1]

    def pace(self):
        """How many times longer than on a free machine everything may take."""
        pace = max(1, os.getloadavg()[0] / os.cpu_count() / 2, max(self.stalls) / 0.1)
        self.slowest_pace = max(self.slowest_pace, pace)
        return pace

    def is_busy(self, answer):
        """Whether a late failure may be the machine's. Its load and the last 10 s lag behind a call."""
        meanwhile = 100 * answer.waited / answer.took
        return self.pace() > 1 or pressure()[0] > PRESSURE or meanwhile > PRESSURE_OF_CALL

    def slack(self):
        return SLACK * self.pace()

    async def send(self, gateway, call):
        method, path, headers, body = call.request
        began, (_, before) = time.monotonic(), pressure()
        limit = call.deadline + self.slack() + 5
        answer = await self.world.client.request(
            method, gateway.url + path, headers=headers, content=body, timeout=limit
        )
        took, (_, after) = time.monotonic() - began, pressure()
        return Answer(answer.status_code, answer.content, answer.headers, took, after - before)

    async def ask(self, gateway, call, faults):
        """Makes a call while these upstreams fail. Returns its answer, or None."""
        self.calls += 1
        try:
            answer = await self.send(gateway, call)
        except httpx.HTTPError as error:
            return self.fail(f"{call.name} was not answered: {error!r}")
        if answer.took > call.deadline + self.slack():
            self.fail(f"{call.name} took {answer.took:.1f} s: {answer.outcome}")
        if answer.headers.get("cache-control") != "no-store":
            self.fail(f"{call.name} may be stored: {answer.headers}")
        right = call.allowed(faults) | (set() if call.refusal else {(200, "")})
        request = answer.headers.get("x-request-id")
        if answer.outcome in right:
            pass
        elif call.is_failure(answer.outcome) and answer.took > PATIENCE and self.is_busy(answer):
            self.unjudged += 1
        else:
            said = f"{call.name} was answered {answer.outcome} after {answer.took:.1f} s instead of {sorted(right)}"
            self.fail(f"{said}: {gateway.said_of(request)}")
        if answer.status == 200 and call.session:
            await self.handed_out(call, answer, request)
        else:
            self.failed[request] = (call, answer, faults)
        return answer

    async def handed_out(self, call, answer, request):
        keys, bucket, prefix = call.session(answer.body)
        self.granted[request] = keys["id"]
        # On record before the answer left: the proxies are not asked here.
        row = await self.rows.fetchrow("SELECT * FROM audit_trail WHERE request_id = $1", request)
        if row is None or row["access_key_id"] != keys["id"]:
            self.fail(f"{call.name}: no audit row when the answer came: {row}")
        if call.key:
            return await self.pair_handed_out(call, keys, row)
        if bucket is not None and (bucket, prefix) != (call.place.bucket, call.place.prefix):
            self.fail(f"{call.name} opens {bucket}/{prefix} instead of {call.place}")
        store, place = self.world.store, call.place
        status, _ = await store.ask(keys, "GET", f"/{place.bucket}/{place.prefix}mine")
        if status != 404:
            self.fail(f"{call.name}: {status} for a get in the caller's own place")
        status, _ = await store.ask(keys, "GET", f"/{place.foreign}")
        if status != 403:
            self.fail(f"{call.name}: {status} for a get of {place.foreign}")

    async def pair_handed_out(self, call, keys, row):
        """A pair that is answered is on record and alive, unless a later one is proven: one rotation ends before
        the next one begins."""
        alive = self.world.store.pairs(call.key)
        recorded = {row["access_key_id"] for row in await self.pairs(call.key)}
        if keys["id"] in alive & recorded:
            return
        query = """SELECT count(*) FROM access_key_pairs p JOIN audit_trail a USING (access_key_id)
                   WHERE p.access_key = $1 AND p.unproven = '' AND a.action = 'access-key rotate' AND a.id > $2"""
        if not row or not await self.rows.fetchval(query, call.key, row["id"]):
            self.fail(f"{call.name}: {keys['id']} is not both alive {alive} and on record {recorded}")

    async def pairs(self, key):
        return await self.rows.fetch("SELECT * FROM access_key_pairs WHERE access_key = $1", key)

    async def check_audit(self):
        """Exactly one row for every answer with credentials. A row without one is right only for a call
        that ended in a failure: of the database, which may have stored it before the connection died, or
        of a rotation, whose pair is recorded before it is handed over; or if time ran out meanwhile."""
        query = "SELECT request_id, access_key_id FROM audit_trail WHERE action IN ('vend', 'access-key rotate')"
        rows = {row["request_id"]: row["access_key_id"] for row in await self.rows.fetch(query)}
        for request, key in self.granted.items():
            if rows.pop(request, None) != key:
                self.fail(f"the audit row of {request} with {key} is gone")
        for request in rows:
            call, answer, faults = self.failed.get(request, (None, None, ()))
            late = call and answer.took > call.deadline - 0.5
            if not call or answer.status == 200 or not (late or call.key or "postgres" in faults):
                self.fail(f"{request} is in the audit trail, and no such answer came")

    async def check_buckets(self, others):
        """Every bucket of the store has one owner in the registry, except `others`; nobody has two."""
        # First: a bucket that is made meanwhile is reserved already.
        made = await self.world.store.buckets()
        rows = await self.rows.fetch("SELECT owner_kind, owner_id, bucket FROM owned_buckets")
        owned = [row["bucket"] for row in rows]
        owners = {(row["owner_kind"], row["owner_id"]) for row in rows}
        strange = made - set(owned) - others
        if strange or len(set(owned)) != len(owned) or len(owners) != len(owned):
            self.fail(f"buckets without an owner, or owners with two: {strange} {len(owned)} {len(owners)}")

    async def check_pairs(self, key, newest):
        """When all is quiet, the store has the newest pair only, and so has the registry."""
        end = time.monotonic() + 5 + 2 * self.pace()  # The keeper looks every 5 s.
        while True:
            alive = self.world.store.pairs(key)
            recorded = {row["access_key_id"] for row in await self.pairs(key)}
            if alive == recorded == {newest}:
                return
            if time.monotonic() > end:
                return self.fail(f"the pairs {alive} are alive and {recorded} on record, the newest is {newest}")
            await asyncio.sleep(0.2)
