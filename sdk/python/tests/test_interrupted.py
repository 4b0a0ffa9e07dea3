"""Control-C: an operation ends at once, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Dev, Network, command, eventually, tree

import cloakroom
from cloakroom import AsyncClient, Client, Storage

MIB = 2**20
LARGE = {f"{number}.bin": bytes(20 * MIB) for number in range(3)}
PROMPT = 10  # seconds, on a busy machine; the transfers would take a minute


@pytest.fixture(autouse=True)
def _takes_control_c() -> None:
    """A shell's background jobs ignore it, and so would what they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def storage(dev: Dev) -> Iterator[Storage]:
    token = dev.new_user()
    Path("token").write_text(token)
    with Client(dev.url, token=token) as mc:
        yield mc.storage


@pytest.fixture
def slow(network: Network, storage: Storage) -> Network:
    storage.upload(bytes(20 * MIB), "down/large.bin")
    network.faults.slow = 0.05
    return network


@pytest.fixture
def aborting(dev: Dev, slow: Network, storage: Storage) -> Network:
    """A gateway whose sessions may abort uploads: they are the store's own keys."""
    config = (dev.folder / "data/cloakroom.toml").read_text()
    keys = dict(re.findall(r'^storage\.(\w+) = "(.*)"$', config, re.MULTILINE))
    answer = {
        "bucket": storage.bucket,
        "region": "us-east-1",
        "endpoint": slow.store,
        "credentials": {
            "accessKeyId": keys["access_key_id"],
            "secretAccessKey": keys["secret_access_key"],
            "sessionToken": "",
            "expiration": "2100-01-01T00:00:00Z",
        },
    }
    slow.faults.answers = [(200, {}, json.dumps(answer).encode())]
    return slow


class Unfinished:
    """The uploads in parts that the store keeps."""

    def __init__(self, dev: Dev) -> None:
        self._folder = dev.folder / "data/storage/objects"
        self._before = self._all()

    def _all(self) -> set[str]:
        return {path.name for path in self._folder.glob(".upload-*.json")}

    def __bool__(self) -> bool:
        return self._all() > self._before


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    start = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - start < PROMPT
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [["cp", "up/0.bin", "cr:x"], ["sync", "up", "cr:x"]])
def test_an_upload_stops_and_leaves_no_parts(
    dev: Dev, aborting: Network, storage: Storage, arguments: list[str], number: signal.Signals
) -> None:
    tree(Path("up"), LARGE)
    unfinished = Unfinished(dev)
    process = command(aborting.url, *arguments)
    eventually(lambda: bool(unfinished))
    assert ended(process, number) == (128 + number, "")
    assert not unfinished
    assert not list(storage.list("x"))


@pytest.mark.parametrize("arguments", [["cp", "cr:down/large.bin", "down/"], ["sync", "cr:", "."]])
def test_a_download_stops_and_leaves_no_file(slow: Network, arguments: list[str]) -> None:
    process = command(slow.url, *arguments)
    eventually(lambda: bool(list(Path().glob("down/.large*"))))
    assert ended(process, signal.SIGINT) == (130, "")
    assert list(Path("down").iterdir()) == []


def test_small_files_under_way_are_not_waited_for(slow: Network) -> None:
    slow.faults.slow = 1
    tree(Path("up"), {f"{number}": bytes(7 * MIB) for number in range(20)})
    begun = slow.faults.begun
    process = command(slow.url, "cp", "-r", "up", "cr:x")
    eventually(lambda: slow.faults.begun > begun)
    assert ended(process, signal.SIGINT) == (130, "")


def test_small_downloads_under_way_are_whole_or_not_there(slow: Network, storage: Storage) -> None:
    files = {f"{number}": bytes(200_000) for number in range(200)}
    storage.upload_dir(tree(Path("up"), files), "x")
    slow.faults.slow = 0.2
    process = command(slow.url, "cp", "-r", "cr:x", "back")
    eventually(lambda: Path("back").is_dir() and any(Path("back").iterdir()))
    assert ended(process, signal.SIGINT) == (130, "")
    back = list(Path("back").iterdir())
    assert len(back) < len(files)
    assert {path.stat().st_size for path in back} <= {200_000}


def test_who_asks_twice_does_not_wait_at_all(slow: Network) -> None:
    slow.faults.slow = 3600
    tree(Path("up"), LARGE)
    begun = slow.faults.begun
    process = command(slow.url, "cp", "-r", "up", "cr:x")
    eventually(lambda: slow.faults.begun > begun)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    # On a busy machine the first may not have been seen yet, and then two are one.
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    process.communicate()
    assert process.returncode == -signal.SIGINT


def test_an_error_breaks_off_the_large_files(dev: Dev, aborting: Network) -> None:
    unfinished = Unfinished(dev)
    tree(Path("up"), {**LARGE, "z": b""})

    def remove(_progress: cloakroom.Progress) -> None:
        if unfinished:
            Path("up/z").unlink(missing_ok=True)

    with Client(aborting.url, token="t") as mc:
        start = time.monotonic()
        with pytest.raises(cloakroom.TransferError, match="up/z"):
            mc.storage.upload_dir("up", "x", parallel=2, progress=remove)
        assert time.monotonic() - start < 3 * PROMPT
        assert not unfinished


def test_a_cancelled_task_breaks_off_a_large_file(dev: Dev, aborting: Network) -> None:
    unfinished = Unfinished(dev)

    async def work() -> None:
        async with AsyncClient(aborting.url, token="t") as mc:
            task = asyncio.ensure_future(mc.storage.upload(bytes(20 * MIB), "x"))
            await asyncio.to_thread(eventually, lambda: bool(unfinished))
            task.cancel()
            start = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert time.monotonic() - start < PROMPT

    asyncio.run(work())
    assert not unfinished
