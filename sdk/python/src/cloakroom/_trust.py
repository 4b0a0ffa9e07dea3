"""The authorities of `ca_file` beside those that a library trusts by itself."""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path

from botocore.httpsession import get_cert_path

from cloakroom.errors import ConfigurationError


def bundle(ca_file: str | None) -> str | None:
    """Return a file with botocore's authorities and these, because it takes one file for all."""
    if ca_file is None:
        return None  # botocore then finds its own, AWS_CA_BUNDLE included
    return _joined(ca_file, os.environ.get("AWS_CA_BUNDLE") or get_cert_path(verify=True))


def certificates(ca_file: str) -> bytes:
    """Read the file."""
    try:
        return Path(ca_file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{ca_file} cannot be read: {error.strerror}") from None


@cache
def _joined(*files: str) -> str:
    content = b"\n".join(certificates(name) for name in files)
    return _in_memory(content) or _on_disk(content)


def _in_memory(content: bytes) -> str | None:
    """Keep it in memory, so that no file stays however this process ends. Only Linux can."""
    try:
        handle = os.memfd_create("cloakroom-authorities")
    except (AttributeError, OSError):
        return None
    path = f"/proc/self/fd/{handle}"
    with os.fdopen(handle, "wb", closefd=False) as file:
        file.write(content)
    return path if Path(path).exists() else None


def _on_disk(content: bytes) -> str:
    handle, path = tempfile.mkstemp(prefix="cloakroom-", suffix=".pem")
    # Each new connection reads it, so it stays until this process ends, but not its children.
    atexit.register(_remove, path, os.getpid())
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return path


def _remove(path: str, process: int) -> None:
    if os.getpid() == process:
        Path(path).unlink(missing_ok=True)
