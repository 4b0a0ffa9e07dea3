"""`Client`: a gateway, and one way in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cloakroom import _sources as sources
from cloakroom._gateway import Gateway, Narrowing, checked_url
from cloakroom._login import SignedIn
from cloakroom._sessions import Sessions, Vending
from cloakroom._storage import Storage
from cloakroom.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

Access = Literal["read", "read-write"]


class Client:
    """A connection to a cloakroom gateway; `storage` is what it opens.

    Pass one of `api_key`, `token` (text, or a function that returns a fresh one) and `token_file`;
    without one, `CLOAKROOM_API_KEY` or `CLOAKROOM_TOKEN_FILE` is taken, or else who signed in with
    `cloakroom login`. `workspace` opens a workspace instead of one's own bucket. Nothing is asked
    of the gateway before the storage is used. A client may be used by many threads.

    >>> import cloakroom
    >>> with cloakroom.Client("https://cloakroom.example.com", api_key="ck_…") as client:
    ...     client
    Client('https://cloakroom.example.com', api_key=…)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        token: str | Callable[[], str] | None = None,
        token_file: str | os.PathLike[str] | None = None,
        workspace: str | None = None,
        access: Access | None = None,
        duration: int | None = None,
        parallel: int = 16,
        ca_file: str | os.PathLike[str] | None = None,
        allow_http: bool = False,
    ) -> None:
        url = url or os.environ.get("CLOAKROOM_URL") or None
        self._url = checked_url(url, allow_http=allow_http) if url else None
        self._workspace = workspace
        narrowing = Narrowing(access, duration)
        source = _source(api_key, token, token_file, workspace)
        trusted = Path(ca_file) if ca_file is not None else None
        vending: Vending
        if source is None:
            self._by = "login"
            vending = SignedIn(
                self._url, workspace, narrowing, ca_file=trusted, allow_http=allow_http
            )
        elif self._url is None:
            raise ConfigurationError("no address: pass the gateway's URL, or set CLOAKROOM_URL")
        else:
            self._by = "api_key" if isinstance(source, sources.ApiKey) else "token"
            vending = Gateway(self._url, source, narrowing, ca_file=trusted)
        self._sessions = Sessions(vending)
        self.storage = Storage(
            self._sessions, parallel=parallel, ca_file=str(trusted) if trusted else None
        )

    def close(self) -> None:
        """Close the connections to gateway and store."""
        self.storage.close()
        self._sessions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        workspace = f", workspace={self._workspace!r}" if self._workspace else ""
        return f"{type(self).__name__}({self._url!r}, {self._by}=…{workspace})"


def _source(
    api_key: str | None,
    token: str | Callable[[], str] | None,
    token_file: str | os.PathLike[str] | None,
    workspace: str | None,
) -> sources.Source | None:
    """Choose the way in: what is passed, else the environment, else None for who signed in."""
    if sum(given is not None for given in (api_key, token, token_file)) > 1:
        raise ConfigurationError("pass one of api_key, token and token_file")
    if token is None and token_file is None and api_key is None:
        api_key = None if workspace else os.environ.get("CLOAKROOM_API_KEY") or None
        token_file = None if api_key else os.environ.get("CLOAKROOM_TOKEN_FILE") or None
    if api_key is not None:
        if workspace is not None:
            raise ConfigurationError("an API key opens its organisation's storage, no workspace")
        return sources.ApiKey(api_key)
    if token is not None:
        reader = sources.token_from(token)
    elif token_file is not None:
        reader = sources.token_in_file(Path(token_file))
    else:
        return None
    if workspace is not None:
        return sources.Workspace(sources.checked_workspace(workspace), reader)
    return sources.OwnBucket(reader)
