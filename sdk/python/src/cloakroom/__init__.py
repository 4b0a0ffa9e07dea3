"""Your storage behind a cloakroom gateway.

>>> import cloakroom
>>> with cloakroom.Client() as mc:  # CLOAKROOM_URL and CLOAKROOM_API_KEY
...     uploaded = mc.storage.upload("local.csv", "Incoming/local.csv")
>>> uploaded.key
'Incoming/local.csv'
"""

from cloakroom import errors
from cloakroom._asynchronous import AsyncClient, AsyncStorage
from cloakroom._client import Client
from cloakroom._objects import Folder, Object, PresignedURL, Transfer, Transfers
from cloakroom._progress import Progress
from cloakroom._storage import Storage
from cloakroom._version import __version__
from cloakroom.errors import (
    AccessDeniedError,
    BucketConflictError,
    ClientTooOldError,
    CloakroomError,
    ConfigurationError,
    IdentificationUnavailableError,
    InsufficientScopeError,
    InternalError,
    InvalidCredentialError,
    InvalidRequestError,
    MissingClaimsError,
    MissingCredentialError,
    MissingExtraError,
    NotEntitledError,
    NotFoundError,
    NotMemberError,
    NotSignedInError,
    OverloadedError,
    RateLimitedError,
    StorageMovedError,
    StorageUnavailableError,
    StoreError,
    TransferError,
    UnreachableError,
)

__all__ = [
    "AccessDeniedError",
    "AsyncClient",
    "AsyncStorage",
    "BucketConflictError",
    "Client",
    "ClientTooOldError",
    "CloakroomError",
    "ConfigurationError",
    "Folder",
    "IdentificationUnavailableError",
    "InsufficientScopeError",
    "InternalError",
    "InvalidCredentialError",
    "InvalidRequestError",
    "MissingClaimsError",
    "MissingCredentialError",
    "MissingExtraError",
    "NotEntitledError",
    "NotFoundError",
    "NotMemberError",
    "NotSignedInError",
    "Object",
    "OverloadedError",
    "PresignedURL",
    "Progress",
    "RateLimitedError",
    "Storage",
    "StorageMovedError",
    "StorageUnavailableError",
    "StoreError",
    "Transfer",
    "TransferError",
    "Transfers",
    "UnreachableError",
    "__version__",
    "errors",
]
