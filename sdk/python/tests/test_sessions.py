"""When a session is renewed, on a clock of the test's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from cloakroom import StorageMovedError, UnreachableError
from cloakroom._sessions import Place, Session, Sessions, Vended

PLACE = Place("bucket", "acme/", "http://store", "us-east-1")


class Gateway:
    """Counts its calls, and gives sessions of 100 seconds."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.place = PLACE
        self.fails = False
        self.busy: threading.Event | None = None
        self.entered = threading.Event()

    def vend(self, attempts: int) -> Vended:
        self.calls.append(attempts)
        self.entered.set()
        if self.busy:
            assert self.busy.wait(10)
        if self.fails:
            raise UnreachableError("away")
        number = len(self.calls)
        session = Session(f"key-{number}", "secret", "token", datetime.now(timezone.utc))
        return Vended(self.place, session, 100.0)

    def close(self) -> None:
        pass


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(gateway: Gateway, clock: Clock) -> Sessions:
    return Sessions(gateway, clock=clock, jitter=lambda: 0.5)


def test_a_session_is_used_until_half_of_its_life(sessions: Sessions, clock: Clock) -> None:
    assert sessions.current().access_key_id == "key-1"
    clock.now += 49
    assert sessions.current().access_key_id == "key-1"
    clock.now += 2
    assert sessions.current().access_key_id == "key-2"


def test_the_half_is_spread_so_that_clients_do_not_come_all_at_once(gateway: Gateway) -> None:
    clock = Clock()
    halves = set()
    for _ in range(20):
        sessions = Sessions(gateway, clock=clock)
        sessions.current()
        held = sessions._held
        assert held
        halves.add(held.renew_at - clock.now)
    assert len(halves) > 10
    assert all(45 <= half <= 55 for half in halves)


def test_threads_that_find_no_session_make_one_call(sessions: Sessions, gateway: Gateway) -> None:
    gateway.busy = threading.Event()
    with ThreadPoolExecutor(16) as pool:
        got = [pool.submit(sessions.current) for _ in range(16)]
        assert gateway.entered.wait(10)
        gateway.busy.set()
        assert {future.result().access_key_id for future in got} == {"key-1"}
    assert len(gateway.calls) == 1


def test_threads_go_on_with_the_old_session_while_one_renews(
    sessions: Sessions, gateway: Gateway, clock: Clock
) -> None:
    sessions.current()
    clock.now += 60
    gateway.busy = threading.Event()
    gateway.entered.clear()
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(sessions.current)
        assert gateway.entered.wait(10)
        assert sessions.current().access_key_id == "key-1"
        gateway.busy.set()
        assert renewing.result().access_key_id == "key-2"
    assert len(gateway.calls) == 2


def test_an_early_renewal_that_fails_does_not_hurt(
    sessions: Sessions, gateway: Gateway, clock: Clock
) -> None:
    sessions.current()
    clock.now += 60
    gateway.fails = True
    assert [sessions.current().access_key_id for _ in range(10)] == ["key-1"] * 10
    assert len(gateway.calls) == 2, "and is not repeated at every request"
    clock.now += 11
    gateway.fails = False
    assert sessions.current().access_key_id == "key-3"


def test_without_a_session_the_failure_is_told_and_calls_are_patient(
    sessions: Sessions, gateway: Gateway, clock: Clock
) -> None:
    sessions.current()
    clock.now += 101
    gateway.fails = True
    with pytest.raises(UnreachableError):
        sessions.current()
    assert gateway.calls == [Sessions.PATIENT, Sessions.PATIENT]


def test_a_refused_session_is_replaced_once(sessions: Sessions, gateway: Gateway) -> None:
    old = sessions.current()
    for _ in range(16):
        sessions.refuse(old.access_key_id)
        assert sessions.current().access_key_id == "key-2"
    assert len(gateway.calls) == 2


def test_a_denial_ends_a_session_of_some_age_only(sessions: Sessions, clock: Clock) -> None:
    assert sessions.doubt("key-0")
    old = sessions.current().access_key_id
    clock.now += 5
    assert not sessions.doubt(old), "it just may not"
    clock.now += 6
    assert sessions.doubt(old)
    assert sessions.current().access_key_id == "key-2"
    assert sessions.doubt(old), "another thread has asked for a new one"
    assert sessions.current().access_key_id == "key-2"


def test_a_longer_rest_of_life_can_be_asked_for(sessions: Sessions, clock: Clock) -> None:
    sessions.current()
    clock.now += 20
    assert sessions.current(at_least=60).access_key_id == "key-1"
    assert sessions.current(at_least=90).access_key_id == "key-2"


def test_more_than_a_whole_life_does_not_ask_at_every_time(
    sessions: Sessions, gateway: Gateway
) -> None:
    for _ in range(5):
        sessions.current(at_least=10_000)
    assert len(gateway.calls) == 1


def test_another_place_than_before_is_an_error(
    sessions: Sessions, gateway: Gateway, clock: Clock
) -> None:
    assert sessions.place == PLACE
    gateway.place = Place("other", "", "http://store", "us-east-1")
    clock.now += 101
    with pytest.raises(StorageMovedError):
        sessions.current()
