"""A person's storage through boto3, to put things there and to see what arrived."""

import hashlib
import shlex
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import requests
from botocore.config import Config

MB = 1_000_000


class Storage:
    """The storage of a user, or of a workspace that the user is a member of."""

    def __init__(self, given, user, workspace=None):
        self.given, self.user, self.workspace = given, user, workspace
        self.fresh_until, self.client, self.lock = 0, None, threading.Lock()
        _ = self.s3

    @property
    def s3(self):
        """A client with a session that has at least half its life before it."""
        with self.lock:
            began = time.monotonic()
            if began > self.fresh_until:
                self.renew()
                self.fresh_until = began + self.given.seconds / 2
            return self.client

    def renew(self):
        command = [word.replace("%s", self.user) for word in shlex.split(self.given.token_command)]
        token = subprocess.check_output(command, text=True).strip()
        headers = {"Authorization": f"Bearer {token}"}
        if self.workspace:
            organisation, name = self.workspace.split("/")
            path = f"/api/v1/org/{organisation}/ws/{name}/storage/credentials"
            got = requests.get(self.given.gateway + path, headers=headers, timeout=30).json()
            keys = got["access_key_id"], got["secret_access_key"], got["session_token"]
        else:
            got = requests.post(f"{self.given.gateway}/v1/credentials", headers=headers, timeout=30).json()
            keys = [got["credentials"][name] for name in ("accessKeyId", "secretAccessKey", "sessionToken")]
        self.bucket, self.prefix = got["bucket"], got.get("prefix", "")
        config = Config(signature_version="s3v4", max_pool_connections=32, s3={"addressing_style": "path"},
                        request_checksum_calculation="when_required", response_checksum_validation="when_required")
        self.client = boto3.client("s3", endpoint_url=got["endpoint"], region_name=got["region"], aws_access_key_id=keys[0],
                                   aws_secret_access_key=keys[1], aws_session_token=keys[2], config=config)

    def put(self, key, body=b"x", kind="application/octet-stream"):
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body, ContentType=kind)

    def get(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()

    def digest(self, key):
        found = hashlib.sha256()
        for chunk in self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].iter_chunks(1 << 20):
            found.update(chunk)
        return found.hexdigest()

    def keys(self, folder=""):
        found, more = [], {}
        while True:
            # Each page with a fresh session.
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + folder, **more)
            found += [item["Key"][len(self.prefix):] for item in page.get("Contents", [])]
            if not page["IsTruncated"]:
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def empty(self):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + key), self.keys()))

    def fill(self, folder, count):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: self.put(f"{folder}/object-{number:05}.dat"), range(count)))
