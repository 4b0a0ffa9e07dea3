"""A network that breaks, between client, gateway and store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Dev, Network, read_tree, tree

import cloakroom
from cloakroom import Client, Storage

LARGE = bytes(range(256)) * 4096 * 17  # 17 MiB


@pytest.fixture
def storage(network: Network, dev: Dev) -> Iterator[Storage]:
    with Client(network.url, token=dev.new_user()) as mc:
        mc.storage.upload(LARGE, "large")
        mc.storage.upload(LARGE[: 2**20], "small")
        yield mc.storage


def test_a_store_that_refuses_connections_for_a_moment(dev: Dev, network: Network) -> None:
    network.faults.refuse = 3
    with Client(network.url, token=dev.new_user()) as mc:
        mc.storage.upload(b"1", "a")
        assert mc.storage.download("a") == b"1"


def cut(storage: Storage, network: Network, *after: int) -> Storage:
    """The next connections break; those that are open are left."""
    network.faults.cut_after = list(after)
    storage.close()
    return storage


@pytest.mark.parametrize("key", ["small", "large"])
def test_a_download_that_breaks_off_is_whole_in_the_end(
    storage: Storage, network: Network, key: str
) -> None:
    cut(storage, network, 300_000, 500_000, 700)
    Path("here").write_bytes(b"")
    storage.download(key, "here")
    assert Path("here").read_bytes() == (LARGE if key == "large" else LARGE[: 2**20])


def test_a_file_that_is_read_goes_on(storage: Storage, network: Network) -> None:
    cut(storage, network, 300_000, 700)
    with storage.open("large") as file:
        assert file.read() == LARGE


def test_folders_go_up_and_down_whole(storage: Storage, network: Network) -> None:
    files = {f"{n}": f"{n}".encode() * 10_000 for n in range(60)}
    cut(storage, network, *([2_000] * 6))
    storage.upload_dir(tree(Path("up"), files), "many")
    cut(storage, network, *([30_000] * 6))
    storage.download_dir("many", "down")
    assert read_tree(Path("down")) == files


def test_a_store_that_stays_away_is_told(dev: Dev, network: Network) -> None:
    with Client(network.url, token=dev.new_user()) as mc:
        assert not mc.storage.exists("a")
        network.faults.refuse = 1000
        cut(mc.storage, network)
        with pytest.raises(cloakroom.UnreachableError):
            mc.storage.upload(b"1", "a")
        network.faults.refuse = 0
