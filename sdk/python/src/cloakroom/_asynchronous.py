"""The same for asyncio.

boto3 blocks, so every operation of an object runs in a thread; a call for credentials happens
once in half a session's life. The asynchronous client is therefore the synchronous one in threads
of its own, and has no second code for refreshing, errors or retries. Cancelling a task begins no
more transfers and breaks off those of large objects; other requests under way end in their threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from cloakroom._client import Client
from cloakroom._stop import Stop, stopping
from cloakroom._storage import Storage

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import IO, Literal

    from typing_extensions import Self

    from cloakroom._client import Access
    from cloakroom._objects import Folder, Object
    from cloakroom._progress import ShowProgress

P = ParamSpec("P")
T = TypeVar("T")

_PAGE = 1000


def _in_thread(
    method: Callable[Concatenate[Storage, P], T],
) -> Callable[Concatenate[AsyncStorage, P], Awaitable[T]]:
    """Make the asynchronous method of a synchronous one, with its signature and documentation."""

    @functools.wraps(method)
    async def call(self: AsyncStorage, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._run(functools.partial(method, self._storage, *args, **kwargs))

    return call  # type: ignore[return-value]  # wraps() hides that it is a function


class AsyncStorage:
    """`Storage` with the same names, to be awaited."""

    def __init__(self, storage: Storage, pool: ThreadPoolExecutor) -> None:
        self._storage = storage
        self._pool = pool

    upload = _in_thread(Storage.upload)
    open = _in_thread(Storage.open)
    stat = _in_thread(Storage.stat)
    exists = _in_thread(Storage.exists)
    copy = _in_thread(Storage.copy)
    move = _in_thread(Storage.move)
    delete = _in_thread(Storage.delete)
    presign = _in_thread(Storage.presign)
    upload_dir = _in_thread(Storage.upload_dir)
    download_dir = _in_thread(Storage.download_dir)
    sync = _in_thread(Storage.sync)
    delete_prefix = _in_thread(Storage.delete_prefix)
    boto3_client = _in_thread(Storage.boto3_client)
    boto3_session = _in_thread(Storage.boto3_session)
    filesystem = _in_thread(Storage.filesystem)
    obstore = _in_thread(Storage.obstore)

    @overload
    async def download(
        self, key: str, target: None = None, *, progress: bool | ShowProgress = False
    ) -> bytes: ...
    @overload
    async def download(
        self,
        key: str,
        target: str | os.PathLike[str],
        *,
        progress: bool | ShowProgress = False,
    ) -> Path: ...
    @overload
    async def download(
        self, key: str, target: IO[bytes], *, progress: bool | ShowProgress = False
    ) -> None: ...
    async def download(self, key: str, target: Any = None, *, progress: Any = False) -> Any:
        """Download an object to a path, into an open file, or without a target as bytes."""
        call = functools.partial(self._storage.download, key, target, progress=progress)
        return await self._run(call)

    @overload
    def list(
        self, prefix: str = "", *, recursive: Literal[True] = True
    ) -> AsyncIterator[Object]: ...
    @overload
    def list(self, prefix: str = "", *, recursive: bool) -> AsyncIterator[Object | Folder]: ...
    async def list(self, prefix: str = "", *, recursive: bool = True) -> AsyncIterator[Any]:
        """List the objects whose keys begin with `prefix`, page by page as they are asked for."""
        items = self._storage.list(prefix, recursive=recursive)
        while some := await self._run(functools.partial(_some, items)):
            for item in some:
                yield item

    async def place(self) -> tuple[str, str]:
        """Return bucket and prefix."""
        return await self._run(lambda: (self._storage.bucket, self._storage.prefix))

    async def _run(self, call: Callable[[], T]) -> T:
        stop, context = Stop(), contextvars.copy_context()
        context.run(stopping.set, stop)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, context.run, call)
        except asyncio.CancelledError:
            stop.set()
            raise


def _some(items: Iterator[Any]) -> list[Any]:
    """Take as many as a page of the store has, so that a thread is not woken for each."""
    return [item for item, _ in zip(items, range(_PAGE), strict=False)]


class AsyncClient:
    """`Client` for asyncio: the same arguments, and the same names, to be awaited."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        token: str | Callable[[], str] | None = None,
        token_file: str | os.PathLike[str] | None = None,
        workspace: str | None = None,
        access: Access | None = None,
        duration: int | None = None,
        parallel: int = 16,
        ca_file: str | os.PathLike[str] | None = None,
        allow_http: bool = False,
    ) -> None:
        self._client = Client(
            url,
            api_key=api_key,
            token=token,
            token_file=token_file,
            workspace=workspace,
            access=access,
            duration=duration,
            parallel=parallel,
            ca_file=ca_file,
            allow_http=allow_http,
        )
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="cloakroom-async")
        self.storage = AsyncStorage(self._client.storage, self._pool)

    async def aclose(self) -> None:
        """Wait for requests under way, and close the connections to gateway and store."""
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Async{self._client!r}"
