"""Large objects, in parts. All that one client transfers shares its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig
from s3transfer.manager import TransferManager
from s3transfer.subscribers import BaseSubscriber

from cloakroom._etag import PART
from cloakroom._stop import Stop, stopping

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client
    from s3transfer.futures import TransferFuture


class Parts:
    """Sends and fetches objects in parts. Sources and targets are paths or open files."""

    def __init__(self, client: S3Client, bucket: str, threads: int) -> None:
        self._bucket = bucket
        config = TransferConfig(
            multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=threads
        )
        # Not by way of boto3, which makes threads for each file.
        self._manager = TransferManager(client, config)

    def send(
        self, source: Any, key: str, extra: dict[str, Any], moved: Callable[[int], None]
    ) -> None:
        told = [_Told(moved)]
        _finish(lambda: self._manager.upload(source, self._bucket, key, extra, told))

    def fetch(self, key: str, target: Any, moved: Callable[[int], None]) -> None:
        told = [_Told(moved)]
        _finish(lambda: self._manager.download(self._bucket, key, target, None, told))

    def close(self) -> None:
        self._manager.shutdown()


def _finish(begin: Callable[[], TransferFuture]) -> None:
    (stopping.get() or Stop()).finish(begin)


class _Told(BaseSubscriber):
    """Tells a function how many bytes went."""

    def __init__(self, moved: Callable[[int], None]) -> None:
        self._moved = moved

    def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:  # noqa: ARG002
        self._moved(bytes_transferred)
