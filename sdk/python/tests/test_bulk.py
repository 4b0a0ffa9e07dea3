"""Many objects."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from support import FILES, Dev, keys, read_tree, tree

import cloakroom
from cloakroom import Client, Storage, Transfer, Transfers
from cloakroom._bulk import folder_prefix, path_below
from cloakroom._etag import has_etag

LARGE = {"large.bin": bytes(range(256)) * 4096 * 9}  # 9 MiB


def test_a_folder_goes_up_and_down_again(storage: Storage) -> None:
    files = {**FILES, **LARGE, "empty": b""}
    done = storage.upload_dir(tree(Path("up"), files), "Incoming")
    assert len(done) == done.count("uploaded") == len(files)
    assert done.bytes == sum(map(len, files.values()))
    assert sorted(keys(storage)) == sorted(f"Incoming/{name}" for name in files)
    done = storage.download_dir("Incoming", "down")
    assert done.count("downloaded") == len(files)
    assert read_tree(Path("down")) == files


def test_a_result_names_key_path_and_size(storage: Storage) -> None:
    (done,) = storage.upload_dir(tree(Path("up"), {"a.txt": b"123"}), "x/")
    assert done == Transfer("uploaded", "x/a.txt", Path("up/a.txt"), 3)
    assert done.ok


def test_a_second_run_resumes(storage: Storage) -> None:
    folder = tree(Path("up"), {**FILES, **LARGE})
    storage.upload_dir(folder)
    (folder / "a/0.txt").write_bytes(b"changed")
    (folder / "a/1.txt").write_bytes(b"A1")
    done = storage.upload_dir(folder, resume=True)
    assert done.count("uploaded") == 2
    assert done.count("skipped") == len(FILES) - 1
    storage.download_dir("", "down", exclude=["*.bin"])
    Path("down/b/c/1.txt").unlink()
    done = storage.download_dir("", "down", resume=True)
    assert sorted(item.key for item in done if item.action == "downloaded") == [
        "b/c/1.txt",
        "large.bin",
    ]


def test_sync_makes_the_storage_as_the_folder_is(storage: Storage) -> None:
    folder = tree(Path("up"), FILES)
    storage.upload(b"", "data/old")
    storage.upload(b"", "data-2/kept")
    storage.upload(b"", "data/kept.log")
    done = storage.sync(folder, "data", delete=True, exclude=["*.log"])
    assert done.count("uploaded") == len(FILES)
    assert [item.key for item in done if item.action == "deleted"] == ["data/old"]
    assert {"data-2/kept", "data/kept.log"} < set(keys(storage))
    assert storage.sync(folder, "data").count("skipped") == len(FILES)


def test_sync_makes_the_folder_as_the_storage_is(storage: Storage) -> None:
    storage.upload_dir(tree(Path("up"), FILES))
    tree(Path("down"), {"old.txt": b"", "kept.log": b""})
    done = storage.sync("down", direction="down", delete=True, exclude=["*.log"])
    assert [item.path for item in done if item.action == "deleted"] == [Path("down/old.txt")]
    assert read_tree(Path("down")) == {**FILES, "kept.log": b""}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_dry_run_changes_nothing(storage: Storage, direction: Any) -> None:
    storage.upload(b"", "old")
    folder = tree(Path("here"), {"new": b"1"})
    done = storage.sync(folder, direction=direction, delete=True, dry_run=True)
    assert sorted(item.key for item in done) == ["new", "old"]
    assert keys(storage) == ["old"]
    assert read_tree(folder) == {"new": b"1"}
    assert storage.delete_prefix("", everything=True, dry_run=True).count("deleted") == 1
    assert keys(storage) == ["old"]


def test_by_size_no_content_is_read(storage: Storage) -> None:
    folder = tree(Path("up"), {"a": b"1"})
    storage.sync(folder)
    (folder / "a").write_bytes(b"2")
    assert storage.sync(folder, compare="size").count("skipped") == 1
    assert storage.sync(folder).count("uploaded") == 1


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "a//b", "./a", "a\\b", "nul\0"]
)
def test_a_key_that_leads_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(cloakroom.TransferError):
        path_below(Path("down"), name)


def test_each_name_that_no_file_can_have_is_a_failure_of_its_own(storage: Storage) -> None:
    store = storage.boto3_client()
    strange = ["x/notes/", "x/circle/a", f"x/{'n' * 300}"]
    good = ["x/a.txt", f"x/{'ü' * 127}", "x/z.txt"]
    for key in [*strange, *good]:
        store.put_object(Bucket=storage.bucket, Key=key, Body=b"1")
    store.put_object(Bucket=storage.bucket, Key="x/folder/")
    Path("down").mkdir()
    Path("down/circle").symlink_to("circle")
    done = storage.download_dir("x", "down", errors="collect")
    assert {item.key for item in done.failed} == set(strange)
    assert all(isinstance(item.error, cloakroom.TransferError) for item in done.failed)
    assert sorted(read_tree(Path("down"))) == sorted(key.removeprefix("x/") for key in good)
    with pytest.raises(cloakroom.TransferError, match="ends as a folder"):
        storage.download_dir("x", "else", exclude=["nnn*"])


def test_a_link_that_leads_out_of_the_folder_is_not_followed(storage: Storage) -> None:
    storage.upload(b"evil", "link/evil")
    Path("outside").mkdir()
    Path("down").mkdir()
    Path("down/link").symlink_to(Path("outside").resolve())
    done = storage.download_dir("", "down", errors="collect")
    assert len(done.failed) == 1
    assert not list(Path("outside").iterdir())


def test_errors_are_collected(storage: Storage) -> None:
    storage.upload(b"", "a")
    storage.upload(b"", "b/c")
    tree(Path("down"), {"b": b"a file where a folder should be"})
    done = storage.download_dir("", "down", errors="collect")
    (failed,) = done.failed
    assert failed.key == "b/c"
    assert isinstance(failed.error, cloakroom.TransferError)
    assert done.count("downloaded") == 1
    assert repr(done) == "<Transfers: 2 files, 1 failed>"


def test_or_the_first_one_is_raised(storage: Storage) -> None:
    storage.upload(b"", "b/c")
    tree(Path("down"), {"b": b""})
    with pytest.raises(cloakroom.TransferError, match="b"):
        storage.download_dir("", "down")


def test_nothing_is_deleted_where_something_failed(storage: Storage) -> None:
    storage.upload(b"", "b/c")
    tree(Path("down"), {"b": b"", "extra": b""})
    storage.sync("down", direction="down", delete=True, errors="collect")
    assert sorted(read_tree(Path("down"))) == ["b", "extra"]


def test_a_file_that_goes_in_between_is_an_error_of_its_own(storage: Storage) -> None:
    folder = tree(Path("up"), FILES)

    def remove(progress: cloakroom.Progress) -> None:
        if progress.files_total == len(FILES):
            (folder / "b/c/4.txt").unlink(missing_ok=True)

    done = storage.upload_dir(folder, parallel=1, errors="collect", progress=remove)
    assert [item.key for item in done.failed] == ["b/c/4.txt"]


def test_only_files_go_up(storage: Storage) -> None:
    folder = tree(Path("up"), {"real": b"1"})
    (folder / "link").symlink_to("real")
    (folder / "broken").symlink_to("nothing")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("up/socket")
        os.mkfifo(folder / "fifo")
        storage.upload_dir(folder)
    assert keys(storage) == ["link", "real"]


def test_what_is_no_folder_is_an_error(storage: Storage) -> None:
    with pytest.raises(cloakroom.TransferError, match="no folder"):
        storage.upload_dir("nothing")


def test_all_below_a_prefix_goes_and_its_neighbour_stays(storage: Storage) -> None:
    for key in ("logs/", "logs/1", "logs/2/3", "logs-old/1"):
        storage.boto3_client().put_object(Bucket=storage.bucket, Key=key)
    assert storage.delete_prefix("logs").count("deleted") == 3
    assert keys(storage) == ["logs-old/1"]


def test_everything_goes_only_on_request(storage: Storage) -> None:
    storage.upload(b"", "a")
    with pytest.raises(ValueError, match="everything=True"):
        storage.delete_prefix("")
    assert storage.delete_prefix("", everything=True).count("deleted") == 1
    assert keys(storage) == []


def test_a_store_that_refuses_batches_deletes_one_by_one(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ceph 16 does under a session policy."""
    storage.upload_dir(tree(Path("up"), FILES))
    client = storage._client

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteObjects")

    monkeypatch.setattr(client, "delete_objects", refuse)
    assert storage.delete_prefix("", everything=True).count("deleted") == len(FILES)
    assert keys(storage) == []


