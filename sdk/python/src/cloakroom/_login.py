"""The tokens of `cloakroom login`, by way of the program that keeps them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from cloakroom._sessions import Place, Session, Vended
from cloakroom._sources import checked_workspace, moment
from cloakroom.errors import (
    CloakroomError,
    ConfigurationError,
    InternalError,
    NotSignedInError,
    UnreachableError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cloakroom._gateway import Narrowing

_SIGN_IN = 77
_TIMEOUT = 60


class SignedIn:
    """Runs `cloakroom credentials`, which refreshes the tokens under its own lock."""

    def __init__(
        self,
        url: str | None,
        workspace: str | None,
        narrowing: Narrowing,
        *,
        ca_file: Path | None = None,
        allow_http: bool = False,
    ) -> None:
        self._workspace = checked_workspace(workspace) if workspace else None
        self._narrowing = narrowing
        self._common = _options(("--url", url), ("--ca-file", ca_file))
        if allow_http:
            self._common.append("--allow-http")
        self._place: Place | None = None
        self._program = program()

    def close(self) -> None:
        pass

    def vend(self, attempts: int) -> Vended:  # noqa: ARG002 - the program repeats by itself
        keys = self._run(
            "credentials",
            *_options(
                ("--workspace", self._workspace),
                ("--access", self._narrowing.access),
                ("--duration", self._narrowing.duration),
            ),
        )
        try:
            session = Session(
                keys["AccessKeyId"],
                keys["SecretAccessKey"],
                keys["SessionToken"],
                moment(keys["Expiration"]),
            )
        except (KeyError, TypeError, ValueError):
            raise InternalError("`cloakroom credentials` prints no credentials.") from None
        if self._place is None:
            self._place = self._find_place()
        life = (session.expires - datetime.now(timezone.utc)).total_seconds()
        return Vended(self._place, session, life)

    def _find_place(self) -> Place:
        """Ask where the storage is, after the first credentials, which make the bucket."""
        storage = self._run("whoami", "--json")["storage"]
        kind = ("workspace", self._workspace) if self._workspace else ("own", None)
        for item in storage:
            if (item["kind"], item["name"]) == kind:
                return Place(item["bucket"], item["prefix"], item["endpoint"], item["region"])
        raise InternalError("`cloakroom whoami` does not list this storage.")

    def _run(self, command: str, *options: str) -> Any:
        try:
            done = subprocess.run(  # noqa: S603 - a program that the user installed
                [self._program, command, *self._common, *options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
                text=True,
            )
        except (OSError, subprocess.TimeoutExpired):
            raise UnreachableError(f"`cloakroom {command}` did not end well.") from None
        if done.returncode != 0:
            kind: type[CloakroomError]
            kind = NotSignedInError if done.returncode == _SIGN_IN else CloakroomError
            raise kind(done.stderr.strip() or f"`cloakroom {command}` failed.")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise InternalError(f"`cloakroom {command}` prints no JSON.") from None


def program() -> str:
    """Find the program `cloakroom`; `CLOAKROOM_PROGRAM` names another."""
    found = shutil.which(os.environ.get("CLOAKROOM_PROGRAM") or "cloakroom")
    if found is None:
        raise ConfigurationError(
            "no credential: pass api_key, token or token_file, set CLOAKROOM_API_KEY or"
            " CLOAKROOM_TOKEN_FILE, or install the program `cloakroom` and sign in"
            " with `cloakroom login`"
        )
    return found


def _options(*pairs: tuple[str, object]) -> list[str]:
    return [text for name, value in pairs if value is not None for text in (name, str(value))]
