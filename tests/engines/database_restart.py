#!/usr/bin/env python3
"""PostgreSQL restarts, migrates or hangs under a gateway: it listens and waits, names the database, and
recovers without a restart; permanent errors end it. If its URL changes to another database, it keeps
the first one.

Stops and starts the PostgreSQL of `postgres.sh start DIR`. The gateway has the database of
CLOAKROOM_DATABASE__URL and the configuration of CLOAKROOM_CONFIG.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

HERE = pathlib.Path(__file__).parent
URL = urllib.parse.urlsplit(os.environ["CLOAKROOM_DATABASE__URL"])
PLACE = f"PostgreSQL at {URL.hostname}:{URL.port}, database {URL.path[1:]}"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
WAITING = "waiting for the database"
MIGRATING = "migrating the database, after any other gateway that does"
wrong = []


def at(line):
    """When a line was written."""
    return datetime.datetime.fromisoformat(line["timestamp"]).timestamp()


def check(name, is_good, seen):
    print(f"{'ok   ' if is_good else 'FAIL '} PostgreSQL restarts: {name}: {seen}", flush=True)
    if not is_good:
        wrong.append(name)


class Gateway:
    """A `cloakroom serve`, and its log."""

    def __init__(self, cloakroom, port, log, **variables):
        self.url, self.log = f"http://127.0.0.1:{port}", log
        environment = os.environ | {
            "CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{port}",
            "CLOAKROOM_HTTP__PUBLIC_URL": self.url,
            **variables,
        }
        environment = {name: value for name, value in environment.items() if value is not None}
        with open(log, "w") as out:
            self.process = subprocess.Popen([cloakroom, "serve"], env=environment, stderr=out)

    def ask(self, path, **headers):
        method = "POST" if headers else "GET"
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with direct.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode().strip()
        except OSError as error:
            return 0, str(error)

    def credentials(self, token):
        return self.ask("/v1/credentials", Authorization=f"Bearer {token}")[0]

    def until(self, path, status, seconds=20):
        """Waits for this answer of the path. Returns the seconds that it took."""
        began = time.time()
        while (answer := self.ask(path))[0] != status:
            if time.time() > began + seconds or self.process.poll() is not None:
                raise SystemExit(f"{path}: {answer}\n{self.log.read_text()}")
            time.sleep(0.05)
        return time.time() - began

    def lines(self):
        """Parses the log, up to the last whole line; fails if one is not JSON."""
        return [json.loads(line) for line in self.log.read_text().rpartition("\n")[0].splitlines()]

    def messages(self, message, since=0):
        return [line for line in self.lines()[since:] if line["message"] == message]

    def told(self, message, count=1, since=0, seconds=20):
        """Waits for at least this many lines with the message, and returns them."""
        end = time.time() + seconds
        while len(lines := self.messages(message, since)) < count:
            if time.time() > end or self.process.poll() is not None:
                raise SystemExit(f"{len(lines)} of {count} lines: {message}\n{self.log.read_text()}")
            self.ask("/readyz")
            time.sleep(0.1)
        return lines


@contextlib.contextmanager
def running(*arguments, **variables):
    gateway = Gateway(*arguments, **variables)
    try:
        yield gateway
    finally:
        gateway.process.terminate()
        gateway.process.wait()


def comes_later(gateway, postgres, cloakroom, token):
    gateway.until("/livez", 200)
    unready = gateway.ask("/readyz")
    check("not there yet", unready == (503, "not ready: registry"), unready)
    refused = gateway.credentials(token)
    check("nothing is handed out", refused == 500, refused)
    listed = subprocess.run([cloakroom, "org", "list"], capture_output=True, text=True)
    check("a command does not wait", listed.returncode == 1 and PLACE in listed.stderr, listed.stderr.strip())
    waiting = gateway.told(WAITING, 2)
    named = all(PLACE in line["cause"] for line in waiting)
    check("the log names it", named and URL.password not in gateway.log.read_text(), waiting[0]["cause"])
    postgres("again")
    began = time.time()
    # How long the migrations take is up to the disk.
    took = at(gateway.told(MIGRATING)[-1]) - began
    check("asked again once it is there", took < 3, f"{took:.1f} s")
    gateway.until("/readyz", 200)
    check("the log says so", len(gateway.messages("no longer waiting for the database")) == 1, "once")
    status = gateway.credentials(token)
    check("credentials", status == 200, status)


def goes_away(gateway, postgres, token):
    before = len(gateway.lines())
    postgres("stop")
    gateway.until("/readyz", 503)
    waited = [line["waited_s"] for line in gateway.told(WAITING, 3, before)]
    refused = gateway.credentials(token)
    check("away again: nothing is handed out", refused == 500, refused)
    check("the log says so ever more seldom", waited[1] >= 1 and waited[2] >= waited[1] + 2, waited)
    postgres("again")
    took = gateway.until("/readyz", 200)
    check("ready again", took < 6, f"{took:.1f} s")
    status = gateway.credentials(token)
    check("credentials again, without a restart", status == 200, status)


def is_for_good(why, url, *arguments):
    gateway = Gateway(*arguments, CLOAKROOM_DATABASE__URL=url.geturl())
    code = gateway.process.wait(timeout=20)
    last = gateway.lines()[-1]
    is_named = code == 1 and last["level"] == "ERROR" and last["message"].startswith("database.url: ")
    check(why, is_named, f"exit {code}, {last['message']}")


def query(database, statement):
    command = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement, of(database)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def of(database):
    return URL._replace(path=f"/{database}").geturl()


@contextlib.contextmanager
def migrating(database):
    """Holds this database's lock for migrations, as another gateway would."""
    lock = 0x3D32AD9E * zlib.crc32(database.encode())
    command = ["psql", "-qAtX", of(database)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as psql:
        psql.stdin.write(f"SELECT pg_advisory_lock({lock});\nSELECT 'held';\n")
        psql.stdin.flush()
        while "held" not in psql.stdout.readline():
            pass
        yield
        psql.stdin.close()


def needs_no_lock(*how):
    """A gateway does not wait for the lock if the schema is up to date."""
    with migrating(URL.path[1:]), running(*how) as gateway:
        took = gateway.until("/readyz", 200)
        check("another gateway migrates, and nothing is left to", took < 20, f"ready after {took:.1f} s")


def is_opened_while_its_url_changes(how, directory, token):
    """If the URL changes while its database is being opened, the first database is used until a restart."""
    file = directory / "url"
    for database in ("fresh", "other"):
        query(URL.path[1:], f"CREATE DATABASE {database}")
    file.write_text(of("fresh"))
    file.chmod(0o600)
    lines = pathlib.Path(os.environ["CLOAKROOM_CONFIG"]).read_text().splitlines(keepends=True)
    config = directory / "cloakroom.toml"
    config.write_text("".join(line for line in lines if "sqlite:" not in line))
    config.chmod(0o600)
    variables = {
        "CLOAKROOM_CONFIG": str(config),
        "CLOAKROOM_DATABASE__URL": None,
        "CLOAKROOM_DATABASE__URL_FILE": str(file),
    }
    # The lock is taken before the gateway starts, and given back while it runs.
    lock = contextlib.ExitStack()
    lock.enter_context(migrating("fresh"))
    with lock, running(*how, **variables) as gateway:
        gateway.until("/livez", 200)
        listens = time.time()
        tried = gateway.told(MIGRATING)
        took = listens - at(tried[0])
        # The lock is held until this one has listened.
        check("another gateway migrates: this one listens", took > 1, f"after {took:.1f} s")
        unready = gateway.ask("/readyz")
        check("and is not ready", unready == (503, "not ready: registry"), unready)
        check("the log says why", len(tried) == 1, tried)
        file.write_text(of("other"))
        gateway.told("the file has changed and was reloaded")
        lock.close()
        gateway.until("/readyz", 200)
        gateway.credentials(token)
        lines = gateway.told("database.url names another database: restart the gateway to use it")
        check("another database is refused", len(lines) == 1, lines)
        connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()"
        connections += " AND backend_type = 'client backend'"
        fresh, others = (int(query(URL.path[1:], connections.format(name))) for name in ("fresh", "other"))
        check("the one that was opened is used", fresh > 0 and others == 0, f"{fresh} and {others} connections")
    for database in ("fresh", "other"):
        query(URL.path[1:], f"DROP DATABASE {database} WITH (FORCE)")


def swallowing(swallowed):
    """A proxy whose first connections swallow what the client sends after logging in."""
    listener = socket.create_server(("127.0.0.1", 0))

    def forward(source, target, is_lost):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                # A query, simple or extended.
                is_lost = is_lost and (is_lost == "now" or data[:1] not in b"QP" or "now")
                if is_lost != "now":
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve():
        number = 0
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((URL.hostname, URL.port))
            ways = (client, server, number < swallowed), (server, client, False)
            for way in ways:
                threading.Thread(target=forward, args=way, daemon=True).start()
            number += 1

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def hangs(*how):
    place = f"{URL.username}:{URL.password}@127.0.0.1:{swallowing(2)}"
    with running(*how, CLOAKROOM_DATABASE__URL=URL._replace(netloc=place).geturl()) as gateway:
        took = gateway.until("/livez", 200)
        check("it hangs: the gateway listens", took < 4, f"after {took:.1f} s")
        took = gateway.until("/readyz", 200)
        check("it is asked again", took < 10, f"ready after {took:.1f} s")
        causes = {line["cause"] for line in gateway.told(WAITING)}
        check("the log says so", all("timed out" in cause for cause in causes), causes)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cloakroom", required=True)
    arguments.add_argument("--oauth-port", required=True)
    arguments.add_argument("--port", default="8097")
    arguments.add_argument("--postgres", required=True, type=pathlib.Path)
    arguments = arguments.parse_args()
    how = (arguments.cloakroom, arguments.port, arguments.postgres.parent / "restart.log")

    def postgres(action):
        subprocess.run([HERE / "postgres.sh", action, arguments.postgres], check=True)

    command = [arguments.cloakroom, "dev-token", "restart", "--oauth-port", arguments.oauth_port]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    postgres("stop")
    with running(*how) as gateway:
        comes_later(gateway, postgres, arguments.cloakroom, token)
        goes_away(gateway, postgres, token)
    needs_no_lock(*how)
    is_opened_while_its_url_changes(how, arguments.postgres, token)
    hangs(*how)
    server = f"{URL.hostname}:{URL.port}"
    wrong_password = URL._replace(netloc=f"{URL.username}:not-it@{server}")
    is_for_good("a wrong password ends it", wrong_password, *how)
    is_for_good("a database that does not exist", URL._replace(path="/nowhere"), *how)
    is_for_good("no TLS where it is required", URL._replace(query="sslmode=require"), *how)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
