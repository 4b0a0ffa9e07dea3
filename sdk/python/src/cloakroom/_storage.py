"""`mc.storage`: the objects behind a gateway, by keys without the prefix."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, overload

from botocore.exceptions import ClientError

from cloakroom._aws import boto3_session, s3_client
from cloakroom._bulk import path_below
from cloakroom._files import BUFFER, Reader, TextWriter, Writer
from cloakroom._folders import Folders, Options, content_type
from cloakroom._objects import Folder, Object, PresignedURL, Transfers
from cloakroom._parts import Parts
from cloakroom._progress import Meter, ShowProgress
from cloakroom._transfer import Bucket, translated
from cloakroom.errors import NotFoundError

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator

    import boto3
    from fsspec import AbstractFileSystem
    from mypy_boto3_s3 import S3Client
    from obstore.store import S3Store

    from cloakroom._bulk import Compare, Errors
    from cloakroom._sessions import Place, Sessions

_Path = str | os.PathLike[str]
_Mode = Literal["r", "rb", "w", "wb"]
_HIDDEN = (403, 404)


class Storage:
    """Upload, download, list, and the rest.

    Keys are relative to the storage: the prefix that the gateway names is added to each key and
    taken off again. Made by `Client`; one serves any number of threads.
    """

    def __init__(self, sessions: Sessions, *, parallel: int, ca_file: str | None = None) -> None:
        self._sessions = sessions
        self._parallel = parallel
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._made: Bucket | None = None

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._place.bucket

    @property
    def prefix(self) -> str:
        """What the keys in the bucket begin with; empty for one's own bucket."""
        return self._place.prefix

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`, for tools that are told both."""
        return self._place.uri

    def close(self) -> None:
        """Close the connections to the store; `Client.close` does."""
        made, self._made = self._made, None
        if made is not None:
            made.close()

    # One object.

    def upload(
        self,
        source: _Path | bytes | IO[bytes],
        key: str,
        *,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        progress: bool | ShowProgress = False,
    ) -> Object:
        """Upload a file by its path, bytes, or an open file, and return the object.

        >>> mc.storage.upload(b"id,name", "Incoming/people.csv").size
        7
        """
        extra = _extra(key, content_type, metadata)
        with Meter(progress) as meter, translated(key):
            bucket, whole = self._bucket, self._whole(key)
            if isinstance(source, bytes | bytearray | memoryview):
                meter.expect(len(source))
                bucket.put_bytes(whole, bytes(source), extra, meter.moved)
            elif isinstance(source, str | os.PathLike):
                path = Path(source)
                size = path.stat().st_size
                meter.expect(size)
                bucket.put_path(whole, path, size, extra, meter.moved)
            else:
                meter.expect(0)
                bucket.put_file(whole, source, extra, meter.moved)
            meter.finished()
        return self.stat(key)

    @overload
    def download(
        self, key: str, target: None = None, *, progress: bool | ShowProgress = False
    ) -> bytes: ...
    @overload
    def download(
        self, key: str, target: _Path, *, progress: bool | ShowProgress = False
    ) -> Path: ...
    @overload
    def download(
        self, key: str, target: IO[bytes], *, progress: bool | ShowProgress = False
    ) -> None: ...
    def download(
        self,
        key: str,
        target: _Path | IO[bytes] | None = None,
        *,
        progress: bool | ShowProgress = False,
    ) -> bytes | Path | None:
        """Download an object to a path, into an open file, or without a target as bytes.

        A path that is a folder gets a file with the key's last part as name. The file appears when
        it is whole.

        >>> mc.storage.download("Incoming/people.csv")
        b'id,name'
        """
        with Meter(progress) as meter, translated(key):
            if target is None:
                content = self._bucket.get(self._whole(key))
                meter.expect(len(content))
                meter.moved(len(content))
                meter.finished()
                return content
            size = self.stat(key).size
            meter.expect(size)
            if isinstance(target, str | os.PathLike):
                path = Path(target)
                path = path_below(path, key.rpartition("/")[2]) if path.is_dir() else path
                self._bucket.get_path(self._whole(key), path, size, meter.moved)
                meter.finished()
                return path
            self._bucket.get_file(self._whole(key), target, size, meter.moved)
            meter.finished()
            return None

    @overload
    def open(self, key: str, mode: Literal["rb"] = "rb") -> io.BufferedReader: ...
    @overload
    def open(self, key: str, mode: Literal["wb"]) -> Writer: ...
    @overload
    def open(
        self, key: str, mode: Literal["r", "w"], *, encoding: str = "utf-8"
    ) -> io.TextIOWrapper: ...
    def open(self, key: str, mode: _Mode = "rb", *, encoding: str = "utf-8") -> Any:
        r"""Open an object as a file: "rb", "wb", and "r" or "w" for text.

        A file to read can be sought and fetches what is read. One to write is uploaded when it is
        closed, unless the block ends with an exception.

        >>> with mc.storage.open("Incoming/notes.txt", "w") as file:
        ...     _ = file.write("first\nsecond\n")
        >>> with mc.storage.open("Incoming/notes.txt", "r") as file:
        ...     [line.strip() for line in file]
        ['first', 'second']
        """
        if mode in ("w", "wb"):
            writer = Writer(key, lambda file: self._put(key, file))
            return writer if mode == "wb" else TextWriter(writer, encoding)
        if mode not in ("r", "rb"):
            raise ValueError(f"mode is one of rb, wb, r, w, not {mode!r}")
        return self._reader(key, encoding if mode == "r" else None)

    @overload
    def list(self, prefix: str = "", *, recursive: Literal[True] = True) -> Iterator[Object]: ...
    @overload
    def list(self, prefix: str = "", *, recursive: bool) -> Iterator[Object | Folder]: ...
    def list(self, prefix: str = "", *, recursive: bool = True) -> Iterator[Object | Folder]:
        """List the objects whose keys begin with `prefix`, page by page as they are asked for.

        With recursive=False, those below the next slash are one `Folder`. Empty objects whose keys
        end with a slash stand for folders and are left out.

        >>> [item.key for item in mc.storage.list("Incoming/")]
        ['Incoming/notes.txt', 'Incoming/people.csv']
        >>> list(mc.storage.list(recursive=False))
        [Folder(key='Incoming/')]
        """
        for item in self._all(prefix, {} if recursive else {"Delimiter": "/"}):
            if isinstance(item, Folder) or item.size or not item.key.endswith("/"):
                yield item

    def stat(self, key: str) -> Object:
        """Return an object's size, time and ETag; `NotFoundError` if there is none.

        >>> mc.storage.stat("Incoming/people.csv").etag
        'bab7fcd2edf55c2f193319138437ca52'
        """
        with translated(key):
            try:
                found = self._client.head_object(Bucket=self.bucket, Key=self._whole(key))
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _HIDDEN:
                    raise
                return self._stat_by_list(key)
        return _object(key, found["ContentLength"], found["LastModified"], found["ETag"])

    def exists(self, key: str) -> bool:
        """Tell whether there is such an object.

        >>> mc.storage.exists("Incoming/nothing")
        False
        """
        try:
            self.stat(key)
        except NotFoundError:
            return False
        return True

    def copy(self, source: str, target: str) -> Object:
        """Copy an object within the storage; its content does not pass through this machine.

        >>> mc.storage.copy("Incoming/people.csv", "Archive/people.csv").key
        'Archive/people.csv'
        """
        with translated(source):
            self._bucket.copy(self._whole(source), self._whole(target))
        return self.stat(target)

    def move(self, source: str, target: str) -> Object:
        """Copy an object and delete the original.

        >>> mc.storage.move("Archive/people.csv", "Archive/old.csv").key
        'Archive/old.csv'
        """
        if source == target:
            return self.stat(source)
        moved = self.copy(source, target)
        self.delete(source)
        return moved

    def delete(self, key: str) -> None:
        """Delete an object. It is no error if there is none.

        >>> mc.storage.delete("Archive/old.csv")
        """
        with translated(key):
            self._bucket.delete(self._whole(key))

    def presign(
        self, key: str, *, expires_in: int = 900, method: Literal["GET", "PUT"] = "GET"
    ) -> PresignedURL:
        """Make a link with which anyone can read or write this object for a while.

        It ends with the session that signs it; `expires` tells when.

        >>> str(mc.storage.presign("Incoming/people.csv")).startswith("http")
        True
        """
        operation = {"GET": "get_object", "PUT": "put_object"}[method]
        with translated(key):
            session = self._sessions.current(at_least=expires_in)
            url = self._client.generate_presigned_url(
                operation,
                Params={"Bucket": self.bucket, "Key": self._whole(key)},
                ExpiresIn=expires_in,
            )
        until = datetime.now(timezone.utc) + timedelta(seconds=expires_in)
        return PresignedURL(url, min(until, session.expires))

    # Many.

    def upload_dir(
        self,
        folder: _Path,
        prefix: str = "",
        *,
        resume: bool = False,
        exclude: Iterable[str] = (),
        parallel: int | None = None,
        errors: Errors = "raise",
        progress: bool | ShowProgress = False,
    ) -> Transfers:
        """Upload all files below a folder, with a result for each.

        With resume=True, files that are there with the same content are skipped. With
        errors="collect" a file that fails does not stop the others; its result has the error.
        """
        options = self._options(
            parallel, errors, progress, compare="etag" if resume else None, exclude=tuple(exclude)
        )
        return self._folders(options).upload(Path(folder), prefix)

    def download_dir(
        self,
        prefix: str,
        folder: _Path,
        *,
        resume: bool = False,
        exclude: Iterable[str] = (),
        parallel: int | None = None,
        errors: Errors = "raise",
        progress: bool | ShowProgress = False,
    ) -> Transfers:
        """Download all objects below a prefix into a folder, with a result for each.

        Keys that would lead out of the folder are refused.
        """
        options = self._options(
            parallel, errors, progress, compare="etag" if resume else None, exclude=tuple(exclude)
        )
        return self._folders(options).download(prefix, Path(folder))

    def sync(
        self,
        folder: _Path,
        prefix: str = "",
        *,
        direction: Literal["up", "down"] = "up",
        delete: bool = False,
        dry_run: bool = False,
        compare: Compare = "etag",
        exclude: Iterable[str] = (),
        parallel: int | None = None,
        errors: Errors = "raise",
        progress: bool | ShowProgress = False,
    ) -> Transfers:
        """Make the storage below `prefix` as the folder is, or with direction="down" the other way.

        Files of the same size and ETag are skipped; compare="size" reads no content. With
        delete=True what is not at the origin goes, if everything else went well. With dry_run=True
        the results say what would be done.
        """
        options = self._options(
            parallel,
            errors,
            progress,
            dry_run=dry_run,
            delete=delete,
            compare=compare,
            exclude=tuple(exclude),
        )
        folders = self._folders(options)
        if direction == "up":
            return folders.upload(Path(folder), prefix)
        return folders.download(prefix, Path(folder))

    def delete_prefix(
        self,
        prefix: str,
        *,
        dry_run: bool = False,
        everything: bool = False,
        parallel: int | None = None,
        errors: Errors = "raise",
    ) -> Transfers:
        """Delete all objects below a prefix, taken as a folder: "logs" does not mean "logs-old/".

        The empty prefix is the whole storage, and needs everything=True.

        >>> mc.storage.delete_prefix("Incoming").count("deleted")
        2
        """
        if not prefix and not everything:
            raise ValueError("the empty prefix is the whole storage: pass everything=True as well")
        options = self._options(parallel, errors, progress=False, dry_run=dry_run)
        return self._folders(options).delete(prefix)

    # For other libraries.

    def boto3_session(self) -> boto3.Session:
        """Return a session of boto3 whose clients renew by themselves.

        Its clients need the store's address: `boto3_client()` has it. Keys are whole there:
        begin them with `prefix`.
        """
        return boto3_session(self._sessions)

    def boto3_client(self) -> S3Client:
        """Return a client of boto3 that renews by itself. Keys are whole: begin them with `prefix`.

        >>> s3 = mc.storage.boto3_client()
        >>> s3.list_objects_v2(Bucket=mc.storage.bucket, Prefix=mc.storage.prefix)["KeyCount"]
        0
        """
        return s3_client(self._sessions, self._connections, self._ca_file)

    def filesystem(self) -> AbstractFileSystem:
        """Return the storage as a file system of fsspec, for pandas, Dask, PyArrow and DuckDB.

        Paths are keys without the prefix. Needs `pip install 'cloakroom[fsspec]'`.
        """
        from cloakroom._hatches import filesystem  # noqa: PLC0415 - an extra

        return filesystem(self._sessions, self._ca_file)

    def obstore(self) -> S3Store:
        """Return the storage as a store of obstore.

        Paths are keys without the prefix. Needs `pip install 'cloakroom[obstore]'`.
        """
        from cloakroom._hatches import object_store  # noqa: PLC0415 - an extra

        return object_store(self._sessions, self._ca_file)

    @property
    def _place(self) -> Place:
        return self._sessions.place

    @property
    def _connections(self) -> int:
        # A large file takes several.
        return max(self._parallel * 2, 32)

    @property
    def _client(self) -> S3Client:
        return self._bucket.client

    @property
    def _bucket(self) -> Bucket:
        made = self._made
        if made is None:
            with self._lock:
                made = self._made = self._made or self._make()
        return made

    def _make(self) -> Bucket:
        client, name = self.boto3_client(), self.bucket
        return Bucket(client, name, Parts(client, name, self._parallel))

    def _whole(self, key: str) -> str:
        if not key:
            raise ValueError("a key is not empty")
        return self._place.prefix + key

    def _put(self, key: str, file: BinaryIO) -> None:
        with translated(key):
            extra = _extra(key, None, None)
            self._bucket.put_file(self._whole(key), file, extra, lambda _size: None)

    def _reader(self, key: str, encoding: str | None) -> Any:
        import io  # noqa: PLC0415 - `open` is a method here

        found = self.stat(key)
        raw = Reader(self._bucket, self._whole(key), found.size, found.etag, key)
        buffered = io.BufferedReader(raw, BUFFER)
        return buffered if encoding is None else io.TextIOWrapper(buffered, encoding=encoding)

    def _all(self, prefix: str, options: dict[str, str]) -> Iterator[Object | Folder]:
        with translated():
            place, client = self._place, self._client
            pages = iter(
                client.get_paginator("list_objects_v2").paginate(
                    Bucket=place.bucket,
                    Prefix=place.prefix + prefix,
                    **options,  # type: ignore[arg-type]
                )
            )
        while True:
            with translated():
                page = next(pages, None)
            if page is None:
                return
            for folder in page.get("CommonPrefixes", []):
                yield Folder(folder["Prefix"].removeprefix(place.prefix))
            for item in page.get("Contents", []):
                key = item["Key"].removeprefix(place.prefix)
                if key:  # The storage itself can be an object.
                    yield _object(key, item["Size"], item["LastModified"], item["ETag"])

    def _stat_by_list(self, key: str) -> Object:
        """AWS answers 403 for a missing object where listing is bound to a prefix; so does a store
        for a session that has ended. The list tells them apart."""
        found = next(self._objects(key), None)
        if found is not None and found.key == key:
            return found
        raise NotFoundError(f"{key}: no such object", status=404, slug="NoSuchKey")

    def _options(
        self,
        parallel: int | None,
        errors: Errors,
        progress: bool | ShowProgress,  # noqa: FBT001
        *,
        dry_run: bool = False,
        delete: bool = False,
        compare: Compare | None = None,
        exclude: tuple[str, ...] = (),
    ) -> Options:
        return Options(
            parallel or self._parallel, errors, progress, dry_run, delete, compare, exclude
        )

    def _folders(self, options: Options) -> Folders:
        from cloakroom._hatches import fast_lane  # noqa: PLC0415 - loads what it can find

        lane = fast_lane(self._sessions, self._ca_file)
        bucket = replace(self._bucket, lane=lane)
        return Folders(bucket, self._objects, self._whole, options)

    def _objects(self, prefix: str) -> Iterator[Object]:
        return (item for item in self._all(prefix, {}) if isinstance(item, Object))


def _object(key: str, size: int, modified: datetime, etag: str) -> Object:
    """Make an object alike from a list and from HEAD, whose times are whole seconds."""
    return Object(
        key, size, modified.astimezone(timezone.utc).replace(microsecond=0), etag.strip('"')
    )


def _extra(key: str, kind: str | None, metadata: dict[str, str] | None) -> dict[str, Any]:
    extra: dict[str, Any] = {"ContentType": kind} if kind else dict(content_type(key))
    if metadata:
        extra["Metadata"] = metadata
    return extra
