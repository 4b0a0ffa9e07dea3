"""`cloakroom dev` for the tests, and a network that breaks."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cloakroom import Storage

ROOT = Path(__file__).resolve().parents[3]
FILES = {f"{folder}/{n}.txt": f"{folder}{n}".encode() for folder in ("a", "b/c") for n in range(5)}
_users = itertools.count()


def binary() -> str:
    """The gateway: CLOAKROOM_BIN, or what `cargo build` has built."""
    return os.environ.get("CLOAKROOM_BIN") or str(ROOT / "target/debug/cloakroom")


def environment() -> dict[str, str]:
    """This environment without what would change the client's ways."""
    mine = ("CLOAKROOM_", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(mine)}


class Dev:
    """A running `cloakroom dev`, on free ports."""

    def __init__(self, folder: Path, session: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._log = folder / "log"
        ports = [option for name in ("", "storage-", "oauth-") for option in (f"--{name}port", "0")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    binary(),
                    "dev",
                    *ports,
                    "--data-dir",
                    folder / "data",
                    "--session-duration",
                    session,
                ],
                stdout=log,
                stderr=log,
                env=environment(),
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while "storage/credentials" not in self.log():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log())
            select.select([], [], [], 0.05)

    def log(self) -> str:
        return self._log.read_text()

    def _shown(self, pattern: str) -> str:
        found = re.search(pattern, self.log())
        assert found, pattern
        return found[1]

    @property
    def url(self) -> str:
        return self._shown(r"  gateway +(\S+)")

    @property
    def store(self) -> str:
        return self._shown(r"  store +(\S+)")

    @property
    def oauth(self) -> str:
        return self._shown(r"  authorization server +(\S+)")

    @property
    def acme_key(self) -> str:
        return self._shown(r"x-api-key: (ck_\w+)")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [binary(), *arguments], env=environment(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def administer(self, *arguments: str) -> str:
        return self.run(*arguments, "--config", str(self.folder / "data/cloakroom.toml"))

    def token(self, user: str, *options: str) -> str:
        port = self.oauth.rpartition(":")[2]
        return self.run("dev-token", user, "--oauth-port", port, *options)

    def new_user(self) -> str:
        """A token of somebody who has nothing yet."""
        return self.token(f"user-{next(_users)}")

    def vended(self, route: str = "/v1/credentials") -> int:
        """How often the gateway has handed out credentials by this route."""
        address = self._shown(r"  metrics +(\S+)")
        with urllib.request.urlopen(address) as answer:
            text = answer.read().decode()
        pattern = rf'_count\{{[^}}]*http_route="{re.escape(route)}"[^}}]*="200"\}} (\d+)'
        return sum(int(count) for count in re.findall(pattern, text))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@dataclass
class Faults:
    """What the network does next; each is used up."""

    refuse: int = 0  # connections to the store
    cut_after: list[int] = field(default_factory=list)  # bytes of an answer of the store
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)  # the gateway's
    drop: int = 0  # requests to the gateway
    seen: int = 0  # requests to the gateway
    begun: int = 0  # connections to the store
    slow: float = 0  # seconds for each 64 KiB to and from the store


class Network:
    """A way to the gateway and its store, on which faults can happen."""

    def __init__(self, dev: Dev, tls: ssl.SSLContext | None = None) -> None:
        self.faults = Faults()
        self._tls = tls
        self._scheme = "https" if tls else "http"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._origin = dev.store
        self.store = f"{self._scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        replace = (dev.store.encode(), self.store.encode())
        handler = _front(dev.url, replace, self.faults)
        self._front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._front.daemon_threads = True
        if tls:
            self._front.socket = tls.wrap_socket(self._front.socket, server_side=True)
        for work in (self._front.serve_forever, self._accept):
            threading.Thread(target=work, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._front.server_address[1]}"

    def stop(self) -> None:
        self._front.shutdown()
        self._front.server_close()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self.faults.begun += 1
        if self.faults.refuse > 0:
            self.faults.refuse -= 1
            client.close()
            return
        cut = self.faults.cut_after.pop() if self.faults.cut_after else None
        host, _, port = self._origin.removeprefix("http://").partition(":")
        with (
            contextlib.suppress(OSError),  # The client may leave during the handshake.
            socket.create_connection((host, int(port))) as store,
        ):
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            with client:
                _pump(client, store, cut, self.faults)


def _pump(client: socket.socket, store: socket.socket, cut: int | None, faults: Faults) -> None:
    """Copies both ways until one side ends, or `cut` bytes of the answer have passed."""
    passed = 0
    with contextlib.suppress(OSError):
        while True:
            for ready in select.select([client, store], [], [])[0]:
                time.sleep(faults.slow)
                data = ready.recv(65536)
                while isinstance(ready, ssl.SSLSocket) and ready.pending():
                    data += ready.recv(65536)
                if not data:
                    return
                (store if ready is client else client).sendall(data)
                passed += len(data) if ready is store else 0
                if cut is not None and passed > cut:
                    return


def _front(
    url: str, replace: tuple[bytes, bytes], faults: Faults
) -> type[http.server.BaseHTTPRequestHandler]:
    class Front(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            faults.seen += 1
            if faults.drop > 0:
                faults.drop -= 1
                self.close_connection = True
                return
            self._send(*(faults.answers.pop(0) if faults.answers else self._asked()))

        do_POST = do_GET

        def _asked(self) -> tuple[int, dict[str, str], bytes]:
            headers = {name: text for name, text in self.headers.items() if name.lower() != "host"}
            request = urllib.request.Request(url + self.path, None, headers, method=self.command)
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.status, dict(answer.headers), answer.read().replace(*replace)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, dict(error.headers), error.read()

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, text in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, text)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Front


def command(url: str, *arguments: str) -> subprocess.Popen[str]:
    """`python -m cloakroom` with the token of the file `token`."""
    common = ["--quiet", "--url", url, "--token-file", "token"]
    return subprocess.Popen(
        [sys.executable, "-m", "cloakroom", *common, *arguments],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not become true"
        time.sleep(0.05)


@contextlib.contextmanager
def stopping(dev: Dev) -> Iterator[Dev]:
    try:
        yield dev
    finally:
        dev.stop()


def keys(storage: Storage, prefix: str = "") -> list[str]:
    return [item.key for item in storage.list(prefix)]


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    """Writes files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
