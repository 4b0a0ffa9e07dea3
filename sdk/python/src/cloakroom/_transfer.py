"""One object's way to the store and back. Keys are whole here, with the prefix."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.exceptions import (
    ConnectionError as ConnectionFailed,
)
from s3transfer.exceptions import RetriesExceededError
from urllib3.exceptions import HTTPError

from cloakroom._etag import COPIED_PART, MIB, PART, is_md5, md5
from cloakroom._retry import pause
from cloakroom.errors import (
    CloakroomError,
    StoreError,
    TransferError,
    UnreachableError,
    store_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from cloakroom._fast import FastLane
    from cloakroom._parts import Parts

# A copy in parts loses tags, and one request of some GiB outlasts the time limit at some stores.
_COPY = TransferConfig(multipart_threshold=1024 * MIB, multipart_chunksize=COPIED_PART)
# What a store keeps of an object by itself only where it copies it in one piece.
_KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)
_BROKEN = (
    ConnectionFailed,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    HTTPError,
    OSError,
)
_ATTEMPTS = 5


@contextlib.contextmanager
def translated(key: str | None = None) -> Iterator[None]:
    """Raise this package's errors instead of boto3's."""
    try:
        yield
    except CloakroomError:
        raise
    except ClientError as error:
        raise store_refusal(error.response, key) from error
    except (BotoCoreError, Boto3Error, HTTPError, RetriesExceededError) as error:
        raise _without_answer(error, key) from error


def _without_answer(error: Exception, key: str | None) -> CloakroomError:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ClientError):  # s3transfer wraps what the store said
        return store_refusal(cause.response, key)
    if isinstance(cause, CloakroomError):
        return cause
    what = f"{key}: " if key is not None else ""
    if isinstance(error, _BROKEN) or "RetriesExceeded" in type(error).__name__:
        return UnreachableError(f"{what}the store does not answer: {type(error).__name__}.")
    return StoreError(f"{what}{error}")


@dataclass(frozen=True)
class Bucket:
    """A client, and the bucket that it opens."""

    client: S3Client
    name: str
    parts: Parts
    lane: FastLane | None = None

    def close(self) -> None:
        self.parts.close()
        self.client.close()

    def put(
        self, key: str, content: bytes, extra: dict[str, Any], moved: Callable[[int], None]
    ) -> None:
        """Send what fits into one request; the store checks its MD5."""
        if self.lane and self.lane.put(key, content, extra.get("ContentType")):
            return moved(len(content))
        digest = base64.b64encode(md5(content).digest()).decode()
        self.client.put_object(Bucket=self.name, Key=key, Body=content, ContentMD5=digest, **extra)
        return moved(len(content))

    def put_file(
        self, key: str, file: IO[bytes], extra: dict[str, Any], moved: Callable[[int], None]
    ) -> None:
        """Send a file of any size, in parts where it is large."""
        head = _filled(file, PART)
        if len(head) < PART:
            return self.put(key, head, extra, moved)
        # s3transfer closes some files, which are the caller's to close.
        return self.parts.send(_Rejoined(head, file), key, extra, moved)

    def put_bytes(
        self, key: str, content: bytes, extra: dict[str, Any], moved: Callable[[int], None]
    ) -> None:
        self.put_file(key, BytesIO(content), extra, moved)

    def put_path(
        self, key: str, path: Path, size: int, extra: dict[str, Any], moved: Callable[[int], None]
    ) -> None:
        if size < PART:
            return self.put(key, path.read_bytes(), extra, moved)
        return self.parts.send(str(path), key, extra, moved)

    def get(self, key: str) -> bytes:
        """Fetch a whole object into memory."""
        content = self.lane.get(key) if self.lane else None
        if content is not None:
            return content

        def fetch() -> bytes:
            answer = self.client.get_object(Bucket=self.name, Key=key)
            with contextlib.closing(answer["Body"]) as body:
                content = body.read()
            if not _is_encrypted_by_key(answer):
                checked(key, content, answer["ETag"])
            return content

        return _repeated(fetch)

    def get_range(self, key: str, start: int, size: int, etag: str) -> bytes:
        """Fetch a part of an object, if it is still the one with this ETag."""

        def fetch() -> bytes:
            answer = self.client.get_object(
                Bucket=self.name,
                Key=key,
                Range=f"bytes={start}-{start + size - 1}",
                IfMatch=f'"{etag}"',
            )
            with contextlib.closing(answer["Body"]) as body:
                if answer["ETag"].strip('"') != etag:  # Some stores ignore If-Match.
                    raise TransferError(f"{key}: the object has been replaced.")
                return body.read()

        return _repeated(fetch)

    def get_path(self, key: str, path: Path, size: int, moved: Callable[[int], None]) -> None:
        """Fetch an object into a file, which appears when it is whole."""
        with appearing(path) as beside:
            if size < PART:
                content = self.get(key)
                beside.write_bytes(content)
                moved(len(content))
            else:
                self.parts.fetch(key, str(beside), moved)

    def get_file(self, key: str, file: IO[bytes], size: int, moved: Callable[[int], None]) -> None:
        """Fetch an object into an open file, from the start to the end."""
        if size < PART:
            content = self.get(key)
            file.write(content)
            moved(len(content))
        else:
            # Neither sought nor written out of order where the file cannot be sought.
            self.parts.fetch(key, file, moved)

    def copy(self, source: str, key: str) -> None:
        """Copy within the bucket, with all that the object says of itself."""
        origin: Any = {"Bucket": self.name, "Key": source}
        found: Any = self.client.head_object(**origin)
        extra: dict[str, Any] = {}
        if found["ContentLength"] >= _COPY.multipart_threshold:
            extra = {name: found[name] for name in _KEPT if found.get(name)}
            extra["MetadataDirective"] = "REPLACE"
        self.client.copy(origin, self.name, key, ExtraArgs=extra, Config=_COPY)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def delete_batch(self, keys: Sequence[str]) -> set[str]:
        """Delete up to 1,000 objects and return those that are left: Ceph 16 refuses to delete in
        batches under a session policy, and older stores do not know the request's checksum."""
        objects: Any = [{"Key": key} for key in keys]
        try:
            answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": objects})
        except ClientError:
            return set(keys)
        gone = {deleted["Key"] for deleted in answer.get("Deleted", [])}
        return set(keys) - gone


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a file beside, which takes the path's name when it is whole."""
    # A name has 255 bytes at most, and there is no need to know the end of it.
    start = os.fsencode(path.name)[:200].decode(errors="ignore")
    beside = path.with_name(f".{start}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _repeated(fetch: Callable[[], bytes]) -> bytes:
    """Fetch again where the answer breaks off: botocore repeats requests only until it begins."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return fetch()
        except _BROKEN:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(pause(attempt) or 0)


def checked(key: str, content: bytes, etag: str) -> None:
    """Compare what arrived with its ETag, where that is the MD5."""
    etag = etag.strip('"')
    if is_md5(etag) and md5(content).hexdigest() != etag:
        raise TransferError(f"{key}: what arrived differs from the object's MD5.")


def _is_encrypted_by_key(answer: Any) -> bool:
    """With SSE-KMS and SSE-C the ETag looks like an MD5, and is not the content's."""
    return "kms" in answer.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in answer


def _filled(file: IO[bytes], size: int) -> bytes:
    """Read as much as there is, up to `size`; pipes and sockets give it in pieces."""
    pieces, left = [], size
    while left and (piece := file.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


class _Rejoined:
    """A stream whose head was read already; it cannot be sought, so parts are buffered."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = BytesIO(head)
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        head = self._head.read(size)
        if size >= 0 and len(head) == size:
            return head
        return head + (self._rest.read() if size < 0 else _filled(self._rest, size - len(head)))
