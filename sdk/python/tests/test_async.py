"""The same names, awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support import Dev, tree

import cloakroom
from cloakroom import AsyncClient, AsyncStorage, Folder, Storage


def with_storage(dev: Dev, work: Callable[[AsyncStorage], Awaitable[None]]) -> None:
    async def run() -> None:
        async with AsyncClient(dev.url, token=dev.new_user()) as mc:
            await work(mc.storage)

    asyncio.run(run())


async def keys(items: AsyncIterator[Any]) -> list[str]:
    return [item.key async for item in items]


def test_one_object(dev: Dev) -> None:
    async def work(storage: AsyncStorage) -> None:
        assert (await storage.upload(b"1", "a")).size == 1
        assert await storage.download("a") == b"1"
        assert await storage.download("a", "here") == Path("here")
        assert await storage.exists("a")
        await storage.move("a", "b/c")
        assert await keys(storage.list()) == ["b/c"]
        assert [item async for item in storage.list(recursive=False)] == [Folder("b/")]
        file = await storage.open("b/c")
        assert file.read() == b"1"
        bucket, prefix = await storage.place()
        s3 = await storage.boto3_client()
        assert s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 1

    with_storage(dev, work)


def test_many(dev: Dev) -> None:
    async def work(storage: AsyncStorage) -> None:
        done = await storage.upload_dir(tree(Path("up"), {"a": b"1", "b": b"2"}), "x")
        assert done.count("uploaded") == 2
        assert (await storage.delete_prefix("x")).count("deleted") == 2

    with_storage(dev, work)


def test_a_cancelled_operation_begins_no_more(dev: Dev) -> None:
    folder = tree(Path("up"), {f"{number}.txt": b"x" for number in range(600)})

    async def work(storage: AsyncStorage) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def progress(_state: object) -> None:
            loop.call_soon_threadsafe(begun.set)

        task = asyncio.ensure_future(storage.upload_dir(folder, "x", progress=progress))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = -1
        while before != (now := len(await keys(storage.list("x/")))):
            before = now
            await asyncio.sleep(0.5)
        assert now < len(list(folder.iterdir()))

    with_storage(dev, work)


def test_the_loop_goes_on_meanwhile(dev: Dev) -> None:
    async def work(storage: AsyncStorage) -> None:
        uploading = asyncio.ensure_future(storage.upload(bytes(2**24), "large"))
        turns = 0
        while not uploading.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 10

    with_storage(dev, work)


def test_every_name_of_the_storage_is_there(dev: Dev) -> None:
    names = {name for name, _ in inspect.getmembers(Storage, inspect.isfunction)}
    public = {name for name in names if not name.startswith("_")}
    assert public - {"close"} <= set(dir(AsyncStorage))
    assert AsyncStorage.upload.__doc__ == Storage.upload.__doc__
    assert "…" in repr(AsyncClient(dev.url, api_key="ck_secret"))
    assert cloakroom.__version__
