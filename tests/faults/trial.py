"""One trial: faults begin, everybody calls, the faults end, all recovers, and the invariants are checked."""

import asyncio
import json
import time

from dialects import CLASS
from faults import NONE
from world import Gateway

# How long after the end of a fault the gateway may still fail, in seconds.
RECOVERY = 5.0

# Keys of tokens are not read more often than every 10 s (docs/security.md).
RECOVERY_OF_KEYS = 10.0

# A write that hangs at the store is given up after 12 s (LONG_TIMEOUTS), and the making of a pair after 15 s
# (MAKE_LIMIT): the access key, or the caller whose sessions are revoked, is taken for so long.
RECOVERY_OF_WRITES = 15.0

# An access key that PostgreSQL gave to a rotation without saying so is free when the keeper has seen it for 15 s without
# a renewal (GONE). It looks 5 s after its last look has ended, and the one under way may take 3.5 s more to fail.
RECOVERY_OF_LEASES = 25.0

# How long a new gateway may take to open the database on a busy machine. No promise; its calls come after that.
OPENING = 30

# What is tried besides the ordinary calls, where it depends on the upstream.
STATES = {
    "introspection": {"cold", "revocation"},
    "discovery": {"cold"},
    "jwks": {"cold"},
    "sts": {"cold", "revocation", "erasure"},
    "s3": {"cold", "newcomers", "rotation", "revocation", "erasure"},
    "iam": {"cold", "rotation", "deletion"},
    "postgres": {"cold", "newcomers", "rotation", "revocation", "erasure"},
}

# What a gateway needs that has just started, besides: it judges no token before its database is open.
NEW = frozenset({"introspection", "discovery", "postgres"})


