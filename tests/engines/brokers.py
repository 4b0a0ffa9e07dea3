"""The access keys as each engine itself shows them. `--administration` tells where the engine is and
which credentials to use.

    embedded  the data directory of `cloakroom dev`
    ceph      ceph.conf
    minio     the directory of minio.sh
    seaweedfs the directory of seaweedfs.sh
    moto      its URL
"""

import json
import os
import subprocess
from pathlib import Path

import boto3
from minio import MinioAdmin
from minio.credentials import StaticProvider


class Embedded:
    def __init__(self, where):
        self.file = Path(where) / "storage" / "iam.json"

    def everything(self):
        return self.file.read_text() if self.file.exists() else ""

    def pairs(self, key):
        users = json.loads(self.everything())["users"]
        return [pair["id"] for pair in users[f"cloakroom-{key}"]["keys"]]


class Ceph:
    def __init__(self, where):
        self.configuration = where

    def run(self, *arguments):
        command = ["radosgw-admin", "-c", self.configuration, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def users(self):
        listed = json.loads(self.run("user", "list"))
        return {name: self.run("user", "info", "--uid", name) for name in listed}

    def everything(self):
        """Policies are part of their users."""
        return json.dumps(self.users())

    def users_of(self, key):
        """Each pair has its own user."""
        return {name: json.loads(user) for name, user in self.users().items() if key in name}

    def pairs(self, key):
        return [pair["access_key"] for user in self.users_of(key).values() for pair in user["keys"]]


class Minio:
    def __init__(self, where):
        address, root, password = (Path(where) / "admin").read_text().split()
        self.admin = MinioAdmin(endpoint=address, credentials=StaticProvider(root, password), secure=False)

    def everything(self):
        return self.admin.user_list() + self.admin.policy_list()

    def pairs(self, key):
        """Each pair is a user."""
        users = json.loads(self.admin.user_list())
        return [name for name, user in users.items() if user.get("policyName", "").endswith(key)]


class Seaweedfs:
    def __init__(self, where):
        self.folder = Path(where) / "page"
        self.command = (Path(where) / "shell").read_text().splitlines()

    def run(self, line):
        done = subprocess.run(
            self.command, cwd=self.folder, input=line, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def everything(self):
        """Users with their pairs, and inline policies."""
        return self.run("s3.configure") + self.run("fs.cat /etc/iam/policies.json")

    def pairs(self, key):
        configured = self.run("s3.configure")
        users = json.loads(configured[configured.index("{") :])["identities"]
        return [
            pair["accessKey"]
            for user in users
            if user["name"] == f"cloakroom-{key}"
            for pair in user["credentials"]
        ]


class Moto:
    """AWS's IAM."""

    def __init__(self, where):
        self.iam = boto3.client(
            "iam",
            endpoint_url=where,
            region_name="us-east-1",
            aws_access_key_id=os.environ["CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID"],
            aws_secret_access_key=os.environ["CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY"],
        )

    def users(self):
        """The paths, policies and pairs of the users, by name."""
        found = {}
        for user in self.iam.list_users()["Users"]:
            name = user["UserName"]
            policies = {
                policy: self.iam.get_user_policy(UserName=name, PolicyName=policy)["PolicyDocument"]
                for policy in self.iam.list_user_policies(UserName=name)["PolicyNames"]
            }
            pairs = self.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
            found[name] = {
                "path": user["Path"],
                "policies": policies,
                "attached": self.iam.list_attached_user_policies(UserName=name)["AttachedPolicies"],
                "pairs": [pair["AccessKeyId"] for pair in pairs],
            }
        return found

    def everything(self):
        return json.dumps(self.users()) + json.dumps(self.iam.list_policies(Scope="Local")["Policies"])

    def pairs(self, key):
        return self.users()[f"cloakroom-{key}"]["pairs"]


def broker(options):
    kinds = {"embedded": Embedded, "ceph": Ceph, "minio": Minio, "seaweedfs": Seaweedfs, "moto": Moto}
    return kinds[options.engine](options.administration)
