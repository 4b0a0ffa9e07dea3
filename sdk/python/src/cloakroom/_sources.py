"""The ways in: what to send to the gateway, and how to read its answer. No I/O but the token's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cloakroom._sessions import Place, Session
from cloakroom.errors import CloakroomError, ConfigurationError, InternalError

Token = Callable[[], str]

_WORKSPACE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Ask:
    """A request to the gateway; its headers hold the secret."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Given:
    """What an answer says; the API key's dialect names no endpoint."""

    bucket: str
    prefix: str
    region: str
    endpoint: str | None
    session: Session

    def place(self, endpoint: str) -> Place:
        return Place(self.bucket, self.prefix, endpoint, self.region)


class Source(Protocol):
    """A way in."""

    def credential(self) -> dict[str, str]: ...

    def ask(self) -> Ask: ...

    def read(self, answer: Any) -> Given: ...


@dataclass(frozen=True)
class ApiKey:
    """An organisation's storage, by its API key: `POST /storage/boto`."""

    key: str = field(repr=False)

    def credential(self) -> dict[str, str]:
        return {"x-api-key": header_value(self.key, "the API key")}

    def ask(self) -> Ask:
        return Ask("POST", "/storage/boto", self.credential())

    def read(self, answer: Any) -> Given:
        with_keys, bucket = answer["credentials"], answer["bucket_info"]
        session = Session(
            with_keys["aws_key_id"],
            with_keys["aws_secret_access_key"],
            with_keys["aws_session_token"],
            moment(with_keys["aws_session_expiration"]),
        )
        return Given(bucket["name"], bucket["prefix"], with_keys["aws_region"], None, session)


@dataclass(frozen=True)
class OwnBucket:
    """The caller's own bucket, by an access token: `POST /v1/credentials`."""

    token: Token = field(repr=False)

    def credential(self) -> dict[str, str]:
        try:
            token = self.token()
        except CloakroomError:
            raise
        except Exception as error:
            # Its text may hold the token.
            raise ConfigurationError(
                f"the access token cannot be had: {type(error).__name__}"
            ) from error
        return {"authorization": f"Bearer {header_value(token, 'the access token')}"}

    def ask(self) -> Ask:
        return Ask("POST", "/v1/credentials", self.credential())

    def read(self, answer: Any) -> Given:
        keys = answer["credentials"]
        session = Session(
            keys["accessKeyId"],
            keys["secretAccessKey"],
            keys["sessionToken"],
            moment(keys["expiration"]),
        )
        return Given(answer["bucket"], "", answer["region"], answer["endpoint"], session)


@dataclass(frozen=True)
class Workspace:
    """A workspace of which the token's subject is a member."""

    name: str
    token: Token = field(repr=False)

    def credential(self) -> dict[str, str]:
        return OwnBucket(self.token).credential()

    def ask(self) -> Ask:
        organisation, _, workspace = checked_workspace(self.name).partition("/")
        path = f"/api/v1/org/{organisation}/ws/{workspace}/storage/credentials"
        return Ask("GET", path, self.credential())

    def read(self, answer: Any) -> Given:
        session = Session(
            answer["access_key_id"],
            answer["secret_access_key"],
            answer["session_token"],
            moment(answer["expiration"]),
        )
        at = (answer["bucket"], answer["prefix"], answer["region"], answer["endpoint"])
        return Given(*at, session)


def given(source: Source, answer: Any) -> Given:
    """Read an answer of 200 strictly: a gateway that says something else is not one."""
    try:
        read = source.read(answer)
        words = (read.bucket, read.region, read.session.access_key_id)
        if not all(isinstance(word, str) and word for word in words):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        # The answer may hold a key: neither it nor what was found in it is shown.
        raise InternalError("The gateway's answer has no credentials that can be read.") from None
    return read


def moment(text: str) -> datetime:
    """Read a time of the gateway, which has a zone.

    >>> moment("2026-03-15T14:00:00Z") == moment("2026-03-15T14:00:00+00:00")
    True
    """
    read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if read.tzinfo is None:
        raise ValueError("a time without a zone")
    return read


def checked_workspace(name: str) -> str:
    """Check a workspace's name, which becomes a part of a path.

    >>> checked_workspace("acme/research")
    'acme/research'
    """
    if not _WORKSPACE.fullmatch(name):
        raise ConfigurationError(f"workspace is an organisation and a name, org/ws, not {name!r}")
    return name


def header_value(secret: str, what: str) -> str:
    """Check a secret for a header, without showing it."""
    if not _HEADER_SAFE.fullmatch(secret):
        raise ConfigurationError(
            f"{what} is empty, or holds a space, a newline or another character"
        )
    return secret


def token_from(token: str | Callable[[], str]) -> Token:
    """Take a token, or a function that returns one and is called before each use."""
    return (lambda: token) if isinstance(token, str) else token


def token_in_file(path: Path) -> Token:
    """Take the token from a file, read again before each use, so that a job can replace it."""

    def read() -> str:
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
            raise ConfigurationError(f"the token file {path} cannot be read: {reason}") from None

    return read
