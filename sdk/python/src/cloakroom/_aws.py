"""boto3 on our sessions: credentials that renew, and a repeat where they have ended."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    ReadOnlyCredentials,
)
from botocore.utils import parse_timestamp

from cloakroom._sources import moment
from cloakroom._trust import bundle
from cloakroom._version import __version__

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

    from cloakroom._sessions import Place, Session, Sessions

# What the store says of a session that has expired, was revoked, or is forgotten.
_ENDED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidAccessKeyId"})
_REPEATS = 4
_BAD_REQUEST = 400

# The access key that the request under way in this thread or task was signed with.
_signed_with: ContextVar[str] = ContextVar("signed_with", default="")


def frozen(session: Session) -> ReadOnlyCredentials:
    _signed_with.set(session.access_key_id)
    return ReadOnlyCredentials(
        session.access_key_id, session.secret_access_key, session.session_token
    )


class SessionCredentials(Credentials):
    """botocore's own refreshable credentials renew 15 minutes before the end, at every call where
    sessions are shorter; these leave it to `Sessions`."""

    method = "cloakroom"
    account_id = None

    def __init__(self, sessions: Sessions) -> None:  # no super(): the keys are not ours to keep
        self._sessions = sessions

    @property
    def access_key(self) -> str:  # type: ignore[override]
        return self._sessions.current().access_key_id

    @property
    def secret_key(self) -> str:  # type: ignore[override]
        return self._sessions.current().secret_access_key

    @property
    def token(self) -> str:  # type: ignore[override]
        return self._sessions.current().session_token

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return frozen(self._sessions.current())


class _Provider(CredentialProvider):
    METHOD = CANONICAL_NAME = "cloakroom"

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self._sessions = sessions

    def load(self) -> SessionCredentials:
        return SessionCredentials(self._sessions)


class RepeatWhenEnded:
    """A handler of botocore's `needs-retry`: signs again with a new session."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def __call__(
        self, *, response: Any = None, attempts: int = 1, request_dict: Any = None, **_: object
    ) -> float | None:
        if response is None or attempts > _REPEATS:
            return None
        http, parsed = response
        code = parsed.get("Error", {}).get("Code")
        # The answer to HEAD has no body, so no code either.
        silent = request_dict.get("method") == "HEAD" and http.status_code == _BAD_REQUEST
        if code in _ENDED or (silent and attempts == 1):
            self._sessions.refuse(_signed_with.get())
            return 0.0
        if code == "AccessDenied" and attempts == 1 and self._sessions.doubt(_signed_with.get()):
            return 0.0
        return None


def core_session(sessions: Sessions, session: Any = None, resolver: Any = None) -> Any:
    """Prepare a session of botocore, or of aiobotocore, whose clients renew."""
    session = session or botocore.session.Session()
    resolver = resolver or CredentialResolver([_Provider(sessions)])
    session.register_component("credential_provider", resolver)
    session.register("needs-retry.s3", RepeatWhenEnded(sessions))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return session


def _time(value: Any) -> datetime:
    """Read the times in a listing. botocore would try several formats for each."""
    try:
        return moment(value)
    except (AttributeError, TypeError, ValueError):
        return parse_timestamp(value)


def boto3_session(sessions: Sessions) -> boto3.Session:
    return boto3.Session(botocore_session=core_session(sessions), region_name=sessions.place.region)


def client_options(place: Place) -> dict[str, Any]:
    """Return what a client of this store needs: checksums are those that older stores know."""
    return {
        "retries": {"mode": "standard", "total_max_attempts": 5},
        "connect_timeout": 10,
        "read_timeout": 60,
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path" if needs_path_style(place.endpoint) else "auto"},
        "user_agent_extra": f"cloakroom-python/{__version__}",
    }


def s3_client(sessions: Sessions, connections: int, ca_file: str | None) -> S3Client:
    place = sessions.place
    return boto3_session(sessions).client(
        "s3",
        endpoint_url=place.endpoint,
        verify=bundle(ca_file),
        config=Config(**client_options(place), max_pool_connections=connections),
    )


def needs_path_style(endpoint: str) -> bool:
    """Tell whether buckets are in the path: everywhere but on AWS.

    >>> needs_path_style("http://127.0.0.1:9000")
    True
    >>> needs_path_style("https://s3.us-east-1.amazonaws.com")
    False
    """
    host = urlsplit(endpoint).hostname or ""
    return not host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
