"""The administrative commands of the gateway."""

import json
import os
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

from brokers import broker
from checks import check
from person import AccessKey, StoreUser
from places import Place

OPERATOR = "the engine suite"


class CommandLine:
    """`cloakroom` with the gateway's configuration, from a file or the environment."""

    def __init__(self, options):
        self.program, self.file = options.cloakroom, options.config
        self.environment = {**os.environ, "CLOAKROOM_OPERATOR": OPERATOR}
        self.timeout = 60

    def run(self, *arguments):
        command = [self.program, *arguments]
        if self.file:
            command += ["--config", self.file]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=self.timeout
        )

    def json(self, *arguments):
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout)

    def store(self, like, bucket):
        """The gateway's own identity, at the store of `like`. It sees the whole bucket, and can put
        objects where owners cannot."""
        if self.file:
            storage = tomllib.loads(Path(self.file).read_text())["storage"]
        else:
            start = "CLOAKROOM_STORAGE__"
            storage = {
                name.removeprefix(start).lower(): value
                for name, value in os.environ.items()
                if name.startswith(start)
            }
        keys = {"accessKeyId": storage["access_key_id"], "secretAccessKey": storage["secret_access_key"]}
        return StoreUser(like.endpoint, like.region, keys, Place(bucket))


class KeyOffice:
    """An organisation with its API key and access keys, and the broker that shows them at the engine."""

    def __init__(self, options):
        self.engine, self.tag, self.gateway = options.engine, tag(), options.gateway
        self.cloakroom, self.broker = CommandLine(options), broker(options)
        self.slug = self.organisation("keys")["slug"]
        self.api_key = self.key_of(self.slug)

    def organisation(self, name, *where):
        return self.cloakroom.json("org", "create", f"{self.tag}-{name}", *where)

    def key_of(self, slug, scope=("--scope", "object_storage")):
        create = ["api-key", "create", "--org", slug, "--label", "keys", *scope]
        return self.cloakroom.json(*create)["key"]

    def make(self, *rights):
        create = ["access-key", "create", "--name", "suite", "--org", self.slug, *rights]
        return AccessKey(self.gateway, self.api_key, self.cloakroom.json(*create))

    def end(self, command, key):
        done = self.cloakroom.run("access-key", command, key.id)
        check(f"`access-key {command}` ends well", done.returncode == 0, done.stderr)

    def known(self, names):
        """The names that the engine has, in a user, a policy or a pair."""
        there = self.broker.everything()
        return [name for name in names if name in there]


class Other:
    """A second gateway, whose configuration adds some keys to the first one's."""

    def __init__(self, world, **more):
        self.cloakroom = CommandLine(world.options)
        self.cloakroom.environment.update(more)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{address}"
        where = ["--config", self.cloakroom.file] if self.cloakroom.file else []
        self.process = subprocess.Popen(
            [self.cloakroom.program, "serve", *where],
            env={**self.cloakroom.environment, "CLOAKROOM_HTTP__ADDRESS": address},
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        for _ in range(200):
            assert self.process.poll() is None, "the other gateway has ended"
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError("the other gateway is not ready")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def add_arguments(parser, people=True):
    """Adds the arguments of a suite that uses the administrative commands."""
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--engine", required=True)
    if people:
        parser.add_argument("--token-command", required=True)
    parser.add_argument("--cloakroom", required=True, help="the binary")
    parser.add_argument("--config", help="the gateway's configuration; by default the environment")


def tag():
    """The prefix of this run's names: runs share a store, and `cloakroom dev` already has an organisation."""
    return os.environ.get("CLOAKROOM_NAMING__NAMESPACE") or "dev"
