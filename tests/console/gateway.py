"""Another gateway beside `cloakroom dev`: its store and authorization server, a configuration and a registry of its own."""

import os
import pathlib
import socket
import subprocess
import time
import tomllib

import boto3
import requests
from botocore.config import Config

PATIENCE = 60


class Gateway:
    """Runs with other keys each time, at one address, so that a page which is open meets what has changed."""

    def __init__(self, binary, config, folder):
        self.binary, self.config = binary, config
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self.database = f"{folder}/beside.db"
        self.keys = {"http.address": self.address, "metrics.address": "127.0.0.1:0", "buckets.cors_origins": self.url,
                     "database.url": f"sqlite://{self.database}?mode=rwc"}
        self.log = open(f"{folder}/beside.log", "ab")
        self.process = None
        with open(config, "rb") as file:
            self.storage = tomllib.load(file)["storage"]

    def start(self, **keys):
        """`storage__endpoint=…` is the key `storage.endpoint`."""
        self.stop()
        command = [self.binary, "serve", "--config", self.config]
        self.process = subprocess.Popen(command, env=self.environment(keys), stdout=self.log, stderr=self.log)
        end = time.monotonic() + PATIENCE
        while not self.is_ready():
            assert self.process.poll() is None and time.monotonic() < end, pathlib.Path(self.log.name).read_text()[-2000:]
            time.sleep(0.05)

    def environment(self, keys):
        keys = self.keys | {name.replace("__", "."): value for name, value in keys.items()}
        return os.environ | {f"CLOAKROOM_{name.replace('.', '__').upper()}": value for name, value in keys.items()}

    def administer(self, *command):
        """A command of the operators, beside the gateway."""
        subprocess.run([self.binary, *command, "--config", self.config], env=self.environment({}), check=True, capture_output=True)

    def is_ready(self):
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def operator(self):
        """The store, as its operator."""
        config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.storage["endpoint"], region_name="us-east-1", config=config,
                            aws_access_key_id=self.storage["access_key_id"], aws_secret_access_key=self.storage["secret_access_key"])


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
