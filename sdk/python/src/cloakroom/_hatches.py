"""The storage for other libraries, with credentials that renew there as well."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from cloakroom._aws import client_options, core_session, frozen, needs_path_style
from cloakroom._fast import FastLane
from cloakroom._trust import bundle, certificates
from cloakroom.errors import MissingExtraError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from obstore.store import S3Store

    from cloakroom._sessions import Sessions


def filesystem(sessions: Sessions, ca_file: str | None) -> AbstractFileSystem:
    try:
        import s3fs  # noqa: PLC0415 - an extra
        from fsspec.implementations.dirfs import DirFileSystem  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("filesystem() needs: pip install 'cloakroom[fsspec]'") from None
    place = sessions.place
    store = s3fs.S3FileSystem(
        session=_aio_session(sessions),
        endpoint_url=place.endpoint,
        client_kwargs={"region_name": place.region, "verify": bundle(ca_file)},
        config_kwargs=client_options(place),
        # fsspec keeps instances by their arguments, and does not know whose session this is.
        skip_instance_cache=True,
    )
    return DirFileSystem(f"{place.bucket}/{place.prefix}".rstrip("/"), store)


def _aio_session(sessions: Sessions) -> Any:
    from aiobotocore.credentials import (  # noqa: PLC0415 - comes with s3fs
        AioCredentialResolver,
        AioCredentials,
    )
    from aiobotocore.session import AioSession  # noqa: PLC0415

    class AioSessionCredentials(AioCredentials):  # type: ignore[misc]
        async def get_frozen_credentials(self) -> Any:
            # In a thread, because it may ask the gateway.
            return frozen(await asyncio.to_thread(sessions.current))

    class Provider:
        METHOD = CANONICAL_NAME = "cloakroom"

        async def load(self) -> Any:
            return AioSessionCredentials("", "", "", method=self.METHOD)

    return core_session(sessions, AioSession(), AioCredentialResolver([Provider()]))


def object_store(sessions: Sessions, ca_file: str | None) -> S3Store:
    try:
        import obstore.store  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("obstore() needs: pip install 'cloakroom[obstore]'") from None
    return _s3_store(sessions, sessions.place.prefix.rstrip("/") or None, ca_file)


def fast_lane(sessions: Sessions, ca_file: str | None) -> FastLane | None:
    """Make the way for many small objects, where obstore is installed."""
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    if _first_process() != os.getpid():
        return None
    try:
        # It is tried once: what fails is repeated by boto3.
        store = _s3_store(sessions, None, ca_file, retry_config={"max_retries": 0})
    except BaseError:  # an obstore that does not know an option
        return None
    return FastLane(store, BaseError)


@cache
def _first_process() -> int:
    """Remember who began with obstore: a forked child does not have its threads."""
    return os.getpid()


def _s3_store(
    sessions: Sessions, prefix: str | None, ca_file: str | None, **options: Any
) -> S3Store:
    from obstore.store import S3Store  # noqa: PLC0415 - an extra

    def credentials() -> Any:
        session = sessions.current()
        return {
            "access_key_id": session.access_key_id,
            "secret_access_key": session.secret_access_key,
            "token": session.session_token,
            "expires_at": session.expires,
        }

    place = sessions.place
    connection: Any = {"allow_http": place.endpoint.startswith("http://")}
    if ca_file is not None:
        connection["root_certificate"] = certificates(ca_file)
    return S3Store(
        place.bucket,
        prefix=prefix,
        endpoint=place.endpoint,
        region=place.region,
        virtual_hosted_style_request=not needs_path_style(place.endpoint),
        client_options=connection,
        credential_provider=credentials,
        **options,
    )
