"""Sessions of five seconds: they end while they are used, and nobody notices."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import Dev

import cloakroom
from cloakroom import AsyncClient, Client, Storage


def repeat(work: Callable[[], object], until: Callable[[], bool], threads: int = 1) -> None:
    """Repeats work in so many threads until there is enough of it, for a minute at most."""
    enough = threading.Event()

    def go_on() -> None:
        while not enough.is_set():
            work()

    with ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(go_on) for _ in range(threads)]
        end = time.monotonic() + 60
        while not until() and time.monotonic() < end and not any(one.done() for one in workers):
            time.sleep(0.2)
        enough.set()
        for one in workers:
            one.result()


class Turns:
    """The calls for credentials from now on, and the most that there may be by the clock."""

    def __init__(self, dev: Dev) -> None:
        self._dev = dev
        self._before, self._start = dev.vended(), time.monotonic()

    @property
    def made(self) -> int:
        return self._dev.vended() - self._before

    @property
    def most(self) -> int:
        # Times are whole seconds, so a life is 4 s at least; half of it, less a tenth.
        return 1 + int((time.monotonic() - self._start) / 1.8)


def test_sixteen_threads_on_one_client_make_one_call_a_turn(short: Dev) -> None:
    with Client(short.url, token=short.new_user()) as mc:
        mc.storage.upload(b"1", "a")
        turns = Turns(short)
        repeat(lambda: mc.storage.download("a"), lambda: turns.made >= 4, threads=16)
        assert 4 <= turns.made <= turns.most


def test_tasks_share_a_session_too(short: Dev) -> None:
    token = short.new_user()
    turns = Turns(short)

    async def work() -> None:
        async with AsyncClient(short.url, token=token) as mc:
            await asyncio.gather(*(mc.storage.upload(b"1", f"{n}") for n in range(20)))

    asyncio.run(work())
    assert 1 <= turns.made <= turns.most


@pytest.fixture
def idle(short: Dev) -> Iterator[Storage]:
    """A client that thinks its session lives for long, as after the laptop slept."""
    with Client(short.url, token=short.new_user()) as client:
        client.storage.upload(b"1", "a")
        held = client._sessions._held
        assert held
        wait = held.ends_at - time.time()
        held.renew_at = held.ends_at = time.time() + 3600
        threading.Event().wait(wait + 1)  # until the store, too, takes it as expired
        yield client.storage


def test_a_session_that_ended_unseen_is_replaced(idle: Storage) -> None:
    assert idle.download("a") == b"1"


def test_threads_that_see_it_end_make_one_call(idle: Storage, short: Dev) -> None:
    turns = Turns(short)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: idle.download("a"), range(16))) == [b"1"] * 16
    assert 1 <= turns.made <= turns.most


def test_head_has_no_body_that_says_so_and_is_repeated_too(idle: Storage) -> None:
    assert idle.exists("a")


def test_boto3s_own_client_renews(short: Dev) -> None:
    with Client(short.url, token=short.new_user()) as mc:
        s3 = mc.storage.boto3_client()
        resource = mc.storage.boto3_session().resource("s3", endpoint_url=short.store)
        bucket = mc.storage.bucket
        turns = Turns(short)
        repeat(lambda: s3.put_object(Bucket=bucket, Key="a", Body=b"1"), lambda: turns.made >= 2)
        assert [item.key for item in resource.Bucket(bucket).objects.all()] == ["a"]
        assert 2 <= turns.made <= turns.most
        credentials = mc.storage.boto3_session().get_credentials()
        assert credentials
        assert credentials.access_key.startswith("ASIA")
        assert credentials.secret_key
        assert credentials.token


def test_a_revoked_token_stops_the_client_at_its_sessions_end(short: Dev) -> None:
    token = [short.token("carol")]
    with Client(short.url, token=lambda: token[0]) as mc:
        assert not mc.storage.exists("a")
        token[0] = short.token("carol", "--expires-in", "0s")
        with pytest.raises(cloakroom.InvalidCredentialError, match="expired"):
            repeat(lambda: mc.storage.exists("a"), lambda: False)


def test_revoked_sessions_are_replaced(dev: Dev) -> None:
    token = dev.new_user()
    with Client(dev.url, token=token) as mc:
        mc.storage.upload(b"1", "a")
        bucket = mc.storage.bucket
        dev.administer("revoke", "--owner", bucket[:31])
        held = mc._sessions._held
        assert held
        held.since -= 60
        assert mc.storage.download("a") == b"1"
