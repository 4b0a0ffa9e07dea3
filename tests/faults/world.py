"""A gateway with a proxy in front of every upstream, and what only an operator sees of them."""

import asyncio
import collections
import contextlib
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tomllib
import urllib.parse
from pathlib import Path

import asyncpg
import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import certificates
import faults
from authorization_server import AUDIENCE, CLIENT, WORKLOADS, AuthorizationServer
from proxy import Proxy, free_port

sys.path.append(str(Path(__file__).resolve().parents[1] / "engines"))
from administration import CommandLine  # noqa: E402

UPSTREAMS = ["introspection", "discovery", "jwks", "sts", "s3", "iam", "postgres"]
# While these are broken, the gateway hands out sessions again; in random runs by chance.
REUSING = ["introspection", "postgres"]
Options = collections.namedtuple("Options", "cloakroom config")


class Store:
    """The embedded store of `cloakroom dev`, asked directly."""

    def __init__(self, cloakroom, folder):
        self.folder = folder / "dev"
        ports = [flag for name in ["--port", "--storage-port", "--oauth-port"] for flag in (name, "0")]
        command = [cloakroom, "dev", *ports, "--data-dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            if b"Paste into" in line:
                break
        self.settings = tomllib.loads((self.folder / "cloakroom.toml").read_text())
        storage = self.settings["storage"]
        self.endpoint = storage["endpoint"]
        self.root = {"id": storage["access_key_id"], "secret": storage["secret_access_key"]}
        self.client = httpx.AsyncClient(trust_env=False, timeout=20)

    async def ask(self, keys, method, path, body=b""):
        """Sends a signed request. Returns the status and the body of the answer."""
        headers = {"x-amz-content-sha256": hashlib.sha256(body).hexdigest(), "Content-Length": str(len(body))}
        request = AWSRequest(method, self.endpoint + path, data=body, headers=headers)
        credentials = Credentials(keys["id"], keys["secret"], keys.get("token"))
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        answer = await self.client.request(method, request.url, headers=dict(request.headers), content=body)
        return answer.status_code, answer.content

    async def buckets(self):
        _, body = await self.ask(self.root, "GET", "/")
        return set(re.findall(r"<Name>([^<]+)</Name>", body.decode()))

    def pairs(self, key):
        """The pairs of an access key, as the store itself has them."""
        file = self.folder / "storage" / "iam.json"
        users = json.loads(file.read_text())["users"] if file.exists() else {}
        return {pair["id"] for pair in users.get(f"cloakroom-{key}", {"keys": []})["keys"]}


class Gateway:
    """A `cloakroom serve`."""

    def __init__(self, world, name):
        self.port = free_port()
        self.url, self.log = f"http://127.0.0.1:{self.port}", world.folder / f"{name}.log"
        self.environment = world.environment | {"CLOAKROOM_HTTP__ADDRESS": f"127.0.0.1:{self.port}"}
        self.command, self.process = [world.cloakroom, "serve"], None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stderr=log)

    def said_of(self, request):
        """The log's lines about a request."""
        return "\n".join(line for line in self.log.read_text().splitlines() if request and request in line)

    def has_ended(self):
        return self.process.poll() is not None

    async def until(self, client, path, seconds):
        """Waits until this path is answered with 200. Returns whether it was."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end and not self.has_ended():
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(self.url + path, timeout=2)).status_code == 200:
                    return True
            await asyncio.sleep(0.05)
        return False

    async def until_opened(self, client, seconds):
        """Waits until the database is open, which a busy machine takes long for."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            with contextlib.suppress(httpx.HTTPError):
                if "registry" not in (await client.get(f"{self.url}/readyz", timeout=2)).text:
                    return
            await asyncio.sleep(0.05)

    def memory(self):
        """The resident memory in MiB."""
        (line,) = (line for line in self.status() if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024

    def status(self):
        return Path(f"/proc/{self.process.pid}/status").read_text().splitlines()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    async def end(self):
        """Ends it as an operator does, so that it gives back what it holds."""
        self.process.terminate()
        for _ in range(300):
            if self.has_ended():
                return
            await asyncio.sleep(0.05)
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()


class World:
    def __init__(self, cloakroom, folder, name, seed):
        self.cloakroom, self.folder, self.name, self.chance = cloakroom, folder, name, random.Random(seed)
        # Whether the gateway hands out sessions again.
        self.reuses = name in REUSING or name == "random" and random.Random(f"{seed} reuse").random() < 0.5
        self.server, self.store, self.gateway = AuthorizationServer().start(), Store(cloakroom, folder), None
        self.client = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def start(self):
        trusted, contexts = certificates.make(self.folder)
        url = urllib.parse.urlsplit(os.environ["CLOAKROOM_DATABASE__URL"])
        self.database = url._replace(path=f"/faults_{self.name}")
        await self.make_database(url)
        store = urllib.parse.urlsplit(self.store.endpoint)
        targets = {name: self.server.address for name in ["introspection", "discovery", "jwks"]}
        targets |= {name: (store.hostname, store.port) for name in ["sts", "s3", "iam"]}
        targets["postgres"] = (url.hostname, url.port)
        self.proxies = {
            name: Proxy(target, contexts, self.chance, self.server.elsewhere, speaks(name))
            for name, target in targets.items()
        }
        for proxy in self.proxies.values():
            await proxy.start()
        self.environment = os.environ | self.configuration(trusted)
        self.operator = CommandLine(Options(self.cloakroom, None))
        self.operator.environment = self.environment
        self.operator.timeout = 200  # a call to the store takes a minute at most
        self.gateway = Gateway(self, "gateway")
        assert await self.gateway.until(self.client, "/readyz", 30), self.gateway.log.read_text()

    async def make_database(self, url):
        admin = await asyncpg.connect(url.geturl())
        await admin.execute(f'CREATE DATABASE "{self.database.path[1:]}"')
        await admin.close()
        self.rows = await asyncpg.create_pool(self.database.geturl(), min_size=1, max_size=4)

    def configuration(self, trusted):
        at = {name: f"https://localhost:{proxy.port}" for name, proxy in self.proxies.items()}
        self.server.issuer, self.server.introspection = at["discovery"], at["introspection"] + "/introspect"
        self.secret = self.folder / "secret"
        self.rotate_secret()
        own, admin = self.store.root, self.store.settings["access_keys"]
        database = self.database._replace(
            netloc=f"{self.database.username}:{self.database.password}@localhost:{self.proxies['postgres'].port}",
            query=f"sslmode=verify-full&sslrootcert={trusted}",
        )
        settings = {
            "database": {"url": database.geturl()},
            "oauth": {
                **{"issuer": at["discovery"], "client_id": CLIENT, "client_secret_file": self.secret},
                **{"introspection_cache": "24h", "ca_file": trusted},
            },
            "issuers__workloads": {
                **{"issuer": WORKLOADS, "audience": AUDIENCE, "jwks_uri": at["jwks"] + "/keys", "ca_file": trusted},
            },
            "storage": {
                **{"endpoint": at["s3"], "sts_endpoint": at["sts"], "public_endpoint": self.store.endpoint},
                **{"access_key_id": own["id"], "secret_access_key": own["secret"], "ca_file": trusted},
                **{"bucket_recheck": "1s", **({"session_reuse": "50%"} if self.reuses else {})},
            },
            "access_keys": {**admin, "endpoint": at["iam"]},
            "limits": {"per_owner": "1000/s burst 1000", "per_caller": "1000/s burst 1000"},
            "naming": {"namespace": self.name},
            "log": {"level": "info"},
        }
        return {
            f"CLOAKROOM_{section}__{key}".upper(): str(value)
            for section, keys in settings.items()
            for key, value in keys.items()
        }

    def rotate_secret(self):
        """The gateway's client gets another secret; the one before goes on working until it is forgotten."""
        secret = f"secret {len(self.server.secrets)} of the gateway"
        self.server.secrets.add(secret)
        fresh = self.secret.with_suffix(".new")
        fresh.touch(0o600)
        fresh.write_text(secret)
        fresh.rename(self.secret)

    def command(self, *arguments):
        """Starts an administrative command beside the gateway. Returns its result in time."""
        return asyncio.get_running_loop().run_in_executor(None, self.operator.run, *arguments)

    def bucket_of(self, subject, *before):
        fields = [self.name, *before, CLIENT, subject, *([""] if before else [])]
        return hashlib.sha256("\0".join(fields).encode()).hexdigest()[:63]

    async def set(self, fault, *upstreams):
        for name in upstreams:
            await self.proxies[name].set(fault)

    def stop(self):
        if self.gateway:
            self.gateway.stop()
        self.store.process.terminate()
        self.store.process.wait()


def speaks(name):
    return faults.POSTGRES if name == "postgres" else faults.HTTP
