"""One object."""

from __future__ import annotations

import io
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from support import Dev, keys

import cloakroom
from cloakroom import Client, Folder, NotFoundError, Storage, _transfer

MIB = 2**20
LARGE = bytes(range(256)) * 4096 * 17  # 17 MiB


def test_bytes_a_path_and_a_file_are_uploaded(storage: Storage) -> None:
    Path("file.txt").write_bytes(b"path")
    assert storage.upload(b"bytes", "a").size == 5
    assert storage.upload("file.txt", "b").size == 4
    assert storage.upload(Path("file.txt"), "c").size == 4
    assert storage.upload(io.BytesIO(b"open"), "d").size == 4
    assert [storage.download(key) for key in "abcd"] == [b"bytes", b"path", b"path", b"open"]


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
def test_a_large_one_goes_in_parts(storage: Storage, kind: str) -> None:
    Path("large").write_bytes(LARGE)
    with Path("large").open("rb") as file:
        source = {"bytes": LARGE, "path": "large", "file": file}[kind]
        found = storage.upload(source, "large.bin")  # type: ignore[arg-type]
    assert found.size == len(LARGE)
    assert found.etag.endswith("-3")
    assert storage.download("large.bin") == LARGE


def test_a_pipe_that_gives_it_in_pieces_is_uploaded_whole(storage: Storage) -> None:
    class Pipe(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 1, 100_000) if size != -1 else -1)

        def seekable(self) -> bool:
            return False

    storage.upload(Pipe(LARGE), "piped")
    assert storage.download("piped") == LARGE


def test_an_empty_object_is_one(storage: Storage) -> None:
    assert storage.upload(b"", "empty").size == 0
    assert storage.download("empty") == b""
    with storage.open("empty") as file:
        assert file.read() == b""


def test_a_download_goes_to_a_path_a_folder_or_a_file(storage: Storage) -> None:
    storage.upload(b"content", "Outgoing/a.txt")
    assert storage.download("Outgoing/a.txt", "here.txt").read_bytes() == b"content"
    Path("folder").mkdir()
    assert storage.download("Outgoing/a.txt", "folder") == Path("folder/a.txt")
    file = io.BytesIO()
    storage.download("Outgoing/a.txt", file)
    assert file.getvalue() == b"content"


def test_a_large_download_goes_to_a_path_or_a_file(storage: Storage) -> None:
    storage.upload(LARGE, "large")
    assert storage.download("large", "here").read_bytes() == LARGE
    file = io.BytesIO()
    storage.download("large", file)
    assert file.getvalue() == LARGE


def test_a_download_that_fails_leaves_the_old_file(storage: Storage, tmp_path: Path) -> None:
    Path("kept").write_bytes(b"old")
    with pytest.raises(NotFoundError):
        storage.download("nothing", "kept")
    assert Path("kept").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_the_type_is_guessed_from_the_name_unless_it_is_given(storage: Storage) -> None:
    storage.upload(b"{}", "a.json")
    storage.upload(b"{}", "b.json", content_type="text/plain", metadata={"origin": "test"})
    s3 = storage.boto3_client()
    head = s3.head_object(Bucket=storage.bucket, Key="a.json")
    assert head["ContentType"] == "application/json"
    head = s3.head_object(Bucket=storage.bucket, Key="b.json")
    assert (head["ContentType"], head["Metadata"]) == ("text/plain", {"origin": "test"})


def test_a_list_is_lazy_and_goes_over_pages(storage: Storage) -> None:
    storage.upload(b"", "a")
    listed = storage.list()
    assert next(listed).key == "a"
    assert not isinstance(listed, list)


def test_a_list_by_folder_shows_what_is_below_the_next_slash(storage: Storage) -> None:
    for key in ("top", "a/1", "a/b/2"):
        storage.upload(b"", key)
    assert sorted(item.key for item in storage.list(recursive=False)) == ["a/", "top"]
    assert Folder("a/b/") in list(storage.list("a/", recursive=False))
    assert keys(storage) == ["a/1", "a/b/2", "top"]


def test_what_is_listed_has_size_time_and_etag(storage: Storage) -> None:
    storage.upload(b"hello", "hello.txt")
    (found,) = storage.list()
    assert found == storage.stat("hello.txt")
    assert found.size == 5
    assert found.etag == "5d41402abc4b2a76b9719d911017c592"
    assert abs(datetime.now(timezone.utc) - found.last_modified) < timedelta(minutes=1)


def test_the_prefix_is_added_and_taken_off(dev: Dev) -> None:
    with Client(dev.url, api_key=dev.acme_key) as mc:
        storage = mc.storage
        storage.upload(b"1", "prefixed/a.txt")
        assert keys(storage, "prefixed/") == ["prefixed/a.txt"]
        assert storage.copy("prefixed/a.txt", "prefixed/b.txt").key == "prefixed/b.txt"
        listed = storage.boto3_client().list_objects_v2(
            Bucket=storage.bucket, Prefix="acme/prefixed/"
        )
        assert [item.get("Key") for item in listed["Contents"]] == [
            "acme/prefixed/a.txt",
            "acme/prefixed/b.txt",
        ]
        assert storage.delete_prefix("prefixed").count("deleted") == 2


@pytest.mark.parametrize("key", ["nothing", "a", "a/"])
def test_a_missing_object_is_not_found(storage: Storage, key: str) -> None:
    storage.upload(b"", "a/b")
    assert not storage.exists(key)
    with pytest.raises(NotFoundError) as missing:
        storage.download(key)
    assert key in str(missing.value)
    with pytest.raises(NotFoundError):
        storage.open(key)


