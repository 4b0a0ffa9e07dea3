"""Progress, by a bar of tqdm or a function of the caller's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloakroom.errors import MissingExtraError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


@dataclass(frozen=True)
class Progress:
    """How far an operation is. The totals grow while files are still being found."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


ShowProgress = Callable[[Progress], None]


class Meter:
    """Adds up what several threads report."""

    def __init__(self, progress: bool | ShowProgress) -> None:  # noqa: FBT001
        self._lock = threading.Lock()
        self._state = Progress(0, 0, 0, 0)
        self._bar: Any = _bar() if progress is True else None
        self._show: ShowProgress | None = progress if callable(progress) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def expect(self, size: int) -> None:
        self._add(0, 1, 0, size)

    def moved(self, size: int) -> None:
        self._add(0, 0, size, 0)

    def finished(self) -> None:
        self._add(1, 0, 0, 0)

    def _add(self, files: int, files_total: int, size: int, bytes_total: int) -> None:
        if self._bar is None and self._show is None:
            return
        with self._lock:
            at = self._state
            self._state = Progress(
                at.files + files,
                at.files_total + files_total,
                at.bytes + size,
                at.bytes_total + bytes_total,
            )
            if self._bar is not None:
                self._draw()
            if self._show is not None:
                self._show(self._state)

    def _draw(self) -> None:
        self._bar.total = self._state.bytes_total
        self._bar.set_description(
            f"{self._state.files}/{self._state.files_total} files", refresh=False
        )
        self._bar.update(self._state.bytes - self._bar.n)


def _bar() -> Any:
    try:
        from tqdm import tqdm  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("progress=True needs: pip install 'cloakroom[progress]'") from None
    return tqdm(unit="B", unit_scale=True, unit_divisor=1024, dynamic_ncols=True)
