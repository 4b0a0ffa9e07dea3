"""Stops an operation that nobody waits for: after Control-C, an error or a cancelled task."""

from __future__ import annotations

import contextlib
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

from cloakroom.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from s3transfer.futures import TransferFuture


class Stop:
    """Lets no transfer begin any more, and breaks off those of large objects."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._large: set[TransferFuture] = set()
        self._is_set = False

    def set(self) -> None:
        with self._changed:
            self._is_set = True
            for transfer in self._large:
                transfer.cancel()

    def check(self) -> None:
        if self._is_set:
            raise TransferError("The operation was stopped.")

    def finish(self, begin: Callable[[], TransferFuture]) -> None:
        """Begin a large transfer and wait for it. One that breaks off has its parts deleted."""
        with self._changed:
            self.check()
            transfer = begin()
            self._large.add(transfer)
        try:
            transfer.result()
        except BaseException:
            transfer.cancel()
            with contextlib.suppress(Exception):
                transfer.result()
            raise
        finally:
            with self._changed:
                self._large.discard(transfer)
                self._changed.notify_all()

    def wait(self) -> None:
        """Wait until no large transfer is under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._large)


# What ends the operation that this thread or task works for.
stopping: ContextVar[Stop | None] = ContextVar("stopping", default=None)


def go_on() -> None:
    """Raise `TransferError` if the operation was stopped."""
    if stop := stopping.get():
        stop.check()
