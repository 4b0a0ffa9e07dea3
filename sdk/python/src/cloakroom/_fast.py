"""Small objects by obstore, which is written in Rust: threads of Python take turns, its do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cloakroom._etag import is_md5, md5

if TYPE_CHECKING:
    from obstore.store import S3Store

# obstore reads other keys as paths with escapes.
_PLAIN = re.compile(r"(?!\.{1,2}(/|$))[\w.=-]+(/(?!\.{1,2}(/|$))[\w.=-]+)*", re.ASCII)


class FastLane:
    """Does what it can, and says what it did not do, for boto3 to do.

    boto3 repeats, renews and tells errors. After one failure all goes by boto3, and so it does
    after an ETag that looks like an MD5 and is none: the store may encrypt with its own key.
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
        return _is(content, (done["e_tag"] or "").strip('"')) or self._closed()

    def get(self, key: str) -> bytes | None:
        """Download, or return None."""
        if not self._takes(key):
            return None
        import obstore  # noqa: PLC0415 - an extra

        try:
            found = obstore.get(self._store, key)
            content = bytes(found.bytes())
        except (self._error, OSError):
            self._closed()
            return None
        etag = (found.meta["e_tag"] or "").strip('"')
        if _is(content, etag):
            return content
        if is_md5(etag):  # Of an object in parts it is another.
            self._closed()
        return None

    async def get_listed(self, key: str, size: int, etag: str) -> bytes | None:
        """Download what was listed so, or return None."""
        # As a range it comes in one step. obstore takes no empty one.
        if not (self._takes(key) and size and is_md5(etag)):
            return None
        import obstore  # noqa: PLC0415 - an extra

        try:
            found = await obstore.get_range_async(self._store, key, start=0, length=size)
        except (self._error, OSError):
            self._closed()
            return None
        content = bytes(found)
        return content if _is(content, etag) else None

    def _takes(self, key: str) -> bool:
        return self.is_open and _PLAIN.fullmatch(key) is not None

    def _closed(self) -> bool:
        self.is_open = False
        return False


def _is(content: bytes, etag: str) -> bool:
    return is_md5(etag) and md5(content).hexdigest() == etag
