"""Folders up, down, and away."""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from cloakroom._bulk import (
    Compare,
    Errors,
    files_below,
    folder_prefix,
    is_excluded,
    is_same,
    path_below,
    run,
)
from cloakroom._etag import MIB
from cloakroom._objects import Object, Transfer, Transfers
from cloakroom._progress import Meter, ShowProgress
from cloakroom._stop import go_on
from cloakroom._transfer import Bucket, appearing, translated
from cloakroom._workers import Job, Quick
from cloakroom.errors import TransferError

_BATCH = 1000
_SMALL = MIB // 4

# Where writing a small file takes longer (in seconds), threads write: they wait side by side.
_SLOW = 0.002


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)


def content_type(name: str) -> dict[str, str]:
    guessed, encoding = mimetypes.guess_type(name)
    return {"ContentType": guessed} if guessed and encoding is None else {}


@dataclass(frozen=True)
class Options:
    """What holds for all bulk operations."""

    parallel: int
    errors: Errors
    progress: bool | ShowProgress
    dry_run: bool = False
    delete: bool = False
    compare: Compare | None = None
    exclude: tuple[str, ...] = ()


class Folders:
    """The bulk operations. `listed` lists objects below a prefix; `whole` adds the storage's."""

    def __init__(
        self,
        bucket: Bucket,
        listed: Callable[[str], Iterable[Object]],
        whole: Callable[[str], str],
        options: Options,
    ) -> None:
        self._bucket = bucket
        self._listed = listed
        self._whole = whole
        self._options = options
        self._meter = Meter(options.progress)
        # How many seconds a small file takes, on average of the last ones.
        self._write_time = 0.0

    def upload(self, folder: Path, prefix: str) -> Transfers:
        prefix, options = folder_prefix(prefix), self._options
        there: dict[str, Object] = {}
        if options.compare or options.delete:
            there = {item.key: item for item in self._listed(prefix)}
        seen: set[str] = set()
        unread: list[Transfer] = []

        def note(error: OSError) -> None:
            path = Path(error.filename)
            said = TransferError(f"{path}: {error.strerror}")
            if options.errors == "raise":
                raise said from error
            key = prefix + path.relative_to(folder).as_posix()
            unread.append(Transfer("uploaded", key, path, error=said))

        def jobs() -> Iterator[Job]:
            for name, path, size in files_below(folder, options.exclude, note):
                key = prefix + name
                seen.add(key)
                yield Job(Transfer("uploaded", key, path, size), there.get(key))

        with self._meter:
            done = Transfers([*self._run(jobs(), self._send), *unread])
            if options.delete and not done.failed:
                gone = [item for key, item in there.items() if key not in seen]
                done = Transfers([*done, *self._delete(self._with_files(gone, prefix))])
        return done

    def download(self, prefix: str, folder: Path) -> Transfers:
        prefix, options = folder_prefix(prefix), self._options
        seen: set[Path] = set()
        inside: set[Path] = set()

        def jobs() -> Iterator[Job]:
            for item in self._listed(prefix):
                # An empty object with a slash at its end stands for a folder.
                is_folder = item.key.endswith("/") and not item.size
                if is_folder or self._is_excluded(item.key, prefix):
                    continue
                yield self._arrival(item, folder, item.key.removeprefix(prefix), inside)

        def noted() -> Iterator[Job]:
            for job in jobs():
                if job.transfer.path:
                    seen.add(job.transfer.path)
                yield job

        with self._meter:
            quick = Quick(self._is_quick, self._fetch_quickly, self._count)
            done = self._run(noted(), self._fetch, quick if self._bucket.lane else None)
            if options.delete and not done.failed:
                done = Transfers([*done, *self._remove(folder, prefix, seen)])
        return done

    def delete(self, prefix: str) -> Transfers:
        with self._meter:
            return Transfers(list(self._delete(self._listed(folder_prefix(prefix)))))

    def _run(
        self, jobs: Iterable[Job], work: Callable[[Job], Transfer], quick: Quick | None = None
    ) -> Transfers:
        options = self._options
        return run(
            jobs,
            work,
            self._meter,
            parallel=options.parallel,
            errors=options.errors,
            quick=quick,
        )

    def _is_excluded(self, key: str, prefix: str) -> bool:
        return is_excluded(key.removeprefix(prefix), self._options.exclude)

    def _with_files(self, items: Iterable[Object], prefix: str) -> list[Object]:
        """Those that a file can stand for: keys that end with a slash are other tools' folders."""
        named = (item for item in items if not item.key.endswith("/"))
        return [item for item in named if not self._is_excluded(item.key, prefix)]

    def _arrival(self, item: Object, folder: Path, name: str, inside: set[Path]) -> Job:
        transfer = Transfer("downloaded", item.key, None, item.size)
        try:
            return Job(replace(transfer, path=path_below(folder, name, inside)), item)
        except TransferError as error:
            return Job(replace(transfer, error=error), item)
        # What a file system says of names that it cannot have: too long, or links in a circle.
        except (OSError, RuntimeError, ValueError) as error:
            said = TransferError(f"{name!r} is no name for a file below {folder}: {error}.")
            return Job(replace(transfer, error=said), item)

    def _send(self, job: Job) -> Transfer:
        transfer, options = job.transfer, self._options
        path = transfer.path
        if path is None:
            return transfer
        if job.there and options.compare and is_same(path, job.there, options.compare):
            return self._skipped(transfer)
        if not options.dry_run:
            with translated(transfer.key):
                self._bucket.put_path(
                    self._whole(transfer.key),
                    path,
                    transfer.size,
                    content_type(path.name),
                    self._meter.moved,
                )
        return transfer

    def _fetch(self, job: Job) -> Transfer:
        transfer, options = job.transfer, self._options
        path = transfer.path
        if path is None:
            return transfer
        if job.there and options.compare and is_same(path, job.there, options.compare):
            return self._skipped(transfer)
        if not options.dry_run:
            _make_folder(path.parent)
            with translated(transfer.key):
                key = self._whole(transfer.key)
                self._bucket.get_path(key, path, transfer.size, self._meter.moved)
        return transfer

    def _is_quick(self, job: Job) -> bool:
        """Tell what an event loop may do: nothing that keeps it busy, such as comparing files."""
        path, lane, options = job.transfer.path, self._bucket.lane, self._options
        if path is None or lane is None or not lane.is_open or options.dry_run:
            return False
        if job.transfer.size > _SMALL or self._write_time > _SLOW:
            return False
        return not (options.compare and os.path.lexists(path))

    async def _fetch_quickly(self, job: Job) -> Transfer | None:
        path, there, lane = job.transfer.path, job.there, self._bucket.lane
        # The disk may have proved slow since the job was handed out.
        if path is None or there is None or lane is None or self._write_time > _SLOW:
            return None
        content = await lane.get_listed(self._whole(there.key), there.size, there.etag)
        if content is None:
            return None
        begun = time.perf_counter()
        try:
            _make_folder(path.parent)
            with appearing(path) as beside:
                beside.write_bytes(content)
        finally:
            # One that was held up by something else counts as a few slow ones.
            taken = min(time.perf_counter() - begun, 4 * _SLOW)
            self._write_time += (taken - self._write_time) / 16
        return job.transfer

    def _count(self, transfer: Transfer) -> None:
        if transfer.ok:
            self._meter.moved(transfer.size)

    def _skipped(self, transfer: Transfer) -> Transfer:
        self._meter.moved(transfer.size)
        return replace(transfer, action="skipped")

    def _delete(self, items: Iterable[Object]) -> Iterator[Transfer]:
        """Delete in batches, and one by one what a batch leaves."""
        todo = iter(items)
        while batch := list(islice(todo, _BATCH)):
            go_on()
            jobs = {self._whole(item.key): Job(Transfer("deleted", item.key)) for item in batch}
            left: set[str] = set()
            if not self._options.dry_run:
                with translated():
                    left = self._bucket.delete_batch(list(jobs))
            yield from (job.transfer for key, job in jobs.items() if key not in left)
            yield from self._run((jobs[key] for key in jobs if key in left), self._delete_one)

    def _delete_one(self, job: Job) -> Transfer:
        with translated(job.transfer.key):
            self._bucket.delete(self._whole(job.transfer.key))
        return job.transfer

    def _remove(self, folder: Path, prefix: str, seen: set[Path]) -> Transfers:
        # What cannot be looked at stays.
        below = list(files_below(folder, self._options.exclude, lambda _error: None))
        gone = (Transfer("deleted", prefix + name, path) for name, path, _size in below)
        return self._run((Job(item) for item in gone if item.path not in seen), self._unlink)

    def _unlink(self, job: Job) -> Transfer:
        if job.transfer.path and not self._options.dry_run:
            job.transfer.path.unlink()
        return job.transfer
