"""What takes minutes: `sdk/python/run long`. The figures are in docs/clients/python.md."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from statistics import median

import pytest
from support import Dev, read_tree

from cloakroom import Client, Storage

pytestmark = pytest.mark.long

MIB = 2**20
TURNS = 9


def timed(what: str, work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    seconds = time.monotonic() - start
    print(f"{what}: {seconds:.1f} s", flush=True)
    return seconds


def small_files(folder: Path, count: int, size: int) -> Path:
    source = random.Random(7)
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(size))
    return folder


def test_ten_thousand_files_while_sessions_turn_over(short: Dev) -> None:
    folder = small_files(Path("up"), 10_000, 1_000)
    with Client(short.url, token=short.new_user()) as mc:
        mc.storage.exists("a")
        before, start = short.vended(), time.monotonic()
        up = mc.storage.upload_dir(folder, "many", errors="collect")
        print(f"10,000 files up: {time.monotonic() - start:.0f} s", flush=True)
        down = mc.storage.download_dir("many", "down", errors="collect")
        print(f"and down: {time.monotonic() - start:.0f} s", flush=True)
        while short.vended() - before < 20:  # A fast machine is done before twenty turns.
            mc.storage.download_dir("many", "down", resume=True)
        seconds = time.monotonic() - start
        turns = short.vended() - before
        print(f"and compared: {seconds:.0f} s, {turns} sessions", flush=True)
        gone = mc.storage.delete_prefix("many")
    assert up.count("uploaded") == down.count("downloaded") == gone.count("deleted") == 10_000
    assert read_tree(Path("down")) == read_tree(folder)
    # A life is 4 to 5 s by whole seconds, and a turn at least 45 % of it.
    assert 20 <= turns <= seconds / 1.8 + 1


def test_a_gibibyte_while_sessions_turn_over(short: Dev) -> None:
    with Path("large").open("wb") as file:
        file.writelines(random.Random(number).randbytes(16 * MIB) for number in range(64))
    with Client(short.url, token=short.new_user()) as mc:
        before = short.vended()
        timed("1 GiB up", lambda: mc.storage.upload("large", "large"))
        timed("1 GiB down", lambda: mc.storage.download("large", "back"))
        print(f"{short.vended() - before} sessions", flush=True)
        mc.storage.delete("large")
    assert digest(Path("back")) == digest(Path("large"))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        whole = hashlib.sha256()
        while chunk := file.read(MIB):
            whole.update(chunk)
    return whole.hexdigest()


@pytest.mark.parametrize(
    ("what", "count", "size"), [("2,000 of 10 KiB", 2_000, 10_240), ("8 of 64 MiB", 8, 64 * MIB)]
)
def test_speed_beside_other_tools(dev: Dev, what: str, count: int, size: int) -> None:
    """In turns, because the machine is not always as fast; the middle one of each is compared."""
    folder = small_files(Path("up"), count, size)
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with Client(dev.url, token=dev.new_user()) as mc:
        storage = mc.storage
        tools = {
            "aws s3 sync": aws(storage),
            "s5cmd": s5cmd(storage),
            "python -m cloakroom sync": ours(storage),
            # Both in this process, without the start of one.
            "obstore": with_obstore(storage),
            "mc.storage": library(storage),
        }
        for turn, direction, name in product(range(TURNS), ("up", "down"), tools):
            back = Path("back")
            shutil.rmtree(back, ignore_errors=True)
            local = folder if direction == "up" else back
            prefix = f"{name.replace(' ', '-')}-{turn}"
            took = timed(name, lambda: tools[name](direction, local, prefix))  # noqa: B023
            seconds[direction, name].append(took)
            if direction == "down":
                assert read_tree(back) == read_tree(folder), name
    pairs = {
        "aws s3 sync": "python -m cloakroom sync",
        "s5cmd": "python -m cloakroom sync",
        "obstore": "mc.storage",
    }
    for direction, (other, our) in product(("up", "down"), pairs.items()):
        theirs, taken = median(seconds[direction, other]), median(seconds[direction, our])
        ratio = taken / theirs
        print(f"{what}, {direction}: {our} {taken:.2f} s, {ratio:.2f} of {other}'s {theirs:.2f} s")
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)


Tool = Callable[[str, Path, str], None]


def ours(storage: Storage) -> Tool:
    def run(direction: str, folder: Path, prefix: str) -> None:
        # A process of its own as well, with the time that it takes to start.
        pair = [str(folder), f"cr:{prefix}"]
        pair = pair if direction == "up" else pair[::-1]
        token = storage._sessions._vending._source.token()  # type: ignore[attr-defined]
        Path("token").write_text(token)
        url = str(storage._sessions._vending._http.base_url)  # type: ignore[attr-defined]
        command = ["-m", "cloakroom", "--quiet", "--url", url, "--token-file", "token", "sync"]
        subprocess.run([sys.executable, *command, *pair], check=True)

    return run


def library(storage: Storage) -> Tool:
    def run(direction: str, folder: Path, prefix: str) -> None:
        if direction == "up":
            storage.upload_dir(folder, prefix)
        else:
            storage.download_dir(prefix, folder)

    return run


def tool_environment(storage: Storage) -> dict[str, str]:
    session = storage._sessions.current()
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": storage._place.endpoint,
        "S3_ENDPOINT_URL": storage._place.endpoint,
    }


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def aws(storage: Storage) -> Tool:
    def run(direction: str, folder: Path, prefix: str) -> None:
        pair = [str(folder), f"s3://{storage.bucket}/{prefix}"]
        pair = pair if direction == "up" else pair[::-1]
        command = [program("aws"), "s3", "sync", "--quiet", *pair]
        subprocess.run(command, env=tool_environment(storage), check=True)

    return run


def s5cmd(storage: Storage) -> Tool:
    def run(direction: str, folder: Path, prefix: str) -> None:
        remote = f"s3://{storage.bucket}/{prefix}"
        pair = [f"{folder}/", f"{remote}/"] if direction == "up" else [f"{remote}/*", f"{folder}/"]
        command = [program("s5cmd"), "--numworkers", "16", "--log", "error", "sync", *pair]
        subprocess.run(command, env=tool_environment(storage), check=True)

    return run


def with_obstore(storage: Storage) -> Tool:
    obstore = pytest.importorskip("obstore")
    store = storage.obstore()

    async def up(free: asyncio.Semaphore, path: Path, key: str) -> None:
        async with free:
            await obstore.put_async(store, key, path)

    async def down(free: asyncio.Semaphore, path: Path, key: str) -> None:
        async with free:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(memoryview(await (await obstore.get_async(store, key)).bytes_async()))

    async def run(direction: str, folder: Path, prefix: str) -> None:
        free = asyncio.Semaphore(16)
        if direction == "up":
            files = [path for path in folder.rglob("*") if path.is_file()]
            keys = [f"{prefix}/{path.relative_to(folder).as_posix()}" for path in files]
            await asyncio.gather(*(up(free, *pair) for pair in zip(files, keys, strict=True)))
        else:
            keys = [meta["path"] for meta in obstore.list(store, prefix).collect()]
            files = [folder / key.removeprefix(f"{prefix}/") for key in keys]
            await asyncio.gather(*(down(free, *pair) for pair in zip(files, keys, strict=True)))

    return lambda *arguments: asyncio.run(run(*arguments))
