#!/usr/bin/env python3
"""HTTP at the edges: sends the shapes of shapes.py to gateways beside `cloakroom dev`, directly and
through nginx and HAProxy, and 10,000 connections each way. `tests/edges/run` says how.

Wanted, whatever a client sends: the gateway and the proxy agree about where each request ends (every
request in the gateway's log is one that the proxy sent as one), nobody gets another's answer, the
statuses are the contract's, nothing hangs, and descriptors and memory are back afterwards.
"""

import argparse
import concurrent.futures
import itertools
import pathlib
import subprocess
import sys
import time

import crowd
import h2
import heads
import mutants
import proxies
import shapes
import wire
from front import Front, Wrong, need

# What a gateway may have grown by in the end, in MB: caches fill, and an allocator keeps some.
GROWTH = 40


class Report:
    def __init__(self):
        self.passed, self.failed = 0, []

    def check(self, name, holds, seen=""):
        if holds:
            self.passed += 1
        else:
            self.failed.append(name)
        print(f"{'ok   ' if holds else 'FAIL '} {name}{f': {seen}' if seen else ''}", flush=True)


def as_wanted(shape, front, outcome):
    """Through a proxy a shape is either served as by the gateway itself, or refused, or the proxy may choose."""
    if front.proxy is None:
        return not shape.direct or outcome.statuses == shape.direct and outcome.end != "open"
    served = outcome.statuses == shape.direct
    refused = not outcome.statuses.startswith("200")
    return {"serve": served, "refuse": refused, "either": True}[shape.proxied]


def play(front, table):
    """Returns by shape what was seen, and what was wrong with it. Those that wait for a time limit do so
    together."""
    table = list(table)
    waiting = [shape for shape in table if shape.waits]
    results = {}
    for together in [waiting] * bool(waiting) + [[shape] for shape in table if not shape.waits]:
        try:
            for shape, outcome in zip(together, front.attempt(*together)):
                wrong = (
                    "" if as_wanted(shape, front, outcome) else f"wanted {shape.direct}, to {shape.proxied}"
                )
                results[shape.name] = summary(outcome), wrong
        except (Wrong, wire.NotHttp, OSError) as error:
            results |= {shape.name: ("?", f"{type(error).__name__}: {error}") for shape in together}
            front.start_again()
    return results


def summary(outcome):
    """`3×200 404`: the statuses; and how the connection ended, unless the peer closed it."""
    parts = (f"{len(list(run))}×{status}" for status, run in itertools.groupby(outcome.statuses.split()))
    return " ".join(part.removeprefix("1×") for part in parts) + (
        f", {outcome.end}" if outcome.end != "closed" else ""
    )


def play_h2(front, port, cases):
    results = {}
    for name, frames in cases.items():
        try:
            seen = h2.send(port, frames)
            front.agree(front.victim_is_served())
            results[f"HTTP/2, {name}"] = seen, "no end" if seen == "open" else ""
        except (Wrong, OSError) as error:
            results[f"HTTP/2, {name}"] = "?", f"{type(error).__name__}: {error}"
            front.start_again()
    return results


def keeps_its_connection(front):
    """Whether the proxy uses a connection to the gateway again, for another client."""
    before = front.gateway.peers()
    for _ in range(3):
        front.victim_is_served()
    front.settle(3)
    return bool(before) and front.gateway.peers() == before


def names_the_client(front):
    """Whether the log has the client's address, and not the one that it writes into the header itself."""
    forged = shapes.PROBE.replace(shapes.HOST, shapes.HOST + b"X-Forwarded-For: 203.0.113.7\r\n")
    wire.exchange(front.port, [forged], 10, source="127.0.0.2")
    return [line["client"] for line in front.settle(1)[0]] == ["127.0.0.2"]


