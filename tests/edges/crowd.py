"""10,000 clients at once, directly and through a proxy: most ask once and stay, some never say a word, others send
the head of a request a byte a second. Meanwhile others are to be served as ever, and afterwards all is given back."""

import json
import resource
import socket
import time

import wire
from front import VICTIM

CROWD = 10_000
# How many of them are silent, and how many slow.
QUIET = 1_000
REQUEST = b"GET /problems/invalid-request HTTP/1.1\r\nHost: edges\r\n\r\n"
# The gateway's own: 3 for each of 512 calls, and those of detached work (docs/limits.md).
DESCRIPTORS = CROWD + 3 * 512 + 600
# How many of them ask at a time, and how many more descriptors a gateway may have behind a proxy meanwhile.
AT_ONCE, MOST_BEHIND = 50, 100
# What a proxy may take in. nginx closes idle ones when fewer than a sixteenth of its places are left.
PROXIED = 16_000
# Gone after the 5 s for a head, and a second for the answer.
HEAD_TIME = 8.0
# What the gateway may grow by.
MOST_MB = 300


def raise_limit():
    """Whether this process and its children may open files enough."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(hard, DESCRIPTORS)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        return True
    except (ValueError, OSError):
        print(f"SKIPPED: 10,000 connections: fewer than {DESCRIPTORS} open files are allowed (ulimit -Hn)")
        return False


def ask(clients):
    """Returns how many of them are answered."""
    answered = 0
    for first in range(0, len(clients), AT_ONCE):
        group = clients[first : first + AT_ONCE]
        for client in group:
            client.sendall(REQUEST)
        answered += sum(client.recv(65536).startswith(b"HTTP/1.1 200 ") for client in group)
    return answered


class Crowd:
    def __init__(self, port):
        self.port = port
        self.idle, self.answered = [], 0
        for first in range(2 * QUIET, CROWD, AT_ONCE):
            group = [self.join(number) for number in range(first, first + AT_ONCE)]
            self.answered += ask(group)
            self.idle += group
        # These have 5 s from now on.
        self.silent = [self.join(number) for number in range(QUIET)]
        self.slow = [self.join(number) for number in range(QUIET, 2 * QUIET)]

    def join(self, number):
        """Each thousand has its own address, so that ports do not run out."""
        return socket.create_connection((wire.LOOPBACK, self.port), 10, (f"127.0.1.{number // 1000 + 1}", 0))

    def drip(self, at):
        for client in self.slow:
            try:
                client.sendall(REQUEST[at : at + 1])
            except OSError:
                pass

    def sent_away(self):
        """What those that say nothing or little were told, and how their connections ended."""
        until = time.monotonic() + 30
        for client in self.silent + self.slow:
            wait = max(0.5, until - time.monotonic())
            yield wire.read_all(client, wait, wait)

    def leave(self):
        for client in self.idle + self.silent + self.slow:
            client.close()


def call(port, token):
    """The seconds that another client's call takes, or None if it fails."""
    began = time.monotonic()
    outcome = wire.exchange(port, [VICTIM % token], 10)
    good = outcome.statuses == "200" and json.loads(outcome.answers[0].body)["bucket"]
    return time.monotonic() - began if good else None


def again(gateway, descriptors):
    """Returns the gateway's memory with another crowd."""
    crowd = Crowd(gateway.port)
    memory = gateway.memory()
    crowd.leave()
    until_closed(gateway, descriptors)
    return memory


def until_closed(gateway, descriptors):
    """Waits until the gateway has closed its side of the connections that left."""
    end = time.monotonic() + 20
    while gateway.descriptors() > descriptors + 8 and time.monotonic() < end:
        time.sleep(0.05)


