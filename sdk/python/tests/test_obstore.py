"""obstore and its event loop, which carry bulk transfers; boto3 does what they leave."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import FILES, Dev, keys, read_tree, tree

from cloakroom import Client, Storage, _fast, _folders
from cloakroom._bulk import Errors
from cloakroom._etag import md5
from cloakroom._fast import FastLane
from cloakroom._hatches import fast_lane
from cloakroom._progress import Progress
from cloakroom.errors import TransferError


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes: a busy machine writes as slowly as a slow disk."""
    monkeypatch.setattr(_folders, "_SLOW", float("inf"))


def test_without_obstore_it_is_the_same(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    storage.upload_dir(tree(Path("up"), FILES))
    storage.download_dir("", "down")
    assert read_tree(Path("down")) == FILES


def test_obstore_is_left_after_a_failure(storage: Storage) -> None:
    pytest.importorskip("obstore")
    lane = fast_lane(storage._sessions, None)
    assert lane
    assert lane.put("a.json", b"{}", "application/json")
    head = storage.boto3_client().head_object(Bucket=storage.bucket, Key="a.json")
    assert head["ContentType"] == "application/json"
    etag = storage.stat("a.json").etag
    assert lane.get("a.json") == asyncio.run(lane.get_listed("a.json", 2, etag)) == b"{}"
    assert asyncio.run(lane.get_listed("nothing", 2, etag)) is None
    assert lane.get("a.json") is asyncio.run(lane.get_listed("a.json", 2, etag)) is None
    assert not lane.put("b", b"", None)


def test_where_etags_are_no_md5s_boto3_does_it(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    put, open_at = FastLane.put, []

    def noted(self: FastLane, key: str, content: bytes, content_type: str | None) -> bool:
        open_at.append(self.is_open)
        return put(self, key, content, content_type)

    monkeypatch.setattr(FastLane, "put", noted)
    monkeypatch.setattr(_fast, "md5", lambda content: md5(content + b"?"))
    storage.upload_dir(tree(Path("up"), FILES), parallel=1)
    assert open_at == [True] + [False] * (len(FILES) - 1)
    storage.download_dir("", "down")
    assert read_tree(Path("down")) == FILES
    lane = fast_lane(storage._sessions, None)
    assert lane
    assert lane.get("a/0.txt") is None
    assert not lane.is_open


def test_a_panic_of_obstore_is_raised(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    storage.upload_dir(tree(Path("up"), FILES))

    class Panic(BaseException):
        """As pyo3 has it."""

    async def panics(_self: FastLane, _key: str, _size: int, _etag: str) -> bytes | None:
        raise Panic

    monkeypatch.setattr(FastLane, "get_listed", panics)
    with pytest.raises(Panic):
        storage.download_dir("", "down")


@pytest.mark.usefixtures("fast_disk")
def test_boto3_fetches_what_obstore_leaves(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    files = {f"{number % 7}/{number}": f"{number}".encode() for number in range(200)}
    storage.upload_dir(tree(Path("up"), files))
    get, asked = FastLane.get_listed, []
    has_failed = asyncio.Event()

    async def fails_in_the_middle(self: FastLane, key: str, size: int, etag: str) -> bytes | None:
        asked.append(key)
        if len(asked) == 100:
            content = await get(self, "nothing", size, etag)
            has_failed.set()
            return content
        if len(asked) > 100:
            await has_failed.wait()
        return await get(self, key, size, etag)

    monkeypatch.setattr(FastLane, "get_listed", fails_in_the_middle)
    seen: list[Progress] = []
    done = storage.download_dir("", "down", progress=seen.append)
    assert (done.count("downloaded"), done.failed) == (200, ())
    assert 100 <= len(asked) < 200
    assert read_tree(Path("down")) == files
    assert seen[-1] == Progress(200, 200, done.bytes, done.bytes)


@pytest.mark.parametrize("content", [b"", b"new", b"and longer"])
def test_what_was_replaced_since_it_was_listed_comes_whole(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    pytest.importorskip("obstore")
    storage.upload(b"old", "a")
    get = FastLane.get_listed

    async def after_a_change(self: FastLane, key: str, size: int, etag: str) -> bytes | None:
        await asyncio.to_thread(storage.upload, content, "a")
        return await get(self, key, size, etag)

    monkeypatch.setattr(FastLane, "get_listed", after_a_change)
    storage.download_dir("", "down")
    assert Path("down/a").read_bytes() == content


@pytest.mark.usefixtures("fast_disk")
@pytest.mark.parametrize("parallel", [1, 2, 16])
def test_a_slow_small_file_holds_up_no_other(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    pytest.importorskip("obstore")
    files = {f"{number:02d}": f"{number}".encode() for number in range(100)}
    storage.upload_dir(tree(Path("up"), files))
    get, at_once, most = FastLane.get_listed, [], []
    all_others = asyncio.Event()

    async def slow_for_the_first(self: FastLane, key: str, size: int, etag: str) -> bytes | None:
        at_once.append(key)
        most.append(len(at_once))
        if key == "00" and parallel > 1:
            await asyncio.wait_for(all_others.wait(), 30)
        content = await get(self, key, size, etag)
        at_once.remove(key)
        if len(most) == len(files):
            all_others.set()
        return content

    monkeypatch.setattr(FastLane, "get_listed", slow_for_the_first)
    done = storage.download_dir("", "down", parallel=parallel)
    assert (len(done), done.failed) == (100, ())
    assert max(most) <= parallel
    assert read_tree(Path("down")) == files


def test_one_slow_write_is_no_slow_disk(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    # The disk of a busy machine is as slow.
    monkeypatch.setattr(_folders, "_SLOW", 0.1)
    storage.upload_dir(tree(Path("up"), FILES))
    write, writers = Path.write_bytes, []

    def slowly_at_first(self: Path, content: bytes) -> int:
        writers.append(threading.current_thread().name)
        if len(writers) == 1:
            time.sleep(2)
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", slowly_at_first)
    storage.download_dir("", "down", parallel=1)
    assert read_tree(Path("down")) == FILES
    assert set(writers) == {"cloakroom-loop"}


def test_a_slow_disk_is_written_by_threads(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore")
    files = {f"{number}": f"{number}".encode() for number in range(200)}
    storage.upload_dir(tree(Path("up"), files))
    write, writers = Path.write_bytes, []

    def slowly(self: Path, content: bytes) -> int:
        writers.append(threading.current_thread().name)
        time.sleep(0.02)
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", slowly)
    storage.download_dir("", "down")
    assert read_tree(Path("down")) == files
    # Those that were on their way when the second file was written.
    assert 0 < writers.count("cloakroom-loop") < 30


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ZeroDivisionError])
def test_a_progress_function_may_end_it_all(storage: Storage, error: type[BaseException]) -> None:
    storage.upload_dir(tree(Path("up"), FILES))

    def ends(progress: Progress) -> None:
        if progress.bytes:
            raise error

    with pytest.raises(error):
        storage.download_dir("", "down", progress=ends)
    assert list(Path("down").rglob(".*.part")) == []


FORKED = """
import os, sys, cloakroom
with cloakroom.Client(sys.argv[1], token=sys.argv[2]) as mc:
    mc.storage.download_dir("", "parent")
child = os.fork()
if not child:
    with cloakroom.Client(sys.argv[1], token=sys.argv[2]) as mc:
        mc.storage.download_dir("", "child")
        os._exit(0)
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


def test_a_forked_child_can_do_it_as_well(dev: Dev) -> None:
    token = dev.new_user()
    with Client(dev.url, token=token) as mc:
        mc.storage.upload_dir(tree(Path("up"), FILES))
    arguments = [sys.executable, "-W", "ignore", "-c", FORKED, dev.url, token]
    subprocess.run(arguments, timeout=60, check=True)
    assert read_tree(Path("parent")) == read_tree(Path("child")) == FILES


@pytest.mark.parametrize("errors", ["collect", "raise"])
def test_a_small_file_that_cannot_be_written_is_told(storage: Storage, errors: Errors) -> None:
    storage.upload_dir(tree(Path("up"), {"a": b"1", "b": b"2"}))
    Path("down/a").mkdir(parents=True)
    if errors == "raise":
        with pytest.raises(TransferError, match="a: Is a directory"):
            storage.download_dir("", "down", errors="raise")
    else:
        done = storage.download_dir("", "down", errors="collect")
        assert [str(one.error) for one in done.failed] == [f"{Path('down/a')}: Is a directory"]
        assert Path("down/b").read_bytes() == b"2"
    assert list(Path("down").glob(".*")) == []


@pytest.mark.parametrize("key", ["a//b", "../a", "a/./b", "a b", "/a", "a/", ""])
def test_obstore_is_not_asked_for_keys_that_it_reads_otherwise(storage: Storage, key: str) -> None:
    pytest.importorskip("obstore")
    lane = fast_lane(storage._sessions, None)
    assert lane
    assert not lane.put(key, b"", None)
    assert asyncio.run(lane.get_listed(key, 1, "0" * 32)) is None
    assert keys(storage) == []
