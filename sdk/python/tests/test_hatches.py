"""Other libraries on the storage, over more than one session."""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from support import Dev

import cloakroom
from cloakroom import Client, MissingExtraError, Storage


@pytest.fixture(params=["own", "organisation"])
def storage(request: pytest.FixtureRequest, short: Dev) -> Iterator[Storage]:
    """One's own bucket, and a prefix in another."""
    way = {"api_key": short.acme_key} if request.param == "organisation" else {}
    with Client(short.url, **(way or {"token": short.new_user()})) as mc:  # type: ignore[arg-type]
        yield mc.storage
        mc.storage.delete_prefix("", everything=True)


def two_lives() -> Iterator[int]:
    """Numbers, for longer than a session lives."""
    end, number = time.monotonic() + 6, 0
    while time.monotonic() < end:
        yield number
        number += 1


def test_fsspec_renews_and_knows_no_prefix(storage: Storage) -> None:
    pytest.importorskip("s3fs")
    fs = storage.filesystem()
    for number in two_lives():
        fs.pipe_file("Incoming/a.txt", f"{number}".encode())
        assert fs.cat_file("Incoming/a.txt") == f"{number}".encode()
    assert "Incoming/a.txt" in fs.ls("Incoming", detail=False)
    assert storage.stat("Incoming/a.txt").size


def test_obstore_renews_and_knows_no_prefix(storage: Storage) -> None:
    obstore = pytest.importorskip("obstore")
    store = storage.obstore()
    last = None
    for number in two_lives():
        session, last = storage._sessions.current(), None
        try:
            obstore.put(store, "Incoming/a.txt", f"{number}".encode())
            last = bytes(obstore.get(store, "Incoming/a.txt").bytes())
        except obstore.exceptions.BaseError:
            # obstore repeats no request that a busy machine held up until its session had ended.
            if datetime.now(timezone.utc) < session.expires:
                raise
            continue
        assert last == f"{number}".encode()
    assert last is not None
    assert [item["path"] for item in obstore.list(store).collect() if item["size"]] == [
        "Incoming/a.txt"
    ]
    assert storage.stat("Incoming/a.txt").size


def test_pandas_reads_and_writes(storage: Storage) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("s3fs")
    fs = storage.filesystem()
    with storage.open("people.csv", "w") as file:
        file.write("id,name\n1,Ada\n2,Grace\n")
    with storage.open("people.csv", "r") as file:
        frame = pandas.read_csv(file)
    assert list(frame["name"]) == ["Ada", "Grace"]
    frame.to_parquet("people.parquet", filesystem=fs)
    assert list(pandas.read_parquet("people.parquet", filesystem=fs)["id"]) == [1, 2]


def test_polars_reads_and_writes(storage: Storage) -> None:
    polars = pytest.importorskip("polars")
    with storage.open("numbers.parquet", "wb") as file:
        polars.DataFrame({"n": range(10)}).write_parquet(file)
    with storage.open("numbers.parquet") as file:
        assert polars.read_parquet(file)["n"].sum() == 45


def test_pyarrow_reads_a_dataset(storage: Storage) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("s3fs")
    fs = storage.filesystem()
    for number in range(3):
        table = pyarrow.table({"n": [number]})
        parquet.write_table(table, f"set/{number}.parquet", filesystem=fs)
    assert dataset.dataset("set", filesystem=fs).to_table()["n"].to_pylist() == [0, 1, 2]


def test_duckdb_queries_it(storage: Storage) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("s3fs")
    storage.upload(b"id,name\n1,Ada\n2,Grace\n", "people.csv")
    with duckdb.connect() as db:
        db.register_filesystem(storage.filesystem())
        assert db.sql("SELECT max(id) FROM 'dir://people.csv'").fetchall() == [(2,)]


@pytest.mark.parametrize("name", ["filesystem", "obstore"])
def test_a_missing_extra_is_named(name: str, mc: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "s3fs", "obstore")
    with pytest.raises(MissingExtraError, match=r"pip install 'cloakroom\["):
        getattr(mc.storage, name)()


def test_progress_without_tqdm_is_named_too(mc: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "tqdm")
    with pytest.raises(MissingExtraError, match="progress"):
        mc.storage.upload(b"1", "a", progress=True)


@pytest.mark.parametrize("name", ["boto3_client", "filesystem", "obstore"])
def test_a_file_of_authorities_that_is_not_there_is_named(name: str, storage: Storage) -> None:
    pytest.importorskip("s3fs")
    pytest.importorskip("obstore")
    storage._ca_file = "/nothing"
    with pytest.raises(cloakroom.ConfigurationError, match="/nothing"):
        getattr(storage, name)()
    storage._ca_file = None


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] in names:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
