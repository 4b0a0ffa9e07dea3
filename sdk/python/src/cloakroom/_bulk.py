"""Many files at once: what there is, what has to be done, and doing it in parallel."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from cloakroom._etag import has_etag
from cloakroom._objects import Object, Transfer, Transfers
from cloakroom._progress import Meter
from cloakroom._stop import Stop, go_on, stopping
from cloakroom._workers import Job, Quick, Workers
from cloakroom.errors import TransferError

Errors = Literal["raise", "collect"]
Compare = Literal["etag", "size"]

# How many jobs for each thread are handed out before one is done.
_AHEAD = 4


def folder_prefix(prefix: str) -> str:
    """Take a prefix as a folder, so that `logs` does not mean `logs-old/` as well.

    >>> folder_prefix("logs"), folder_prefix("logs/"), folder_prefix("")
    ('logs/', 'logs/', '')
    """
    return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def files_below(
    folder: Path, exclude: Iterable[str], unreadable: Callable[[OSError], None]
) -> Iterator[tuple[str, Path, int]]:
    """List the files below a folder, in order, with their names relative to it and their sizes.
    Links to files are followed, links to folders are not. `unreadable` hears of what cannot be
    looked at."""
    if not folder.is_dir():
        raise TransferError(f"{folder} is no folder.")
    patterns = tuple(exclude)
    for root, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            if is_excluded(relative, patterns):
                continue
            try:
                found = path.stat()
            except FileNotFoundError:  # It has gone, or is a link to nothing.
                continue
            except OSError as error:
                unreadable(error)
                continue
            if stat.S_ISREG(found.st_mode):
                yield relative, path, found.st_size


def is_excluded(name: str, patterns: Iterable[str]) -> bool:
    """Compare a relative name and its last part with patterns such as `*.tmp`."""
    last = name.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns for text in (name, last))


def path_below(folder: Path, name: str, inside: set[Path] | None = None) -> Path:
    """Find the place of an object's file, which must not lie outside of the folder: names in a
    shared storage are other people's. `inside` keeps the folders that were looked at."""
    parts = name.split("/")
    if name.endswith("/"):
        raise TransferError(f"{name!r} ends as a folder and has content: download it by itself.")
    strange = any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)
    if strange or Path(name).is_absolute() or (os.name == "nt" and ":" in name):
        raise TransferError(f"{name!r} is no name for a file below {folder}.")
    path = folder.joinpath(*parts)
    known = set() if inside is None else inside
    if path.parent not in known:
        if not path.parent.resolve().is_relative_to(folder.resolve()):
            raise TransferError(f"{path} lies behind a link that leads out of {folder}.")
        known.add(path.parent)
    return path


def is_same(path: Path, there: Object, compare: Compare) -> bool:
    """Tell whether file and object are the same, by size, and then by ETag."""
    try:
        size = path.stat().st_size
        if size != there.size:
            return False
        return compare == "size" or has_etag(path, size, there.etag)
    except OSError:
        return False


def run(
    jobs: Iterable[Job],
    work: Callable[[Job], Transfer],
    meter: Meter,
    *,
    parallel: int,
    errors: Errors,
    quick: Quick | None = None,
) -> Transfers:
    """Do the jobs in parallel; they are made as they are needed."""
    results: list[Transfer] = []
    todo = iter(jobs)
    stop = stopping.get() or Stop()
    workers = Workers(work, quick, parallel, stop)
    try:
        while True:
            go_on()
            for job in islice(todo, parallel * _AHEAD - workers.under_way):
                meter.expect(job.transfer.size)
                workers.begin(job)
            if not workers.under_way:
                return Transfers(results)
            for result in workers.ended():
                meter.finished()
                results.append(result)
                if result.error and errors == "raise":
                    raise result.error
    except Exception:
        stop.set()
        raise
    except BaseException:  # Control-C
        stop.set()
        workers.leave()
        raise
    finally:
        workers.close()
