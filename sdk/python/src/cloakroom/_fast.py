"""Small objects by obstore, which is written in Rust: threads of Python take turns, its do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cloakroom._etag import is_md5, md5

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import S3Store

# obstore reads other keys as paths with escapes.
_PLAIN = re.compile(r"(?!\.{1,2}(/|$))[\w.=-]+(/(?!\.{1,2}(/|$))[\w.=-]+)*", re.ASCII)


class FastLane:
    """Does what it can, and says what it did not do, for boto3 to do.

    boto3 repeats, renews and tells errors. After one failure all goes by boto3.
    """

    def __init__(self, store: S3Store, error: type[Exception]) -> None:
        self._store = store
        self._error = error
        self.is_open = True

    def put(self, key: str, content: bytes, content_type: str | None) -> bool:
        """Upload, and tell whether it arrived as it is."""
        if not self._takes(key):
            return False
        import obstore  # noqa: PLC0415 - an extra

        kind = {"Content-Type": content_type} if content_type else None
        try:
            done = obstore.put(self._store, key, content, attributes=kind, use_multipart=False)
        except (self._error, OSError):
            return self._closed()
        etag = (done["e_tag"] or "").strip('"')
        return is_md5(etag) and md5(content).hexdigest() == etag

    def get(self, key: str) -> bytes | None:
        """Download, or return None."""
        if not self._takes(key):
            return None
        import obstore  # noqa: PLC0415 - an extra

        try:
            found = obstore.get(self._store, key)
            return _whole(found, bytes(found.bytes()))
        except (self._error, OSError):
            self._closed()
            return None

    async def get_async(self, key: str) -> bytes | None:
        """Do the same on an event loop."""
        if not self._takes(key):
            return None
        import obstore  # noqa: PLC0415 - an extra

        try:
            found = await obstore.get_async(self._store, key)
            return _whole(found, bytes(await found.bytes_async()))
        except (self._error, OSError):
            self._closed()
            return None

    def _takes(self, key: str) -> bool:
        return self.is_open and _PLAIN.fullmatch(key) is not None

    def _closed(self) -> bool:
        self.is_open = False
        return False


def _whole(found: GetResult, content: bytes) -> bytes | None:
    """Return the content if it is the object's by its MD5."""
    etag = (found.meta["e_tag"] or "").strip('"')
    return content if is_md5(etag) and md5(content).hexdigest() == etag else None
