"""Faults in one upstream of a gateway, one after the other: `play.py --cloakroom BINARY --folder DIR UPSTREAM`.

`random` plays combinations in several for MINUTES; the printed SEED repeats them.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

import faults
from cast import Cast
from observer import Observer
from trial import RECOVERY, Trial
from world import UPSTREAMS, World, speaks

# What may be left of all faults: MiB and descriptors.
MEMORY, DESCRIPTORS = 32, 8
# How long idle connections stay open, in seconds, and how many there may be after each fault.
IDLE, CONNECTIONS = 65, 40

# The share of calls that a busy machine may keep from being judged.
UNJUDGED = 0.03


def planned(options, chance):
    """The faults of an upstream that are asked for; or combinations until the time is over."""
    if options.upstream != "random":
        for fault in faults.of(speaks(options.upstream)):
            if options.only in fault.name:
                yield {options.upstream: fault}
        return
    end = time.monotonic() + 60 * float(os.environ.get("MINUTES", "1"))
    while time.monotonic() < end:
        names = sorted(chance.sample(UPSTREAMS, chance.randint(1, 3)))
        yield {name: chance.choice(faults.of(speaks(name))) for name in names}


async def prepare(world, cast, observer):
    """The first calls, without a fault. Returns what the gateway takes then."""
    await cast.start()
    quiet = Trial(world, cast, observer, {})
    observer.where = f"{world.name}: before"
    for call in [*cast.standing(), cast.of_revoker(), cast.rotation(), *cast.first_of_moved()]:
        await quiet.recovers(call, time.monotonic(), RECOVERY)
    await cast.fill()
    await asyncio.sleep(1.1)  # storage.bucket_recheck
    for _ in range(3):
        await quiet.warm_up()
        await quiet.all([cast.rotation()] * 3)
    return world.gateway.memory(), world.gateway.descriptors()


async def check_rest(world, observer, before, more_descriptors, limit):
    """Waits until the gateway takes about as little as before the faults. Returns what it takes."""
    end = time.monotonic() + limit
    while True:
        memory, descriptors = world.gateway.memory(), world.gateway.descriptors()
        if memory <= before[0] + MEMORY and descriptors <= before[1] + more_descriptors:
            return memory, descriptors
        if time.monotonic() > end:
            seen = f"{memory} MiB and {descriptors} descriptors; before the faults {before[0]} and {before[1]}"
            observer.fail(seen)
            return memory, descriptors
        await asyncio.sleep(0.5)


async def play(options, seed):
    world = World(options.cloakroom, options.folder, options.upstream, seed)
    print(f"{options.upstream}: SEED={seed}{', with storage.session_reuse' if world.reuses else ''}", flush=True)
    try:
        await world.start()
        cast, observer = Cast(world), Observer(world, world.rows)
        watching = asyncio.create_task(observer.watch_machine())
        before = await prepare(world, cast, observer)
        rests = []
        for faulty in planned(options, random.Random(seed)):
            await Trial(world, cast, observer, faulty).run()
            if not world.gateway.has_ended():
                limit = RECOVERY * observer.pace()
                rests.append(await check_rest(world, observer, before, DESCRIPTORS + CONNECTIONS, limit))
        observer.where = f"{world.name}: in the end"
        rests.append(await check_rest(world, observer, before, DESCRIPTORS, IDLE))
        most = [max(each) for each in zip(*rests)]
        seen = f"{before[0]} MiB and {before[1]} descriptors; after a fault {most[0]} and {most[1]} at most"
        print(f"note  {world.name}: before the faults {seen}; in the end {rests[-1][0]} and {rests[-1][1]}", flush=True)
        watching.cancel()
        if world.reuses != (len(set(observer.granted.values())) < len(observer.granted)):
            observer.fail(f"sessions were handed out again: {not world.reuses}")
    finally:
        world.stop()
    for name, (took, where) in sorted(observer.slowest.items(), key=lambda one: -one[1][0])[:3]:
        print(f"note  {name} recovered after {took:.1f} s at most ({where})")
    if observer.unjudged:
        print(f"note  {world.name}: {observer.unjudged} late failures are not judged: the machine was busy")
    if observer.unjudged > observer.calls * UNJUDGED:
        observer.fail(f"{observer.unjudged} of {observer.calls} calls could not be judged: use JOBS=1, or another machine")
    if observer.slowest_pace > 1:
        print(f"note  {world.name}: the machine was busy, and limits were up to {observer.slowest_pace:.1f} times as long")
    seen = f"{observer.calls} calls, {len(observer.granted)} credentials, {len(observer.wrong)} wrong"
    print(f"{world.name}: {seen}, {time.monotonic() - observer.began:.0f} s")
    return bool(observer.wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloakroom", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--only", default="", help="a part of the names of the faults to try")
    parser.add_argument("upstream", choices=[*UPSTREAMS, "random"])
    options = parser.parse_args()
    options.folder.mkdir(mode=0o755, parents=True)
    seed = os.environ.get("SEED") or str(random.randrange(10**9))
    sys.exit(asyncio.run(play(options, seed)))


main()
