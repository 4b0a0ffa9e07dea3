"""What the storage's methods return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cloakroom.errors import CloakroomError

Action = Literal["uploaded", "downloaded", "deleted", "skipped"]


@dataclass(frozen=True)
class Object:
    """An object; `key` is without the storage's prefix."""

    key: str
    size: int
    last_modified: datetime
    etag: str


@dataclass(frozen=True)
class Folder:
    """What keys have in common up to the next slash; `key` ends with it."""

    key: str


@dataclass(frozen=True)
class PresignedURL:
    """A link that opens one object to whoever holds it, until `expires`.

    It never lives longer than the session that signed it.
    """

    url: str = field(repr=False)
    expires: datetime

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Transfer:
    """What was done, or would be, with one file."""

    action: Action
    key: str
    path: Path | None = None
    size: int = 0
    error: CloakroomError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


class Transfers(Sequence[Transfer]):
    """The results of a bulk operation, one a file.

    >>> done = Transfers([Transfer("uploaded", "a.csv", size=3), Transfer("skipped", "b.csv")])
    >>> len(done), done.bytes, done.failed
    (2, 3, ())
    """

    def __init__(self, results: Sequence[Transfer]) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int) -> Transfer: ...
    @overload
    def __getitem__(self, index: slice) -> Transfers: ...
    def __getitem__(self, index: int | slice) -> Transfer | Transfers:
        if isinstance(index, slice):
            return Transfers(self._results[index])
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"<Transfers: {len(self)} files, {len(self.failed)} failed>"

    @property
    def failed(self) -> tuple[Transfer, ...]:
        """Those with an error."""
        return tuple(result for result in self._results if result.error)

    @property
    def bytes(self) -> int:
        """How much was moved."""
        moved = ("uploaded", "downloaded")
        return sum(result.size for result in self._results if result.ok and result.action in moved)

    def count(self, value: object) -> int:
        """Count an action's results, such as "uploaded", without those that failed."""
        return sum(result.ok and value in (result.action, result) for result in self._results)
