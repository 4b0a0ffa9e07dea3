"""Each way to say who one is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support import Dev, Network, binary

import cloakroom
from cloakroom import Client


def test_the_first_example_in_two_lines(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOAKROOM_URL", dev.url)
    monkeypatch.setenv("CLOAKROOM_API_KEY", dev.acme_key)
    Path("local.csv").write_bytes(b"id,name\n")
    with cloakroom.Client() as mc:
        mc.storage.upload("local.csv", "Incoming/local.csv")
        assert [item.key for item in mc.storage.list("Incoming/")] == ["Incoming/local.csv"]
        assert mc.storage.prefix == "acme/"
        mc.storage.delete("Incoming/local.csv")


def test_a_token_opens_ones_own_bucket(dev: Dev) -> None:
    with Client(dev.url, token=dev.token("alice")) as mc:
        assert (
            mc.storage.bucket == "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a"
        )
        assert mc.storage.prefix == ""
        assert mc.storage.uri == f"s3://{mc.storage.bucket}/"


def test_a_function_is_asked_for_the_token_at_each_renewal(dev: Dev) -> None:
    asked = []

    def token() -> str:
        asked.append(1)
        return dev.token("alice")

    with Client(dev.url, token=token) as mc:
        session = mc._sessions.current()
        mc._sessions.refuse(session.access_key_id)
        mc._sessions.current()
    assert len(asked) == 2


def test_a_token_file_is_read_again_when_it_was_replaced(dev: Dev) -> None:
    file = Path("token")
    file.write_text(dev.token("alice") + "\n")
    with Client(dev.url, token_file=file) as mc:
        session = mc._sessions.current()
        file.write_text("not-a-token")
        mc._sessions.refuse(session.access_key_id)
        with pytest.raises(cloakroom.InvalidCredentialError):
            mc.storage.exists("a")
        file.write_text(dev.token("alice"))
        assert not mc.storage.exists("a")


def test_a_token_file_in_the_environment(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("token").write_text(dev.token("alice"))
    monkeypatch.setenv("CLOAKROOM_TOKEN_FILE", "token")
    with Client(dev.url) as mc:
        assert mc.storage.bucket.startswith("5c3b")


def test_a_workspace_is_opened_by_its_name(dev: Dev) -> None:
    with Client(dev.url, token=dev.token("alice"), workspace="acme/research") as mc:
        mc.storage.upload(b"1", "shared.txt")
    with Client(dev.url, token=dev.token("bob"), workspace="acme/research") as mc:
        assert mc.storage.prefix == "research/"
        assert mc.storage.download("shared.txt") == b"1"
        with pytest.raises(cloakroom.AccessDeniedError):
            mc.storage.upload(b"2", "shared.txt")


def test_less_than_one_may_can_be_asked_for(dev: Dev) -> None:
    with Client(dev.url, token=dev.new_user(), access="read", duration=900) as mc:
        with pytest.raises(cloakroom.AccessDeniedError) as refused:
            mc.storage.upload(b"1", "a")
        held = mc._sessions._held
        assert held
        # `Date` is a second behind at times.
        assert 890 < held.vended.life <= 902
    assert refused.value.status == 403


@pytest.fixture
def signed_in(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dev:
    """Alice has signed in with `cloakroom login`, in a browser that this plays."""
    browser = tmp_path / "browser"
    browser.write_text(
        "#!/bin/sh\n"
        "page=$(curl -fsS -o /dev/null -w '%{redirect_url}' \"$1\")\n"
        "back=$(curl -fsS -o /dev/null -w '%{redirect_url}'"
        ' -d "${page#*\\?}&user=alice" "${page%%\\?*}")\n'
        'curl -fsS "$back" >/dev/null\n'
    )
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CLOAKROOM_PROGRAM", binary())
    subprocess.run([binary(), "login", "--browser", "--yes", "--url", dev.url], check=True)
    return dev


@pytest.mark.skipif(not shutil.which("curl"), reason="the browser is curl")
def test_who_has_signed_in_needs_no_credential(signed_in: Dev) -> None:
    with Client(signed_in.url) as mc:
        assert mc.storage.bucket.startswith("5c3b")
        mc.storage.upload(b"1", "from-login.txt")
        assert mc.storage.download("from-login.txt") == b"1"
    with Client(signed_in.url, workspace="acme/research") as mc:
        assert mc.storage.prefix == "research/"
    with (
        Client(signed_in.url, workspace="acme/nothing") as mc,
        pytest.raises(cloakroom.CloakroomError, match="workspace"),
    ):
        mc.storage.exists("a")


def test_who_has_not_signed_in_is_told_so(
    dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("CLOAKROOM_PROGRAM", binary())
    with Client(dev.url) as mc, pytest.raises(cloakroom.NotSignedInError, match="cloakroom login"):
        mc.storage.exists("a")


@pytest.mark.parametrize(
    "printed", ["[]", "{}", "nothing", '{"AccessKeyId":1,"SecretAccessKey":2,"SessionToken":3}']
)
def test_a_program_that_prints_something_else_is_no_cloakroom(
    printed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{printed}'\n")
    program.chmod(0o700)
    monkeypatch.setenv("CLOAKROOM_PROGRAM", str(program))
    with Client(ca_file="/nothing", allow_http=True) as mc, pytest.raises(cloakroom.InternalError):
        mc.storage.exists("a")


def test_without_any_credential_the_ways_in_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOAKROOM_PROGRAM", "no-such-program")
    with pytest.raises(cloakroom.ConfigurationError, match="CLOAKROOM_API_KEY"):
        Client("https://cloakroom.example.com")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "a", "api_key": "b"}, "one of"),
        ({"api_key": "a", "workspace": "acme/research"}, "organisation"),
        ({"token": "a", "workspace": "acme"}, "org/ws"),
        ({"token": "a", "workspace": "../admin/x"}, "org/ws"),
        ({"token": "a", "url": "http://cloakroom.example.com"}, "https"),
        ({"token": "a", "url": "cloakroom.example.com"}, "URL"),
        ({"token": "a", "url": "https://user:word@cloakroom.example.com"}, "no user"),
        ({"token": "a", "url": None}, "CLOAKROOM_URL"),
        ({"token": "a", "ca_file": "/dev/null"}, "certificates"),
    ],
)
def test_a_client_that_cannot_work_is_not_made(options: dict[str, str], said: str) -> None:
    with pytest.raises(cloakroom.ConfigurationError, match=said):
        Client(**{"url": "https://cloakroom.example.com", **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ä"])
def test_a_token_that_is_none_is_not_sent(token: str, dev: Dev) -> None:
    with Client(dev.url, token=token) as mc, pytest.raises(cloakroom.ConfigurationError) as error:
        mc.storage.exists("a")
    assert not token or token not in str(error.value)


def test_a_token_file_that_is_missing_is_named(dev: Dev) -> None:
    with (
        Client(dev.url, token_file="no-such-file") as mc,
        pytest.raises(cloakroom.ConfigurationError, match="no-such-file"),
    ):
        mc.storage.exists("a")


def test_the_store_of_an_api_key_is_looked_up_once(network: Network, dev: Dev) -> None:
    with Client(network.url, api_key=dev.acme_key) as mc:
        first = mc._sessions.current()
        mc._sessions.refuse(first.access_key_id)
        mc._sessions.current()
    assert network.faults.seen == 3  # /storage/boto, /v1/storage, /storage/boto