class Trial:
    def __init__(self, world, cast, observer, faults):
        self.world, self.cast, self.observer, self.faults = world, cast, observer, faults
        self.upstreams = frozenset(faults)
        self.gateway = world.gateway
        observer.where = ", ".join(f"{name}: {fault.name}" for name, fault in faults.items())
        self.states, self.failing = set().union(*(STATES[name] for name in faults)), 0

    async def run(self):
        calls, wrong, began = self.observer.calls, len(self.observer.wrong), time.monotonic()
        await self.warm_up()
        firsts, goer = [await self.cast.squatted()], self.cast.goer()
        if "newcomers" in self.states:
            firsts += await self.cast.newcomers()
        await self.recovers(goer[1], time.monotonic(), RECOVERY)
        if "deletion" in self.states:
            rotation = await self.cast.key_of(goer[0])
            self.deleted = rotation.key
            await self.recovers(rotation, time.monotonic(), RECOVERY)
        if "introspection" in self.upstreams:
            self.cast.renew_revoker()
        await asyncio.gather(*(self.world.set(fault, name) for name, fault in self.faults.items()))
        cold = Gateway(self.world, "cold") if "cold" in self.states else None
        try:
            await self.during(cold, firsts, goer)
            await self.world.set(NONE, *self.upstreams)
            await self.after(cold, firsts, goer, time.monotonic())
        finally:
            if cold:
                await cold.end()
        await self.check()
        if len(self.observer.wrong) == wrong:
            seen = f"{self.observer.calls - calls} calls, {self.failing} failed"
            print(f"ok    {self.observer.where}: {seen}, {time.monotonic() - began:.0f} s", flush=True)

    async def ask(self, call, gateway=None, faults=None):
        faults = self.upstreams if faults is None else faults
        answer = await self.observer.ask(gateway or self.gateway, call, faults)
        self.failing += answer is None or answer.status >= 500
        return answer

    async def all(self, calls, gateway=None, faults=None):
        return await asyncio.gather(*(self.ask(call, gateway, faults) for call in calls))

    async def warm_up(self):
        calls, now = [*self.cast.standing(), self.cast.of_revoker()], time.monotonic()
        await asyncio.gather(*(self.recovers(call, now, RECOVERY) for call in calls))

    async def during(self, cold, firsts, goer):
        """Everybody calls at once, and again a second later, when pools have seen the fault."""
        cast, rotations = self.cast, []
        if "erasure" in self.states:
            self.erasing = asyncio.create_task(self.erase(goer[0]))
        if "rotation" in self.states:
            rotations = [cast.rotation(), cast.rotation()]
        work = [self.all([*cast.standing(), *cast.fresh(), *cast.refused(), *firsts, *rotations])]
        if cold:
            work.append(self.cold(cold))
        if "revocation" in self.states:
            work.append(self.revoke())
        if "deletion" in self.states:
            work.append(self.delete_key())
        self.rotate_secrets()
        work = [asyncio.create_task(part) for part in work]
        await asyncio.sleep(1)
        await asyncio.gather(*work, self.all([*cast.standing(), *rotations]))

    def rotate_secrets(self):
        if "jwks" in self.upstreams:
            self.world.server.rotate()
        if "introspection" in self.upstreams:
            self.world.rotate_secret()

    async def cold(self, cold):
        """A gateway that starts while the upstreams fail listens, and answers as the other does."""
        if not await cold.until(self.world.client, "/livez", 5 + self.observer.slack()):
            # It ends only if the database refuses it for good.
            if not (cold.has_ended() and "postgres" in self.upstreams):
                self.observer.fail(f"a new gateway does not listen: {cold.log.read_text()[-600:]}")
            return
        if "postgres" not in self.upstreams:
            await cold.until_opened(self.world.client, OPENING)
        rotation = [self.cast.rotation()] if "rotation" in self.states else []
        await self.all([*self.cast.standing(NEW), *self.cast.refused(NEW), *rotation], cold)

    async def revoke(self):
        """Sessions that are said to be revoked at once are refused."""
        opened = await self.ask(self.cast.of_revoker())
        answer = await self.ask(self.cast.revocation())
        if not (opened and answer and opened.status == answer.status == 200):
            return answer
        if json.loads(answer.body)["revoked"] == "immediate":
            keys, bucket, _ = self.cast.of_revoker().session(opened.body)
            status, _ = await self.world.store.ask(keys, "GET", f"/{bucket}/mine")
            if status != 403:
                self.observer.fail(f"a revoked session gets {status}")
        return answer

    async def erase(self, subject):
        """Whoever is erased has no bucket, once the command says so."""
        done = await self.world.command("erase", "--owner", f"faults/{subject}", "--yes", "--json")
        if done.returncode == 0 and self.world.bucket_of(subject) in await self.world.store.buckets():
            self.observer.fail(f"{subject} is erased and has a bucket: {done.stdout}")
        if done.returncode not in (0, 1):
            self.observer.fail(f"erase ends with {done.returncode}: {done.stderr}")
        return done

    async def delete_key(self):
        """Deletes an access key. The command says so if its pair may still work."""
        done = await self.world.command("access-key", "delete", self.deleted)
        if done.returncode == 0 and self.world.store.pairs(self.deleted):
            self.observer.fail(f"{self.deleted} is deleted and has a pair: {done.stdout}")
        if done.returncode and "is deleted, but" not in done.stderr and "postgres" not in self.upstreams:
            self.observer.fail(f"an access key cannot be deleted: {done.stderr}")

    async def after(self, cold, firsts, goer, ended):
        """All that failed works again in time."""
        limit = RECOVERY_OF_KEYS if "jwks" in self.upstreams else RECOVERY
        cast, work = self.cast, []
        calls = [*cast.standing(), *cast.fresh()[::3], *cast.refused(), *firsts]
        if cold:
            if cold.has_ended():
                cold.start()
            calls_of_cold = [*cast.standing(NEW), *cast.refused(NEW)]
            work += [self.recovers(call, ended, limit, cold) for call in calls_of_cold]
        if "revocation" in self.states:
            work.append(self.recovers(cast.revocation(), ended, RECOVERY_OF_WRITES))
        if "rotation" in self.states:
            hung = RECOVERY_OF_LEASES if "postgres" in self.upstreams else RECOVERY_OF_WRITES
            rotations = [cast.own_rotation(), cast.lent_rotation(), cast.rotation()]
            work += [self.rotation_recovers(call, ended, hung) for call in rotations]
        else:
            rotations = [cast.own_rotation(), cast.lent_rotation()]
            work += [self.rotation_recovers(call, ended, limit) for call in rotations]
        if "erasure" in self.states:
            work.append(self.erasure_recovers(goer, ended))
        if "deletion" in self.states:
            work.append(self.deletion_recovers(ended))
        await asyncio.gather(*(self.recovers(call, ended, limit) for call in calls), *work)

    async def recovers(self, call, ended, limit, gateway=None):
        """Repeats a call until it is answered as without a fault. A failure that begins too late is wrong."""
        right = call.words[call.refusal] if call.refusal else {(200, "")}
        while True:
            began = time.monotonic() - ended
            over = began > limit * self.observer.pace()
            if gateway and not over and not await gateway.until(self.world.client, "/readyz", 0.1):
                continue
            answer = await self.ask(call, gateway, faults=frozenset() if over else frozenset(CLASS))
            if answer and answer.outcome in right:
                if self.faults:
                    self.observer.recovered(call.name, began)
                return answer
            if over:
                return self.observer.fail(f"{call.name} does not recover in {limit:.0f} s: {answer and answer.outcome}")
            await asyncio.sleep(0.1)

    async def rotation_recovers(self, call, ended, limit):
        answer = await self.recovers(call, ended, limit)
        if answer:
            keys, *_ = call.session(answer.body)
            await self.observer.check_pairs(call.key, keys["id"])

    async def erasure_recovers(self, goer, ended):
        subject, call = goer
        done = await self.erasing
        # A reading that hangs at the store is given up after 12 s, and so may end this one. The next one works.
        ended = max(ended, time.monotonic())
        while done.returncode:
            if time.monotonic() - ended > RECOVERY * self.observer.pace():
                return self.observer.fail(f"erase does not recover: {done.stderr}")
            done = await self.erase(subject)
        answer = await self.observer.send(self.gateway, call)
        if answer.outcome not in call.words["blocked"]:
            self.observer.fail(f"one who was erased is answered {answer.outcome}")

    async def deletion_recovers(self, ended):
        """The pair of an access key that is deleted ends by itself, when the engine can be asked again."""
        if "postgres" in self.upstreams:
            await self.world.command("access-key", "delete", self.deleted)
        while self.world.store.pairs(self.deleted):
            if time.monotonic() - ended > RECOVERY_OF_LEASES * self.observer.pace():
                return self.observer.fail(f"the pair of {self.deleted}, which is deleted, is alive")
            await asyncio.sleep(0.1)

    async def check(self):
        observer = self.observer
        await observer.check_audit()
        await observer.check_buckets(self.cast.foreign)
        if self.world.server.strayed:
            observer.fail(f"a redirect was followed: {self.world.server.strayed}")
            self.world.server.strayed.clear()
        if self.gateway.has_ended():
            observer.fail(f"the gateway has ended: {self.gateway.log.read_text()[-600:]}")
