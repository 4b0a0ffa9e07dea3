from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Dev, Network, stopping

import cloakroom


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with stopping(Dev(tmp_path_factory.mktemp("dev") / "dev", "1h")) as dev:
        yield dev


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One whose sessions last 5 seconds."""
    with stopping(Dev(tmp_path_factory.mktemp("dev") / "short", "5s")) as dev:
        yield dev


@pytest.fixture(autouse=True)
def _nothing_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "CLOAKROOM_")) and name != "CLOAKROOM_BIN":
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mc(dev: Dev) -> Iterator[cloakroom.Client]:
    """A client of somebody who has nothing yet."""
    with cloakroom.Client(dev.url, token=dev.new_user()) as client:
        yield client


@pytest.fixture
def storage(mc: cloakroom.Client) -> cloakroom.Storage:
    return mc.storage


@pytest.fixture
def network(dev: Dev) -> Iterator[Network]:
    network = Network(dev)
    yield network
    network.stop()