def everything(front, arguments, attacker):
    """All that is sent through one front, one after the other."""
    ways = {}
    if front.proxy:
        ways["keeps its connection to the gateway"] = keeps_its_connection(front)
        ways["names the client to the gateway"] = names_the_client(front)
    before = front.gateway.descriptors(), front.gateway.memory()
    results = play(front, heads.shapes(attacker))
    if front.proxy:
        results |= play_h2(front, front.port + 1, h2.cases(attacker))
    results |= play(front, mutants.mutants(attacker, arguments.seed, arguments.mutants))
    end = time.monotonic() + 12
    while front.gateway.descriptors() > before[0] + 8 and time.monotonic() < end:
        time.sleep(0.1)
    after = front.gateway.descriptors(), front.gateway.memory()
    return ways, results, [now - then for now, then in zip(after, before)]


def tell(report, fronts, outcomes):
    """Prints a row for each shape, and what holds for each front as a whole."""
    names = dict.fromkeys(
        name for _, results, _ in outcomes for name in results if not name.startswith("mutant")
    )
    for name in names:
        seen = {
            front.name: results[name] for front, (_, results, _) in zip(fronts, outcomes) if name in results
        }
        wrong = {front: f"{status}: {why}" for front, (status, why) in seen.items() if why}
        row = "; ".join(f"{front} {status}" for front, (status, _) in seen.items())
        report.check(name, not wrong, row if not wrong else wrong)
    for front, (ways, results, growth) in zip(fronts, outcomes):
        mutated = {name: why for name, (_, why) in results.items() if name.startswith("mutant")}
        wrong = {name: why for name, why in mutated.items() if why}
        report.check(f"{front.name}: shapes at random", not wrong, wrong or f"{len(mutated)} sent")
        for way, holds in ways.items():
            report.check(f"{front.name}: {way}", holds)
        errors = [line for line in proxies.Log(front.gateway.log.path).new() if line["level"] == "ERROR"]
        report.check(f"{front.name}: the gateway logs no error", not errors, errors[:3] or "")
        good = growth[0] <= 8 and growth[1] < GROWTH
        report.check(
            f"{front.name}: all is given back", good, f"{growth[0]} descriptors, {growth[1]:.1f} MB more"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloakroom", required=True)
    parser.add_argument("--dev", required=True, type=pathlib.Path, help="the directory of a running `dev`")
    parser.add_argument("--oauth-port", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int, required=True, help="the first of nineteen")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutants", type=int, default=150)
    arguments = parser.parse_args()
    report, started, port = Report(), [], arguments.port

    def token(user):
        command = [arguments.cloakroom, "dev-token", user, "--oauth-port", arguments.oauth_port]
        return subprocess.run(command, check=True, capture_output=True).stdout.strip()

    def gateway(name, number, **variables):
        config = arguments.dev / "cloakroom.toml"
        made = proxies.Gateway(arguments.cloakroom, config, arguments.work, name, port + number, **variables)
        started.append(made)
        return made

    def front(number, name, proxy=None, **options):
        behind = gateway(f"behind-{name}" if proxy else name, number)
        before = proxy and proxy(arguments.work, name, behind, port + number + 1, **options)
        started.extend([before] if proxy else [])
        return Front(name, behind, port + number + bool(proxy), before, attacker, victim)

    try:
        attacker, victim = token("attacker"), token("victim")
        fronts = [
            front(0, "direct"),
            front(3, "nginx", proxies.nginx),
            front(6, "nginx-unbuffered", proxies.nginx, buffered=False),
            front(9, "haproxy", proxies.haproxy),
        ]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            outcomes = list(pool.map(lambda front: everything(front, arguments, attacker), fronts))
        tell(report, fronts, outcomes)
        if crowd.raise_limit():
            crowd.run(report, gateway, victim)
            for number, proxy in [(13, proxies.nginx), (16, proxies.haproxy)]:
                crowd.run_behind(report, front(number, f"{proxy.__name__}-crowded", proxy, most=crowd.PROXIED), victim)
    finally:
        for process in reversed(started):
            process.stop()
    print(f"edges: {report.passed} passed, {len(report.failed)} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
