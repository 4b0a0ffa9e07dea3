"""10,000 clients at once: most ask once and stay, some never say a word, others send the head of a request a
byte a second. Meanwhile others are to be served as ever, and afterwards all is given back."""

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
# Gone after the 5 s for a head, and a second for the answer.
HEAD_TIME = 8.0
# What the gateway may grow by.
MOST_MB = 300


def raise_limit():
    """Returns how many files this process and its children may open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < DESCRIPTORS:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
            return DESCRIPTORS
        except (ValueError, OSError):
            pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Crowd:
    def __init__(self, port):
        self.port = port
        self.idle = [self.join(number, REQUEST) for number in range(2 * QUIET, CROWD)]
        self.answered = sum(client.recv(65536).startswith(b"HTTP/1.1 200 ") for client in self.idle)
        # These have 5 s from now on.
        self.silent = [self.join(number) for number in range(QUIET)]
        self.slow = [self.join(number) for number in range(QUIET, 2 * QUIET)]

    def join(self, number, request=b""):
        """Each thousand has its own address, so that ports do not run out."""
        client = socket.create_connection(
            (wire.LOOPBACK, self.port), 10, (f"127.0.1.{number // 1000 + 1}", 0)
        )
        client.sendall(request)
        return client

    def drip(self, at):
        for client in self.slow:
            try:
                client.sendall(REQUEST[at : at + 1])
            except OSError:
                pass

    def sent_away(self):
        """How many of those that say nothing or little got 408 and were closed."""
        until = time.monotonic() + 30
        told = 0
        for client in self.silent + self.slow:
            wait = max(0.5, until - time.monotonic())
            told += wire.read_all(client, wait, wait)[0].startswith(b"HTTP/1.1 408 ")
        return told

    def still_served(self):
        for client in self.idle[::10]:
            client.sendall(REQUEST)
        return sum(client.recv(65536).startswith(b"HTTP/1.1 200 ") for client in self.idle[::10])

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


def run(report, start, token):
    """`start` makes a gateway."""
    if raise_limit() < DESCRIPTORS:
        print(f"SKIPPED: 10,000 connections: fewer than {DESCRIPTORS} open files are allowed (ulimit -Hn)")
        return
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
    calls, at = [], 0
    while time.monotonic() < began + joined + HEAD_TIME:
        crowd.drip(at)
        at += 1
        until = time.monotonic() + 1
        while time.monotonic() < until:
            calls.append(call(gateway.port, token) or 99)
            time.sleep(0.1)
    worst = max(calls)
    seen = f"{len(calls)} calls, median {sorted(calls)[len(calls) // 2]:.3f} s (alone {alone:.3f} s), slowest {worst:.2f} s"
    report.check("10,000 connections: others are served", worst < 5, seen)
    gone, quiet = crowd.sent_away(), len(crowd.silent + crowd.slow)
    report.check("10,000 connections: silent and slow ones get 408", gone == quiet, f"{gone} of {quiet}")
    kept = crowd.still_served()
    report.check(
        "10,000 connections: idle ones are kept", kept == len(crowd.idle[::10]), f"{kept} asked again"
    )
    crowd.leave()
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
