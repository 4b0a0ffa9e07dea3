"""Sessions: temporary credentials that are renewed in time, once for all threads and tasks."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cloakroom.errors import CloakroomError, StorageMovedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

log = logging.getLogger("cloakroom")

# What a session must still live for to sign a request with it.
_MARGIN = 0.25
# How old a session must be before a denial is taken as its end.
_DOUBT = 10.0


@dataclass(frozen=True)
class Place:
    """Where the caller's storage is."""

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Session:
    """Temporary S3 credentials. `expires` is the store's word, by the gateway's clock."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime


@dataclass(frozen=True)
class Vended:
    """What one call for credentials gave; `life` counts from the gateway's own `Date`."""

    place: Place
    session: Session
    life: float


class Vending(Protocol):
    """A way to get credentials."""

    def vend(self, attempts: int) -> Vended: ...

    def close(self) -> None: ...


@dataclass
class _Held:
    """A session with its times on the local clock."""

    vended: Vended
    since: float
    renew_at: float
    ends_at: float


class Sessions:
    """The session in use.

    It is renewed at half of its life, by the thread that first sees it due, while the others go on
    with the old one; only at its end do all of them wait. A renewal that fails early is repeated
    later, because the old session still works.
    """

    PATIENT, ONCE = 5, 1

    def __init__(
        self,
        vending: Vending,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: random.uniform(0.45, 0.55),  # noqa: S311
    ) -> None:
        self._vending = vending
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._failures = 0
        self._failure: CloakroomError | None = None

    @property
    def place(self) -> Place:
        """Where the storage is; asks the gateway if nobody has yet."""
        held = self._held
        return held.vended.place if held else self._valid(0).vended.place

    def current(self, at_least: float = 0) -> Session:
        """Return a session that lives for `at_least` seconds more, if the gateway has such."""
        return self._valid(at_least).vended.session

    def refuse(self, access_key_id: str) -> None:
        """Take note that the store refuses this session, if it is still the one in use."""
        with self._lock:
            held = self._held
            if held and held.vended.session.access_key_id == access_key_id:
                held.ends_at = held.renew_at = 0

    def doubt(self, access_key_id: str) -> bool:
        """Take note that the store denies something, and tell whether to try with a new session.

        Some stores deny everything to a session that was revoked. They also deny what a session may
        not do, so a new one has to be of some age before it is doubted.
        """
        held = self._held
        if held is None:
            return True
        if held.vended.session.access_key_id == access_key_id:
            if self._clock() - held.since < _DOUBT:
                return False
            self.refuse(access_key_id)
        return True

    def close(self) -> None:
        self._vending.close()

    def _valid(self, at_least: float) -> _Held:
        held, now = self._held, self._clock()
        if held:  # A new session would hardly live longer than this one did.
            at_least = min(at_least, held.vended.life * 0.95)
        if held and now < held.renew_at and now + at_least < held.ends_at:
            return held
        if held and now + max(at_least, _MARGIN) < held.ends_at:
            return self._renewed_early(held)
        failures = self._failures
        with self._lock:
            return self._renewed(held, failures)

    def _renewed_early(self, held: _Held) -> _Held:
        if not self._lock.acquire(blocking=False):
            return held  # Another thread is at it.
        try:
            if self._held is not held:
                return self._held or held
            return self._take(self._vending.vend(self.ONCE))
        except CloakroomError as error:
            log.warning("credentials are not renewed yet, and still valid: %s", error)
            now = self._clock()
            held.renew_at = now + max((held.ends_at - now) / 4, _MARGIN)
            return held
        finally:
            self._lock.release()

    def _renewed(self, seen: _Held | None, failures: int) -> _Held:
        """Under the lock: whoever waited takes what the thread before it got, an error too."""
        held = self._held
        if held and held is not seen and self._clock() < held.ends_at:
            return held
        if self._failure and self._failures != failures:
            raise self._failure
        try:
            return self._take(self._vending.vend(self.PATIENT))
        except CloakroomError as error:
            self._failures += 1
            self._failure = error
            raise

    def _take(self, vended: Vended) -> _Held:
        before, now = self._held, self._clock()
        if before and before.vended.place != vended.place:
            raise StorageMovedError("The gateway names another place than before.")
        self._held = _Held(vended, now, now + vended.life * self._jitter(), now + vended.life)
        return self._held
