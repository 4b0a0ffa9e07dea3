"""`python -m cloakroom`."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Dev, binary, read_tree, tree

from cloakroom import Client, _cli
from cloakroom._cli import main


@pytest.fixture
def alone(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Somebody who has nothing yet, by the environment."""
    Path("token").write_text(dev.new_user())
    monkeypatch.setenv("CLOAKROOM_URL", dev.url)
    monkeypatch.setenv("CLOAKROOM_TOKEN_FILE", str(Path("token").resolve()))
    with Client() as client:
        yield client


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str], alone: Client) -> pytest.CaptureFixture[str]:
    return capsys


def lines(out: pytest.CaptureFixture[str]) -> list[str]:
    return out.readouterr().out.splitlines()


def test_a_file_goes_up_and_down(out: pytest.CaptureFixture[str]) -> None:
    Path("local.csv").write_bytes(b"id\n")
    assert main(["cp", "local.csv", "cr:Incoming/"]) == 0
    assert main(["cp", "local.csv", "cr:"]) == 0
    assert main(["cp", "cr:Incoming/local.csv", "back.csv"]) == 0
    assert Path("back.csv").read_bytes() == b"id\n"
    assert main(["ls"]) == 0
    shown = lines(out)
    assert shown[0].endswith(" Incoming/")
    assert shown[1].endswith(" 3 local.csv")
    assert main(["ls", "-r", "cr:Incoming/"]) == 0
    assert lines(out)[0].endswith(" 3 Incoming/local.csv")


def test_a_folder_goes_up_and_down(out: pytest.CaptureFixture[str]) -> None:
    files = {"a.txt": b"1", "b/c.txt": b"2", "d.tmp": b""}
    tree(Path("up"), files)
    assert main(["cp", "-r", "--exclude", "*.tmp", "up", "cr:x"]) == 0
    assert sorted(lines(out)) == ["uploaded x/a.txt", "uploaded x/b/c.txt"]
    assert main(["--quiet", "cp", "-r", "--resume", "cr:x", "down"]) == 0
    assert read_tree(Path("down")) == {"a.txt": b"1", "b/c.txt": b"2"}
    assert lines(out) == []


def test_sync_shows_what_it_would_do_and_does_it(out: pytest.CaptureFixture[str]) -> None:
    tree(Path("up"), {"a": b"1"})
    assert main(["sync", "--dry-run", "up", "cr:x"]) == 0
    assert lines(out) == ["would be uploaded x/a"]
    assert main(["sync", "up", "cr:x"]) == 0
    Path("up/a").unlink()
    assert main(["sync", "--delete", "--size-only", "up", "cr:x"]) == 0
    captured = out.readouterr()
    assert "deleted x/a" in captured.out
    assert "0 failed" in captured.err


def test_an_object_is_renamed_copied_shown_and_deleted(
    capfdbinary: pytest.CaptureFixture[bytes], alone: Client
) -> None:
    alone.storage.upload(b"text", "a")
    assert main(["mv", "cr:a", "cr:x/"]) == 0
    assert main(["cp", "cr:x/a", "cr:b"]) == 0
    assert main(["rm", "--dry-run", "cr:b"]) == 0
    assert main(["cat", "cr:b"]) == 0
    assert capfdbinary.readouterr().out == b"text"
    assert main(["rm", "cr:b"]) == 0
    assert [item.key for item in alone.storage.list()] == ["x/a"]
    assert main(["rm", "-r", "cr:x"]) == 0
    assert list(alone.storage.list()) == []


def test_a_file_is_moved_up_and_down(alone: Client) -> None:
    Path("a").write_bytes(b"1")
    assert main(["mv", "a", "cr:x/"]) == 0
    assert not Path("a").exists()
    assert main(["mv", "cr:x/a", "new/"]) == 0
    assert Path("new/a").read_bytes() == b"1"
    assert list(alone.storage.list()) == []


@pytest.mark.parametrize("command", [["rm"], ["rm", "-r"], ["cat"], ["presign"], ["ls"]])
def test_a_name_in_the_storage_is_not_guessed(
    command: list[str], out: pytest.CaptureFixture[str], alone: Client
) -> None:
    alone.storage.upload(b"1", "a")
    assert main([*command, "a"]) == 2
    captured = out.readouterr()
    assert captured.out == ""
    assert "begin with cr:, as cr:a" in captured.err
    assert alone.storage.exists("a")


def test_standard_input_is_a_source(alone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert main(["cp", "-", "cr:a"]) == 0
    assert alone.storage.download("a") == b"piped"


def test_a_link_is_printed_alone(out: pytest.CaptureFixture[str]) -> None:
    assert main(["presign", "cr:a", "--expires-in", "60"]) == 0
    captured = out.readouterr()
    assert captured.out.startswith("http")
    assert captured.err.startswith("until 20")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cp", "a", "b"], 2, "cr:"),
        (["mv", "a", "b"], 2, "cr:"),
        (["mv", "nothing", "cr:a"], 1, "nothing"),
        (["mv", "cr:nothing", "a"], 1, "no such object"),
        (["sync", "cr:a", "cr:b"], 2, "cr:"),
        (["cp", "-r", "cr:a", "cr:b"], 2, "this machine"),
        (["cp", "nothing", "cr:a"], 1, "nothing"),
        (["cat", "cr:nothing"], 1, "no such object"),
        (["--token-file", "nothing", "ls"], 2, "nothing"),
        (["--workspace", "acme/nothing", "ls"], 1, "workspace"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, said: str, out: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert said in out.readouterr().err


def test_files_that_fail_are_shown_and_counted(
    out: pytest.CaptureFixture[str], alone: Client
) -> None:
    alone.storage.upload(b"", "b/c")
    tree(Path("down"), {"b": b""})
    assert main(["cp", "-r", "cr:", "down"]) == 1
    assert "1 failed" in out.readouterr().err


def test_names_cannot_command_the_terminal(out: pytest.CaptureFixture[str], alone: Client) -> None:
    alone.storage.upload(b"", "a\x1b[31mred")
    assert main(["ls"]) == 0
    assert "\x1b" not in out.readouterr().out


def test_a_bar_is_for_terminals(
    alone: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    Path("a").write_bytes(b"1")
    assert main(["cp", "a", "cr:a"]) == 0
    assert "B/s" in capsys.readouterr().err


def test_who_has_to_sign_in_gets_77(
    alone: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CLOAKROOM_TOKEN_FILE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CLOAKROOM_PROGRAM", binary())
    assert main(["ls"]) == 77


def test_control_c_is_no_traceback(alone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "_run", interrupt)
    assert main(["ls"]) == 130


def test_it_is_a_module_to_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cloakroom", "--help"], capture_output=True, text=True, check=True
    )
    assert "exit codes" in done.stdout
