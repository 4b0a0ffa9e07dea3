"""What must not be lost when something goes wrong."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import Dev, keys, tree
from test_sessions import Gateway

from cloakroom import Client, Storage, TransferError, UnreachableError
from cloakroom._sessions import Sessions
from cloakroom.errors import ConfigurationError


def test_what_cannot_be_read_here_stays_there(storage: Storage) -> None:
    folder = tree(Path("up"), {"a.txt": b"a", "b.txt": b"b"})
    storage.sync(folder, "x")
    (folder / "b.txt").unlink()
    (folder / "b.txt").symlink_to("b.txt")  # in a circle, which root cannot read either
    done = storage.sync(folder, "x", delete=True, errors="collect")
    assert [item.key for item in done.failed] == ["x/b.txt"]
    assert keys(storage) == ["x/a.txt", "x/b.txt"]
    with pytest.raises(TransferError, match=r"b\.txt"):
        storage.sync(folder, "x", delete=True)
    assert keys(storage) == ["x/a.txt", "x/b.txt"]


def test_other_tools_folders_stay(storage: Storage) -> None:
    folder = tree(Path("up"), {"a.txt": b"a"})
    storage.upload(b"kept", "x/notes/")
    storage.upload(b"", "x/empty/")
    storage.sync(folder, "x", delete=True)
    assert storage.download("x/notes/") == b"kept"
    assert storage.exists("x/empty/")


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_that_is_forgotten_replaces_nothing(storage: Storage, mode: str) -> None:
    storage.upload(b"good", "a.txt")
    file = storage.open("a.txt", mode)  # type: ignore[call-overload]
    file.write("half" if mode == "w" else b"half")
    del file
    gc.collect()
    assert storage.download("a.txt") == b"good"


def test_a_name_that_leads_out_of_the_folder_is_refused(storage: Storage) -> None:
    storage.upload(b"x", "Incoming/C:\\evil.bat")
    Path("down").mkdir()
    with pytest.raises(TransferError, match="no name for a file"):
        storage.download("Incoming/C:\\evil.bat", "down")


def test_a_name_that_is_no_text_is_one_failure(storage: Storage) -> None:
    folder = tree(Path("up"), {"a.txt": b"a"})
    Path(b"up/\xff.txt".decode("utf-8", "surrogateescape")).write_bytes(b"x")
    done = storage.upload_dir(folder, errors="collect")
    assert len(done.failed) == 1
    assert keys(storage) == ["a.txt"]


def test_a_token_that_cannot_be_had_is_an_error_of_ours(dev: Dev) -> None:
    def broken() -> str:
        raise RuntimeError("secret-token")

    with (
        Client(dev.url, token=broken) as mc,
        pytest.raises(ConfigurationError, match="RuntimeError") as caught,
    ):
        mc.storage.exists("a")
    assert "secret-token" not in str(caught.value)


def test_threads_that_wait_share_a_failure() -> None:
    gateway = Gateway()
    gateway.fails, gateway.busy = True, threading.Event()
    sessions = Sessions(gateway)

    def ask() -> None:
        with pytest.raises(UnreachableError):
            sessions.current()

    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(ask)
        assert gateway.entered.wait(10)
        others = [pool.submit(ask) for _ in range(15)]
        while sum(future.running() for future in others) < len(others):
            pass
        gateway.busy.set()
        for future in (first, *others):
            future.result()
    assert len(gateway.calls) <= 2