def test_a_missing_object_under_a_prefix_is_not_found(dev: Dev) -> None:
    """AWS answers 403 there, because the right to list is bound to a prefix."""
    with Client(dev.url, api_key=dev.acme_key) as mc:
        assert not mc.storage.exists("nothing")
        mc.storage.upload(b"", "something-longer")
        with pytest.raises(NotFoundError):
            mc.storage._stat_by_list("something")
        assert mc.storage._stat_by_list("something-longer").size == 0
        mc.storage.delete("something-longer")


def test_an_empty_key_is_no_key(storage: Storage) -> None:
    with pytest.raises(ValueError, match="key"):
        storage.upload(b"", "")


@pytest.mark.parametrize("key", ["ä ö/ü?.txt", "a+b&c=d%20e", "quote'\"", "new\nline", " blank "])
def test_strange_keys_come_back_as_they_are(storage: Storage, key: str) -> None:
    storage.upload(b"1", key)
    assert keys(storage) == [key]
    assert storage.download(key) == b"1"
    storage.move(key, "plain")
    assert keys(storage) == ["plain"]


def test_a_move_leaves_nothing_behind(storage: Storage) -> None:
    storage.upload(b"1", "from")
    storage.move("from", "to")
    assert keys(storage) == ["to"]
    storage.move("to", "to")
    assert storage.download("to") == b"1"


def test_a_large_object_is_copied(storage: Storage) -> None:
    storage.upload(LARGE, "from")
    storage.copy("from", "to")
    assert storage.download("to") == LARGE


def test_a_copy_in_parts_keeps_type_and_metadata(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 2**20)
    monkeypatch.setattr(_transfer, "_COPY", parts)
    storage.upload(LARGE, "from.csv", metadata={"by": "ada"})
    assert storage.move("from.csv", "to").etag.endswith("-4")
    assert keys(storage) == ["to"]
    head = storage.boto3_client().head_object(Bucket=storage.bucket, Key="to")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"by": "ada"})
    assert storage.download("to") == LARGE


def test_deleting_what_is_not_there_is_no_error(storage: Storage) -> None:
    storage.delete("nothing")


def test_a_link_works_without_credentials(storage: Storage) -> None:
    storage.upload(b"linked", "a.txt")
    link = storage.presign("a.txt", expires_in=60)
    with urllib.request.urlopen(str(link)) as answer:
        assert answer.read() == b"linked"
    assert link.expires - datetime.now(timezone.utc) <= timedelta(seconds=60)
    put = storage.presign("b.txt", method="PUT")
    request = urllib.request.Request(str(put), b"put", method="PUT")
    with urllib.request.urlopen(request):
        assert storage.download("b.txt") == b"put"


def test_a_link_ends_with_its_session(storage: Storage) -> None:
    link = storage.presign("a.txt", expires_in=7 * 24 * 3600)
    assert link.expires - datetime.now(timezone.utc) <= timedelta(hours=1)


def test_a_file_to_read_can_be_sought(storage: Storage) -> None:
    storage.upload(LARGE, "large")
    with storage.open("large") as file:
        assert file.seekable()
        assert file.read(4) == LARGE[:4]
        file.seek(-10, io.SEEK_END)
        assert file.read() == LARGE[-10:]
        assert file.read() == b""
        file.seek(5 * MIB)
        file.seek(3, io.SEEK_CUR)
        assert file.tell() == 5 * MIB + 3
        assert file.read(2 * MIB) == LARGE[5 * MIB + 3 : 7 * MIB + 3]
        with pytest.raises(ValueError, match="start"):
            file.seek(-1)


def test_text_is_read_and_written_by_lines(storage: Storage) -> None:
    with storage.open("a.txt", "w") as file:
        file.write("ä\nb\n")
    with storage.open("a.txt", "r") as file:
        assert list(file) == ["ä\n", "b\n"]
    with storage.open("b.txt", "w", encoding="latin-1") as file:
        file.write("ä")
    assert storage.download("b.txt") == b"\xe4"


def test_a_file_to_write_is_uploaded_when_it_is_closed(storage: Storage) -> None:
    with storage.open("large", "wb") as file:
        for start in range(0, len(LARGE), MIB):
            file.write(LARGE[start : start + MIB])
        assert file.tell() == len(LARGE)
        assert not storage.exists("large")
    assert storage.download("large") == LARGE
    file.close()


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_block_that_fails_writes_nothing(storage: Storage, mode: str) -> None:
    with pytest.raises(RuntimeError), storage.open("a", mode) as file:  # type: ignore[call-overload]
        file.write("x" if mode == "w" else b"x")
        raise RuntimeError
    assert not storage.exists("a")


def test_a_file_is_of_one_version(storage: Storage) -> None:
    storage.upload(LARGE, "a")
    with storage.open("a") as file:
        file.read(1)
        storage.upload(LARGE[::-1], "a")
        with pytest.raises(cloakroom.CloakroomError):
            file.read()


def test_there_is_no_other_mode(storage: Storage) -> None:
    with pytest.raises(ValueError, match="mode"):
        storage.open("a", "a")  # type: ignore[call-overload]


def test_progress_is_told_to_a_function(storage: Storage) -> None:
    steps: list[cloakroom.Progress] = []
    storage.upload(LARGE, "large", progress=steps.append)
    assert steps[-1] == cloakroom.Progress(1, 1, len(LARGE), len(LARGE))
    storage.download("large", "here", progress=steps.append)
    assert steps[-1] == cloakroom.Progress(1, 1, len(LARGE), len(LARGE))
