"""The gateway over HTTP."""

from __future__ import annotations

import ipaddress
import ssl
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from cloakroom._retry import REPEATABLE, http_date, pause, retry_after
from cloakroom._sessions import Vended
from cloakroom._sources import Ask, Given, Source, given
from cloakroom._version import __version__
from cloakroom.errors import (
    CloakroomError,
    ConfigurationError,
    InternalError,
    NotEntitledError,
    Reply,
    UnreachableError,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The gateway answers within 5 s.
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True)
class Narrowing:
    """Asking for less than the credential allows."""

    access: str | None = None
    duration: int | None = None

    def query(self) -> dict[str, str]:
        pairs = {"access": self.access, "duration": self.duration}
        return {name: str(value) for name, value in pairs.items() if value is not None}


class Gateway:
    """Asks the gateway for credentials by one way in."""

    def __init__(
        self,
        url: str,
        source: Source,
        narrowing: Narrowing,
        *,
        ca_file: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._narrowing = narrowing
        self._sleep = sleep
        self._endpoint: str | None = None
        self._http = httpx.Client(
            base_url=url,
            timeout=_TIMEOUT,
            verify=ssl_context(ca_file),
            # A proxy of the environment would see a token that plain http carries.
            trust_env=url.startswith("https:"),
            headers={"user-agent": f"cloakroom-python/{__version__}", "accept": "application/json"},
        )

    def close(self) -> None:
        self._http.close()

    def vend(self, attempts: int) -> Vended:
        reply = self._repeated(self._source.ask, self._narrowing.query(), attempts)
        read = given(self._source, reply.body)
        now = http_date(reply.headers.get("date")) or datetime.now(timezone.utc)
        life = (read.session.expires - now).total_seconds()
        return Vended(read.place(self._endpoint_of(read, attempts)), read.session, life)

    def _endpoint_of(self, read: Given, attempts: int) -> str:
        """Look the store's address up, once, where the dialect does not name it."""
        if read.endpoint is not None:
            return read.endpoint
        if self._endpoint is None:
            listing = self._repeated(self._listing, {}, attempts).body
            self._endpoint = _endpoint_in(listing, read.bucket)
        return self._endpoint

    def _listing(self) -> Ask:
        return Ask("GET", "/v1/storage", self._source.credential())

    def _repeated(self, ask: Callable[[], Ask], query: dict[str, str], attempts: int) -> Reply:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(ask(), query)
            except CloakroomError as error:
                if attempt >= attempts or not _can_be_repeated(error):
                    raise
                wait = pause(attempt, error.retry_after)
                if wait is None:
                    raise
                self._sleep(wait)

    def _once(self, ask: Ask, query: dict[str, str]) -> Reply:
        try:
            answer = self._http.request(ask.method, ask.path, params=query, headers=ask.headers)
        except httpx.TransportError as error:
            # The kind says enough; a proxy's address with its password may stand in the text.
            raise UnreachableError(f"The gateway does not answer: {_kind(error)}.") from None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        reply = Reply(answer.status_code, headers, _json(answer))
        if reply.status != httpx.codes.OK:
            raise refusal(reply, retry_after(headers))
        return reply


def _kind(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _can_be_repeated(error: CloakroomError) -> bool:
    return isinstance(error, UnreachableError) or error.status in REPEATABLE


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json() if len(answer.content) <= _LONGEST_ANSWER else None
    except ValueError:
        return None


def _endpoint_in(listing: Any, bucket: str) -> str:
    try:
        items = {item["bucket"]: str(item["endpoint"]) for item in listing["items"]}
        return items[bucket]
    except (KeyError, TypeError):
        if isinstance(listing, dict) and listing.get("items") == []:
            raise NotEntitledError("This API key opens no storage.") from None
        raise InternalError("The gateway does not say where its store is.") from None


def ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trust the system's authorities, and those of the file in addition."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError):
            raise ConfigurationError(f"{ca_file} holds no certificates in PEM") from None
    return context


def checked_url(url: str, *, allow_http: bool) -> str:
    """Check the gateway's address: plain http would show the token to the network.

    >>> checked_url("https://cloakroom.example.com/", allow_http=False)
    'https://cloakroom.example.com'
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"the gateway's address is an http or https URL, not {url!r}")
    if parts.username or parts.query or parts.fragment:
        raise ConfigurationError("the gateway's address has no user, query or fragment")
    if parts.scheme == "http" and not (allow_http or _is_loopback(parts.hostname)):
        raise ConfigurationError(
            f"plain http to {parts.hostname} would expose the token: use https, or allow_http=True"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