def served(report, title, crowd, gateway, token, alone):
    """Checks that others are served until the silent and slow ones are to be gone. Returns how many descriptors the
    gateway had at most."""
    calls, at, end, most = [], 0, time.monotonic() + HEAD_TIME, 0
    while time.monotonic() < end:
        crowd.drip(at)
        at += 1
        until = time.monotonic() + 1
        while time.monotonic() < until:
            calls.append(call(crowd.port, token) or 99)
            time.sleep(0.1)
        most = max(most, gateway.descriptors())
    worst = max(calls)
    seen = f"{len(calls)} calls, median {sorted(calls)[len(calls) // 2]:.3f} s (alone {alone:.3f} s), slowest {worst:.2f} s"
    report.check(f"{title}: others are served", worst < 5, seen)
    return most


def ended(report, title, crowd, what, is_right):
    """Checks how silent and slow ones were sent away, and that idle ones were not. Then all leave."""
    gone, quiet = sum(map(is_right, crowd.sent_away())), len(crowd.silent + crowd.slow)
    report.check(f"{title}: silent and slow ones {what}", gone == quiet, f"{gone} of {quiet}")
    kept = ask(crowd.idle[::10])
    report.check(f"{title}: idle ones are kept", kept == len(crowd.idle[::10]), f"{kept} asked again")
    crowd.leave()


def run_behind(report, front, token):
    """Through a proxy. The gateway's own limit on connections is the default."""
    title, gateway, port = f"10,000 connections, {front.name}", front.gateway, front.port
    alone = sorted(call(port, token) for _ in range(20))[10]
    descriptors, began = gateway.descriptors(), time.monotonic()
    crowd = Crowd(port)
    most, joined = gateway.descriptors(), time.monotonic() - began
    seen = f"{crowd.answered} in {joined:.1f} s"
    report.check(f"{title}: those that ask are answered", crowd.answered == len(crowd.idle), seen)
    most = max(most, served(report, title, crowd, gateway, token, alone)) - descriptors
    report.check(f"{title}: few reach the gateway", most <= MOST_BEHIND, f"{most} descriptors more")
    ended(report, title, crowd, "are closed", lambda end: end[1] != "open")
    # Else it would keep connections for later.
    front.proxy.stop()
    until_closed(gateway, descriptors)
    left = gateway.descriptors() - descriptors
    report.check(f"{title}: descriptors are back", left <= 8, f"{left} more than before")


def run(report, start, token):
    """`start` makes a gateway."""
    gateway = start("crowd", 12, CLOAKROOM_HTTP__MAX_CONNECTIONS=str(CROWD + 100))
    for _ in range(5):
        call(gateway.port, token)
    descriptors, memory = gateway.descriptors(), gateway.memory()
    alone = sorted(call(gateway.port, token) for _ in range(20))[10]
    began = time.monotonic()
    crowd = Crowd(gateway.port)
    joined = time.monotonic() - began
    until = time.monotonic() + 2
    while gateway.descriptors() < descriptors + CROWD - 20 and time.monotonic() < until:
        time.sleep(0.05)
    held, full = gateway.descriptors() - descriptors, gateway.memory() - memory
    seen = f"{held} in {joined:.1f} s, {full:.0f} MB more"
    # On a busy machine the gateway has not yet taken the silent and slow ones. Their 408 says that it has.
    taken = held > len(crowd.idle) - 20
    report.check("10,000 connections: all are taken, and cost little", taken and full < MOST_MB, seen)
    report.check(
        "10,000 connections: those that ask are answered", crowd.answered == len(crowd.idle), crowd.answered
    )
    served(report, "10,000 connections", crowd, gateway, token, alone)
    ended(report, "10,000 connections", crowd, "get 408", lambda end: end[0].startswith(b"HTTP/1.1 408 "))
    until_closed(gateway, descriptors)
    peaks = [again(gateway, descriptors) for _ in range(2)]
    growth = peaks[1] - peaks[0]
    seen = f"{peaks[1] - memory:.0f} MB, {growth:.0f} more than the one before"
    report.check(
        "10,000 connections: a third crowd costs no more", growth < 30 and peaks[1] < memory + MOST_MB, seen
    )
    end = time.monotonic() + 10
    while gateway.descriptors() > descriptors + 8 and time.monotonic() < end:
        time.sleep(0.1)
    left = gateway.descriptors() - descriptors
    report.check("10,000 connections: descriptors are back", left <= 8, f"{left} more than before")
