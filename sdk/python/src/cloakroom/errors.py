"""What can go wrong, one class a cause, whichever dialect the gateway answered in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class CloakroomError(Exception):
    """Base of every error of this package.

    `status` is the HTTP status, `slug` the cause's name in the gateway's or the store's words,
    `request_id` what an operator finds the call by, and `hint` what to do.

    >>> error = InvalidCredentialError("The API key is not valid.", status=401)
    >>> print(error)
    The API key is not valid. Get a new token or API key; the old one may have expired.
    """

    hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        slug: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.slug = slug
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = f"{self.message} {self.hint}".rstrip()
        return f"{text} (request {self.request_id})" if self.request_id else text


class ConfigurationError(CloakroomError):
    """The client was not told enough, or too much, to start."""


class MissingExtraError(ConfigurationError):
    """A package that an optional feature needs is not installed."""


class UnreachableError(CloakroomError):
    """The gateway or the store did not answer."""

    hint = "Check the address and the network; the call can be repeated."


class MissingCredentialError(CloakroomError):
    """The gateway got no token or API key."""

    hint = "Pass api_key or token, or sign in with `cloakroom login`."


class InvalidCredentialError(CloakroomError):
    """The token or API key is expired, revoked, or meant for another service."""

    hint = "Get a new token or API key; the old one may have expired."


class NotSignedInError(InvalidCredentialError):
    """`cloakroom login` has not been run here, or the sign-in has ended."""

    hint = "Run `cloakroom login`."


class MissingClaimsError(CloakroomError):
    """The token does not say who its subject or client is."""

    hint = "Ask the operator of the authorization server for a token with `sub` and a client id."


class InsufficientScopeError(CloakroomError):
    """The token lacks the gateway's scope."""

    hint = "Ask the authorization server for a token with the gateway's scope."


class NotEntitledError(CloakroomError):
    """The caller is known, and has no storage here or is blocked."""

    hint = "Ask the operator of the gateway."


class InvalidRequestError(CloakroomError):
    """The gateway does not understand the request."""


class ClientTooOldError(CloakroomError):
    """The gateway wants a newer client."""

    hint = "Upgrade the package `cloakroom`."


class NotMemberError(CloakroomError):
    """There is no such workspace, or the caller is not a member of it."""

    hint = "Check the workspace's name, and ask its organisation to be made a member."


class NotFoundError(CloakroomError):
    """There is no such object."""


class AccessDeniedError(CloakroomError):
    """The store refuses: the credentials may only read, for instance."""


class BucketConflictError(CloakroomError):
    """The bucket exists and is not known to be this owner's."""

    hint = "Only the operator of the gateway can solve this."


class RateLimitedError(CloakroomError):
    """Too many calls; `retry_after` says how many seconds to wait."""


class IdentificationUnavailableError(CloakroomError):
    """The gateway cannot ask the authorization server."""

    hint = "Try again later."


class StorageUnavailableError(CloakroomError):
    """The store fails, or the gateway cannot ask it."""

    hint = "Try again later."


class OverloadedError(CloakroomError):
    """The gateway or the store sheds load, or is stopping."""

    hint = "Try again later."


class InternalError(CloakroomError):
    """The gateway failed, or its answer is not understood."""

    hint = "Tell the operator of the gateway."


class StorageMovedError(CloakroomError):
    """The gateway names another bucket than at the client's start."""

    hint = "Make a new client."


class StoreError(CloakroomError):
    """The store answers with an error that has no class of its own."""


class TransferError(CloakroomError):
    """What arrived is not what was sent, or a local file is in the way."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, as far as errors go."""

    status: int
    headers: Mapping[str, str]
    body: object  # the JSON value, None if it is none


# Problem types (RFC 9457), and the types of the workspace's dialect.
_BY_SLUG: dict[str, type[CloakroomError]] = {
    "missing-claims": MissingClaimsError,
    "invalid-request": InvalidRequestError,
    "missing-token": MissingCredentialError,
    "invalid-token": InvalidCredentialError,
    "invalid-api-key": InvalidCredentialError,
    "authentication_error": InvalidCredentialError,
    "not_found": NotMemberError,
    "insufficient-scope": InsufficientScopeError,
    "storage-not-entitled": NotEntitledError,
    "bucket-conflict": BucketConflictError,
    "identification-unavailable": IdentificationUnavailableError,
    "storage-unavailable": StorageUnavailableError,
    "provisioning-failed": StorageUnavailableError,
}

_BY_STATUS: dict[int, type[CloakroomError]] = {
    400: InvalidRequestError,
    401: InvalidCredentialError,
    403: NotEntitledError,
    404: InvalidRequestError,
    409: BucketConflictError,
    422: InvalidRequestError,
    426: ClientTooOldError,
    429: RateLimitedError,
    500: InternalError,
    502: StorageUnavailableError,
    503: OverloadedError,
    504: StorageUnavailableError,
}


def refusal(reply: Reply, retry_after: float | None = None) -> CloakroomError:
    """Tell the gateway's refusal as an exception."""
    body: dict[str, Any] = reply.body if isinstance(reply.body, dict) else {}
    slug = str(body.get("type") or "").rpartition("/")[2] or None
    kind = _BY_SLUG.get(slug or "") or _BY_STATUS.get(reply.status, InternalError)
    if "insufficient_scope" in reply.headers.get("www-authenticate", ""):
        kind = InsufficientScopeError
    said = body.get("detail") or body.get("title")
    message = said if isinstance(said, str) else f"The gateway answered {reply.status}."
    problems = body.get("errors")
    if isinstance(problems, list):
        details = [str(item.get("message")) for item in problems if isinstance(item, dict)]
        message = " ".join([message, *details])
    return kind(
        message,
        status=reply.status,
        slug=slug,
        request_id=reply.headers.get("x-request-id"),
        retry_after=retry_after,
    )


_STORE_CODES: dict[str, type[CloakroomError]] = {
    "NoSuchKey": NotFoundError,
    "NotFound": NotFoundError,
    "404": NotFoundError,
    "AccessDenied": AccessDeniedError,
    "403": AccessDeniedError,
    "SlowDown": OverloadedError,
    "ServiceUnavailable": OverloadedError,
    "InternalError": StorageUnavailableError,
    "BadDigest": TransferError,
}


def store_refusal(answer: Mapping[str, Any], key: str | None = None) -> CloakroomError:
    """Tell the store's refusal, in botocore's form, as an exception."""
    error = answer.get("Error", {})
    metadata = answer.get("ResponseMetadata", {})
    code = str(error.get("Code", ""))
    kind = _STORE_CODES.get(code, StoreError)
    said = "no such object" if kind is NotFoundError else f"{code}: {error.get('Message', '')}"
    return kind(
        f"{key}: {said}" if key is not None else said,
        status=metadata.get("HTTPStatusCode"),
        slug=code,
        request_id=metadata.get("RequestId") or None,
    )
