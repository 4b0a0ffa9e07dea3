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


def over(seconds: float, work: Callable[[], object]) -> int:
    """Repeats work for a while, and returns how often."""
    times, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        work()
        times += 1
    return times


def test_sixteen_threads_on_one_client_make_one_call_a_turn(short: Dev) -> None:
    with Client(short.url, token=short.new_user()) as mc:
        mc.storage.upload(b"1", "a")
        before = short.vended()
        with ThreadPoolExecutor(16) as pool:
            futures = [pool.submit(over, 12, lambda: mc.storage.download("a")) for _ in range(16)]
            assert all(future.result() for future in futures)
        # Half of a life is 2 to 3 seconds: `Date` and `Expiration` are whole seconds.
        assert 4 <= short.vended() - before <= 8


def test_tasks_share_a_session_too(short: Dev) -> None:
    token = short.new_user()
    before = short.vended()

    async def work() -> None:
        async with AsyncClient(short.url, token=token) as mc:
            await asyncio.gather(*(mc.storage.upload(b"1", f"{n}") for n in range(20)))

    asyncio.run(work())
    assert short.vended() - before <= 3


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
    before = short.vended()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: idle.download("a"), range(16))) == [b"1"] * 16
    assert short.vended() - before == 1


def test_head_has_no_body_that_says_so_and_is_repeated_too(idle: Storage) -> None:
    assert idle.exists("a")


def test_boto3s_own_client_renews(short: Dev) -> None:
    with Client(short.url, token=short.new_user()) as mc:
        s3 = mc.storage.boto3_client()
        resource = mc.storage.boto3_session().resource("s3", endpoint_url=short.store)
        bucket = mc.storage.bucket
        before = short.vended()
        over(6, lambda: s3.put_object(Bucket=bucket, Key="a", Body=b"1"))
        assert [item.key for item in resource.Bucket(bucket).objects.all()] == ["a"]
        assert 2 <= short.vended() - before <= 5
        credentials = mc.storage.boto3_session().get_credentials()
        assert credentials
        assert credentials.access_key.startswith("ASIA")
        assert credentials.secret_key
        assert credentials.token


def test_a_revoked_token_stops_the_client_at_its_sessions_end(short: Dev) -> None:
    token = short.token("carol", "--expires-in", "3s")
    with Client(short.url, token=token) as mc:
        assert not mc.storage.exists("a")
        with pytest.raises(cloakroom.InvalidCredentialError, match="expired"):
            over(90, lambda: mc.storage.exists("a"))


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
