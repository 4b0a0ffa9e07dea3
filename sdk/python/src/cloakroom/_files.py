"""Objects as files."""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, Any

from cloakroom._etag import MIB, PART
from cloakroom._transfer import translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cloakroom._transfer import Bucket

BUFFER = 1 * MIB


class Reader(io.RawIOBase):
    """Reads an object by ranges, so that it can be sought; all of them are of one version."""

    def __init__(self, bucket: Bucket, key: str, size: int, etag: str, name: str) -> None:
        super().__init__()
        self.name = name
        self._bucket = bucket
        self._key = key
        self._size = size
        self._etag = etag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("before the start of the file")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        with translated(self.name):
            content = self._bucket.get_range(self._key, self._at, wanted, self._etag)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def readall(self) -> bytes:
        """Fetch what is left in large pieces; the inherited method would take small ones."""
        pieces: list[bytearray] = []
        while self._at < self._size:
            piece = bytearray(min(PART, self._size - self._at))
            self.readinto(piece)
            pieces.append(piece)
        return b"".join(pieces)


class Writer(io.BufferedIOBase):
    """Collects what is written, in a file on disk where it is much, and uploads it when closed.

    Nothing is uploaded if the `with` block ends with an exception, or if nobody closes it.
    """

    def __init__(self, name: str, upload: Callable[[Any], object]) -> None:
        super().__init__()
        self.name = name
        self._upload = upload
        self._file: Any = tempfile.SpooledTemporaryFile(PART)  # noqa: SIM115 - closed in close()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        written: int = self._file.write(content)
        return written

    def tell(self) -> int:
        at: int = self._file.tell()
        return at

    def discard(self) -> None:
        """Upload nothing when closed."""
        self._upload = lambda _file: None

    def __del__(self) -> None:
        """Python closes a forgotten file, which must not replace an object by half of one."""
        self.discard()
        self.close()

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._file.seek(0)
            self._upload(self._file)
        finally:
            self._file.close()
            super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()


class TextWriter(io.TextIOWrapper):
    """Text over a `Writer`; drops it as well where the block ends with an exception."""

    def __init__(self, writer: Writer, encoding: str) -> None:
        super().__init__(writer, encoding=encoding, newline="")
        self._writer = writer

    def __del__(self) -> None:
        self._writer.discard()
        self.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._writer.discard()
        self.close()