def test_who_may_only_read_is_told_for_each_file(dev: Dev) -> None:
    token = dev.new_user()
    with Client(dev.url, token=token) as mc:
        mc.storage.upload(b"", "a")
    with Client(dev.url, token=token, access="read") as mc:
        done = mc.storage.delete_prefix("", everything=True, errors="collect")
        assert isinstance(done.failed[0].error, cloakroom.AccessDeniedError)
        with pytest.raises(cloakroom.AccessDeniedError):
            mc.storage.upload_dir(tree(Path("up"), FILES))


def test_results_are_a_sequence() -> None:
    done = Transfers([Transfer("uploaded", "a"), Transfer("skipped", "b")])
    assert done[0].key == "a"
    assert isinstance(done[:1], Transfers)
    assert done.count(done[1]) == 1
    assert [item.key for item in done] == ["a", "b"]


def test_progress_counts_files_and_bytes(storage: Storage) -> None:
    steps: list[cloakroom.Progress] = []
    folder = tree(Path("up"), {**FILES, **LARGE})
    storage.upload_dir(folder, progress=steps.append)
    total = sum(map(len, {**FILES, **LARGE}.values()))
    assert steps[-1] == cloakroom.Progress(len(FILES) + 1, len(FILES) + 1, total, total)
    storage.sync(folder, progress=steps.append)
    assert steps[-1].bytes == total


def test_a_bar_is_shown(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    storage.upload_dir(tree(Path("up"), FILES), progress=True)
    assert "10/10 files" in capsys.readouterr().err


@pytest.mark.parametrize("part", [5, 8, 16])
def test_the_etag_of_parts_is_known_for_common_sizes(storage: Storage, part: int) -> None:
    tree(Path(), LARGE)
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=part * 2**20)
    storage.boto3_client().upload_file("large.bin", storage.bucket, "large", Config=config)
    found = storage.stat("large")
    assert has_etag(Path("large.bin"), found.size, found.etag)
    assert not has_etag(Path("large.bin"), found.size, "0" * 32 + "-2")


def test_an_etag_that_is_no_md5_says_nothing() -> None:
    Path("a").write_bytes(b"")
    assert not has_etag(Path("a"), 0, "opaque")


def test_a_prefix_is_a_folder() -> None:
    assert [folder_prefix(name) for name in ("a", "a/", "")] == ["a/", "a/", ""]


STRANGE = {"ä ö.txt": b"1", "a+b&c.txt": b"2", "x%20y": b"3", "...": b"4", "a/..b": b"5", "~": b"6"}


def test_strange_names_come_back_as_they_are(storage: Storage) -> None:
    storage.upload_dir(tree(Path("up"), STRANGE))
    assert sorted(keys(storage)) == sorted(STRANGE)
    storage.download_dir("", "down")
    assert read_tree(Path("down")) == STRANGE
