"""ETags of local content: the MD5, or the MD5 of the parts' MD5s."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
PART = 8 * MIB
COPIED_PART = 128 * MIB
_CHUNK = 1 * MIB
_MD5 = re.compile("[0-9a-f]{32}")
# What other tools use for parts, beside our own size.
_PART_SIZES = (
    PART,
    5 * MIB,
    15 * MIB,
    16 * MIB,
    32 * MIB,
    50 * MIB,
    64 * MIB,
    100 * MIB,
    COPIED_PART,
)


def md5(content: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)


def is_md5(etag: str) -> bool:
    """Tell whether an ETag can be the content's MD5."""
    return _MD5.fullmatch(etag) is not None


def has_etag(path: Path, size: int, etag: str) -> bool:
    """Tell whether the file's content has this ETag; False where that cannot be told."""
    digest, _, parts = etag.partition("-")
    if not is_md5(digest):
        return False
    with path.open("rb") as file:
        if not parts:
            return _whole(file) == digest
        for part in _part_sizes(size, int(parts)):
            file.seek(0)
            if _in_parts(file, part) == etag:
                return True
    return False


def _part_sizes(size: int, parts: int) -> list[int]:
    return [part for part in _PART_SIZES if -(-size // part) == parts]


def _whole(file: BinaryIO) -> str:
    whole = md5()
    for chunk in _chunks(file, None):
        whole.update(chunk)
    return whole.hexdigest()


def _in_parts(file: BinaryIO, size: int) -> str:
    digests: list[bytes] = []
    while True:
        part, empty = md5(), True
        for chunk in _chunks(file, size):
            part.update(chunk)
            empty = False
        if empty:
            return f"{md5(b''.join(digests)).hexdigest()}-{len(digests)}"
        digests.append(part.digest())


def _chunks(file: BinaryIO, limit: int | None) -> Iterator[bytes]:
    left = limit
    while left is None or left > 0:
        chunk = file.read(_CHUNK if left is None else min(_CHUNK, left))
        if not chunk:
            return
        left = None if left is None else left - len(chunk)
        yield chunk
