"""How long to wait before a call to the gateway is repeated. No I/O."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIRST, _LONGEST, _PATIENCE = 0.2, 5.0, 60.0

REPEATABLE = frozenset({408, 429, 500, 502, 503, 504})


def http_date(text: str | None) -> datetime | None:
    """Read a date of HTTP."""
    try:
        read = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, which is in seconds or a date, as seconds from now.

    >>> retry_after({"retry-after": "3"})
    3.0
    """
    text = headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    date = http_date(text)
    if date is None:
        return None
    now = http_date(headers.get("date")) or datetime.now(timezone.utc)
    return max((date - now).total_seconds(), 0.0)


def pause(
    attempt: int,
    asked: float | None = None,
    jitter: Callable[[], float] = random.random,
) -> float | None:
    """Return the seconds to wait after the `attempt`th failure, or None to give up.

    What the gateway asks for holds, unless it is longer than a caller would wait.

    >>> pause(1, asked=3.0, jitter=lambda: 0.0)
    3.0
    >>> pause(1, asked=3600.0) is None
    True
    """
    if asked is not None and asked > _PATIENCE:
        return None
    backoff: float = min(_FIRST * 2 ** (attempt - 1), _LONGEST)
    spread = backoff * (0.5 + jitter() / 2)
    return spread if asked is None else asked + spread * jitter()
