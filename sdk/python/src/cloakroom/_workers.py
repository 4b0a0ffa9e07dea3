"""What does many transfers at once: threads, and an event loop for small files."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Union

from cloakroom._stop import Stop, stopping
from cloakroom.errors import CloakroomError, TransferError

if TYPE_CHECKING:
    from cloakroom._objects import Object, Transfer

# How many seconds to wait for small requests under way after Control-C.
_PATIENCE = 2.0


@dataclass(frozen=True)
class Job:
    """A transfer to do: what it will be called, and the object that is there already."""

    transfer: Transfer
    there: Object | None = None


@dataclass(frozen=True)
class Quick:
    """Does small jobs on an event loop: threads would spend most of the time on taking turns."""

    takes: Callable[[Job], bool]
    # None if a thread has to do the job.
    do: Callable[[Job], Awaitable[Transfer | None]]
    # Told in the thread that waits for results.
    done: Callable[[Transfer], None]


# A thread's job, or the loop if it has results.
_Ended = SimpleQueue[Union["Future[Transfer]", "_Loop"]]


class Workers:
    """Does jobs in parallel, and gives their results in the order in which they end."""

    def __init__(
        self, work: Callable[[Job], Transfer], quick: Quick | None, parallel: int, stop: Stop
    ) -> None:
        self._work = work
        self._stop = stop
        self._pool = ThreadPoolExecutor(
            parallel, thread_name_prefix="cloakroom", initializer=stopping.set, initargs=(stop,)
        )
        self._in_threads: set[Future[Transfer]] = set()
        self._ended: _Ended = SimpleQueue()
        self._loop = _Loop(quick, parallel, stop, self._ended) if quick else None

    @property
    def under_way(self) -> int:
        """The number of jobs that were begun and whose results were not given."""
        return len(self._in_threads) + (self._loop.under_way if self._loop else 0)

    def begin(self, job: Job) -> None:
        if self._loop is None or not self._loop.takes(job):
            self._begin_in_thread(job)
        else:
            self._loop.begin(job)

    def ended(self) -> list[Transfer]:
        """Wait until something has ended, and return its results."""
        if self._loop:
            self._loop.send()
        ended = self._ended.get()
        if isinstance(ended, Future):
            self._in_threads.remove(ended)
            return [ended.result()]
        results: list[Transfer] = []
        for result in ended.results():
            if isinstance(result, Job):
                self._begin_in_thread(result)
            else:
                ended.done(result)
                results.append(result)
        return results

    def leave(self) -> None:
        """Wait only for what stops by itself, and for small requests a moment."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._loop:
            self._loop.close()
        self._stop.wait()
        wait((future for future in self._in_threads if not future.cancelled()), _PATIENCE)
        if self._loop:
            self._loop.join(_PATIENCE)
        self._loop = None
        self._in_threads.clear()

    def close(self) -> None:
        if self._loop:
            self._loop.close()
            self._loop.join()
        self._pool.shutdown(wait=bool(self._in_threads), cancel_futures=True)

    def _begin_in_thread(self, job: Job) -> None:
        future = self._pool.submit(_caught, self._work, job)
        self._in_threads.add(future)
        future.add_done_callback(self._ended.put)


class _Loop:
    """An event loop in a thread of its own. Whoever waits for results is woken for several."""

    def __init__(self, quick: Quick, parallel: int, stop: Stop, ended: _Ended) -> None:
        self.takes, self.done = quick.takes, quick.done
        self.under_way = 0
        self._do = quick.do
        self._several = max(1, parallel // 2)
        self._stop = stop
        self._ended = ended
        self._unsent: list[Job] = []
        self._results: deque[Transfer | Job | BaseException] = deque()
        self._has_told = False
        # Not the default one of Windows, which would take over the caller's signals.
        self._loop = asyncio.SelectorEventLoop()
        self._free = asyncio.Semaphore(parallel)
        self._closing = asyncio.Event()
        # Tasks that nobody holds would be collected.
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished = 0
        self._thread = Thread(target=self._run, name="cloakroom-loop")
        self._thread.start()

    def begin(self, job: Job) -> None:
        self.under_way += 1
        self._unsent.append(job)
        if len(self._unsent) == self._several:
            self.send()

    def send(self) -> None:
        """Begin with what is left of the jobs."""
        if self._unsent:
            self._loop.call_soon_threadsafe(self._begin_all, self._unsent)
            self._unsent = []

    def results(self) -> list[Transfer | Job]:
        # In this order: what is added meanwhile is either seen here, or told.
        self._has_told = False
        results: list[Transfer | Job] = []
        while self._results:
            result = self._results.popleft()
            self.under_way -= 1
            if isinstance(result, BaseException):
                raise result
            results.append(result)
        return results

    def close(self) -> None:
        """End when the requests under way have ended; each succeeds or fails as a whole."""
        with contextlib.suppress(RuntimeError):  # It has ended.
            self._loop.call_soon_threadsafe(self._closing.set)

    def join(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._until_closed())
        finally:
            self._loop.close()

    async def _until_closed(self) -> None:
        await self._closing.wait()
        await asyncio.gather(*self._tasks)

    def _begin_all(self, jobs: list[Job]) -> None:
        self._unfinished += len(jobs)
        for job in jobs:
            task = self._loop.create_task(self._one(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, job: Job) -> None:
        async with self._free:
            if self._closing.is_set():
                return
            try:
                self._stop.check()
                result: Transfer | Job | BaseException = await self._do(job) or job
            except (CloakroomError, OSError, UnicodeError) as error:
                result = _failed(job, error)
            except BaseException as error:  # noqa: BLE001 - it is raised where results are taken
                result = error
        self._results.append(result)
        self._unfinished -= 1
        is_good = not isinstance(result, BaseException | Job) and result.ok
        is_time = len(self._results) >= self._several or not self._unfinished or not is_good
        if is_time and not self._has_told:
            self._has_told = True
            self._ended.put(self)


def _caught(work: Callable[[Job], Transfer], job: Job) -> Transfer:
    try:
        return work(job)
    except (CloakroomError, OSError, UnicodeError) as error:
        return _failed(job, error)


def _failed(job: Job, error: CloakroomError | OSError | UnicodeError) -> Transfer:
    transfer = job.transfer
    if isinstance(error, CloakroomError):
        return replace(transfer, error=error)
    if isinstance(error, OSError):
        said = f"{transfer.path}: {error.strerror or type(error).__name__}"
    else:
        said = f"{transfer.key!r} is no UTF-8."
    return replace(transfer, error=TransferError(said))
