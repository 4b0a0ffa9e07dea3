"""Gateway and store with certificates of a private authority."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Dev, Network, command, eventually, read_tree, tree

import cloakroom
from cloakroom import Client, _trust
from cloakroom._hatches import fast_lane

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def authority(folder: Path) -> Path:
    """Makes a certificate authority, and one for 127.0.0.1 by it, in `leaf.pem`."""
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    # Python 3.13 insists on the key's usage and on who signed.
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    (folder / "leaf.ext").write_text(
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    )
    leaf = ["-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "leaf.ext"]
    openssl("req", "-x509", *_KEY, "-subj", "/CN=ca", *usage, "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *_KEY, "-subj", "/CN=here", "-keyout", "leaf.key", "-out", "request")
    openssl("x509", "-req", *leaf, "-out", "leaf.pem")
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("tls") / "private")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("tls") / "other")


@pytest.fixture
def secure(dev: Dev, private: Path) -> Iterator[Network]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(private.with_name("leaf.pem"), private.with_name("leaf.key"))
    network = Network(dev, context)
    yield network
    network.stop()


def test_a_file_of_authorities_is_for_gateway_and_store(
    dev: Dev, secure: Network, private: Path
) -> None:
    files = {"a.txt": b"a", "large": bytes(9 * 2**20)}
    with Client(secure.url, token=dev.new_user(), ca_file=private) as mc:
        assert mc.storage._place.endpoint.startswith("https:")
        mc.storage.upload_dir(tree(Path("up"), files), "x")
        mc.storage.download_dir("x", "down")
    assert read_tree(Path("down")) == files


def test_other_libraries_take_it_too(dev: Dev, secure: Network, private: Path) -> None:
    pytest.importorskip("s3fs")
    obstore = pytest.importorskip("obstore")
    with Client(secure.url, token=dev.new_user(), ca_file=private) as mc:
        mc.storage.upload(b"a", "a.txt")
        assert mc.storage.filesystem().cat_file("a.txt") == b"a"
        assert bytes(obstore.get(mc.storage.obstore(), "a.txt").bytes()) == b"a"
        lane = fast_lane(mc.storage._sessions, mc.storage._ca_file)
        assert lane
        listed = lane.get_listed("a.txt", 1, mc.storage.stat("a.txt").etag)
        assert lane.get("a.txt") == asyncio.run(listed) == b"a"


def test_it_adds_to_the_authorities_that_are_there(
    dev: Dev, secure: Network, private: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(private))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(private))
    with Client(secure.url, token=dev.new_user(), ca_file=other) as mc:
        assert mc.storage.upload(b"a", "a.txt").size == 1


def test_an_authority_that_nobody_named_is_not_trusted(
    dev: Dev, secure: Network, private: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = dev.new_user()
    with Client(secure.url, token=token, ca_file=other) as mc:
        with pytest.raises(cloakroom.UnreachableError, match=r"gateway.+certificate"):
            mc.storage.exists("a")
    monkeypatch.setenv("SSL_CERT_FILE", str(private))  # for the gateway alone
    with Client(secure.url, token=token, ca_file=other) as mc:
        with pytest.raises(cloakroom.UnreachableError, match="store"):
            mc.storage.exists("a")


def test_no_authorities_are_left_behind(
    dev: Dev, secure: Network, private: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    Path("tmp").mkdir()
    Path("token").write_text(dev.new_user())
    secure.faults.slow = 0.05
    tree(Path("up"), {f"{n}": bytes(20 * 2**20) for n in range(3)})
    seen = secure.faults.seen
    process = command(secure.url, "--ca-file", str(private), "sync", "up", "cr:x")
    eventually(lambda: secure.faults.seen > seen)
    time.sleep(1)
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=10)
    assert list(Path("tmp").iterdir()) == []


def test_where_there_is_no_file_in_memory_it_is_removed_at_the_end(
    private: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    _trust._joined.cache_clear()
    path = _trust.bundle(str(private))
    _trust._joined.cache_clear()
    assert path
    assert private.read_bytes() in Path(path).read_bytes()
    _trust._remove(path, os.getpid() + 1)
    assert Path(path).exists()
    _trust._remove(path, os.getpid())
    assert not Path(path).exists()
