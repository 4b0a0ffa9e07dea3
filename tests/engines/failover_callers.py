"""Who calls two gateways in failover.py: people, a member, an organisation and its access keys, and an
operator."""

import collections
import concurrent.futures
import http.client
import itertools
import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.exceptions

from database import direct, query

PEOPLE, KEYS = 60, 800
# Who is blocked and who is a member, now and then.
BLOCKED, MEMBER = "failover-blocked", "failover-member"
# Refusals of the contract where the registry or the store cannot be asked; 0 is a call that broke off.
REFUSALS = {0, 406, 500, 502, 503}

Call = collections.namedtuple("Call", "dialect gateway number began took status id bucket pair person")


def form(token):
    fields = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "a"}
    fields |= {"RoleArn": "arn:aws:iam::000000000000:role/cloakroom", "WebIdentityToken": token}
    return urllib.parse.urlencode(fields).encode()


class World:
    """An organisation with a workspace, people and access keys; `request` makes a call of a dialect."""

    def __init__(self, cloakroom, oauth_port, environment):
        self.cloakroom, self.environment = cloakroom, environment
        self.run("org", "create", "failover")
        self.run("workspace", "create", "failover/research")
        self.api_key = self.run(
            "api-key",
            "create",
            "--org",
            "failover",
            "--label",
            "failover",
            "--scope",
            "object_storage",
            "--scope",
            "storage",
        )
        self.tokens = [
            self.run("dev-token", f"failover-{n}", "--oauth-port", oauth_port) for n in range(PEOPLE)
        ]
        for subject in ("failover-0", MEMBER):
            self.run("workspace", "add-member", "failover/research", "--subject", subject)
        self.blocked, self.member = (
            self.run("dev-token", subject, "--oauth-port", oauth_port) for subject in (BLOCKED, MEMBER)
        )
        # Each call rotates a key of its own: one whose rotation was interrupted is refused for a while.
        create = ("access-key", "create", "--org", "failover", "--write-bucket", "failover", "--name", "key")
        self.run(*create)
        self.keys = [f"ak_{number:024x}" for number in range(KEYS)]
        copied = (
            "jsonb_populate_record(one, jsonb_build_object('id', 'ak_' || lpad(to_hex(number), 24, '0')))"
        )
        numbers = f"generate_series(0, {KEYS - 1}) AS number"
        query(f"INSERT INTO access_keys SELECT ({copied}).* FROM access_keys AS one, {numbers}")

    def run(self, *command):
        done = subprocess.run(
            [self.cloakroom, *command], env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout.strip()

    def request(self, dialect, number):
        """The method, the path, the headers and the body of a call, and the person who makes it."""
        person = number % PEOPLE
        bearer = {"Authorization": f"Bearer {self.tokens[person]}"}
        member = {"Authorization": f"Bearer {self.tokens[0]}"}
        office = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        rotation = "/core/v1/object_storage/access_keys/access_key/generate_credentials"
        key = json.dumps({"access_key": {"id": self.keys[number % KEYS]}}).encode()
        return {
            "v1": ("POST", "/v1/credentials", bearer, None, person),
            "container": ("GET", "/v1/credentials/container", bearer, None, person),
            "sts": ("POST", "/", {}, form(self.tokens[person]), person),
            "workspace": ("GET", "/api/v1/org/failover/ws/research/storage/credentials", member, None, None),
            "storage-boto": ("POST", "/storage/boto", {"x-api-key": self.api_key}, None, None),
            "access-key": ("POST", rotation, office, key, None),
        }[dialect]


# Each so many-th session is used.
TRIED = 10
DIALECTS = ("v1", "container", "sts", "workspace", "storage-boto", "access-key")


def ask(url, method, headers, body=None):
    """The status, 0 if the call broke off; the id of the request; and the body."""
    request = urllib.request.Request(url, method=method, headers=headers, data=body)
    try:
        with direct.open(request, timeout=40) as answer:
            return answer.status, answer.headers["X-Request-Id"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-Request-Id"], b""
    except (OSError, http.client.HTTPException):
        return 0, None, b""


def listed(s3, bucket):
    try:
        return s3.list_objects_v2(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"]
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


class Traffic:
    """Calls of all dialects at both gateways, until it is stopped."""

    def __init__(self, world, gateways):
        self.world, self.gateways, self.calls, self.stopped = world, gateways, [], threading.Event()
        self.numbers = {dialect: itertools.count() for dialect in DIALECTS}
        # What sessions were tried on: the statuses of their own bucket, and of another's.
        self.tried, self.buckets = [], set()
        several = [(dialect, at) for dialect in DIALECTS for at in range(len(gateways))]
        self.threads = [threading.Thread(target=self.work, args=each) for each in several]
        for thread in self.threads:
            thread.start()

    def work(self, dialect, gateway):
        while not self.stopped.is_set():
            self.calls.append(self.call(dialect, gateway))
            # There are as many access keys as this makes calls.
            time.sleep(0.4 if dialect == "access-key" else 0.15)

    def call(self, dialect, gateway):
        number = next(self.numbers[dialect])
        method, path, headers, body, person = self.world.request(dialect, number)
        began = time.time()
        status, answered, text = ask(self.gateways[gateway].url + path, method, headers, body)
        found = re.search(rb'"bucket":"([^"]+)"', text)
        bucket = found and found[1].decode()
        took = time.time() - began
        if status == 200 and dialect == "v1" and number % TRIED == 0:
            self.try_out(json.loads(text))
        # One that is pending may still be given up.
        pair = re.search(rb'"state":"active".*"s3_access_key_id":"([^"]+)"', text)
        pair = pair and pair[1].decode()
        return Call(dialect, gateway, number, began, took, status, answered, bucket, pair, person)

    def begin_rotations(self, gateway, count):
        """Begins rotations of as many access keys, 10 ms apart, so that not all are at the same step. Returns a
        function that waits for their calls."""
        pool, begun = concurrent.futures.ThreadPoolExecutor(count), []
        for _ in range(count):
            begun.append(pool.submit(self.call, "access-key", gateway))
            time.sleep(0.01)

        def calls():
            made = [each.result() for each in begun]
            self.calls.extend(made)
            return made

        return calls

    def try_out(self, answer):
        """Lists the session's own bucket, and another's, of an earlier answer."""
        given = answer["credentials"]
        keys = {
            "aws_access_key_id": given["accessKeyId"],
            "aws_secret_access_key": given["secretAccessKey"],
            "aws_session_token": given["sessionToken"],
        }
        s3 = boto3.client("s3", endpoint_url=answer["endpoint"], region_name=answer["region"], **keys)
        own = listed(s3, answer["bucket"])
        other = next((bucket for bucket in list(self.buckets) if bucket != answer["bucket"]), None)
        others = listed(s3, other) if other else 403
        self.buckets.add(answer["bucket"])
        self.tried.append((own, others))

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


class Operator:
    """Blocks somebody and removes a member, over and over. Once the command has said so, neither gateway
    answers them, until the operator takes it back."""

    def __init__(self, world, gateways):
        self.world, self.gateways, self.stopped = world, gateways, threading.Event()
        # By what the operator did: how often a gateway refused, for that reason.
        self.calls, self.refused, self.wrong, self.served = [], collections.Counter(), [], 0
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        workspace = "/api/v1/org/failover/ws/research/storage/credentials"
        member = ("failover/research", "--subject", MEMBER)
        while not self.stopped.is_set():
            blocks = self.runs("block", "--caller", f"demo/{BLOCKED}", "--reason", "failover")
            self.sees("POST", "/v1/credentials", self.world.blocked, 403 if blocks else None)
            removes = self.runs("workspace", "remove-member", *member)
            self.sees("GET", workspace, self.world.member, 404 if removes else None)
            if self.runs("unblock", "--caller", f"demo/{BLOCKED}"):
                self.sees("POST", "/v1/credentials", self.world.blocked, None)
            self.runs("workspace", "add-member", *member)
            self.stopped.wait(2)

    def runs(self, *command):
        """Whether the command, which reaches the database as the first gateway does, says that it is done."""
        command, environment = [self.world.cloakroom, *command], self.gateways[0].environment
        return subprocess.run(command, env=environment, capture_output=True).returncode == 0

    def sees(self, method, path, token, refusal):
        """Asks both gateways. Without a refusal anything is right."""
        for at, gateway in enumerate(self.gateways):
            began = time.time()
            status, request, _ = ask(gateway.url + path, method, {"Authorization": f"Bearer {token}"})
            call = Call(path, at, None, began, time.time() - began, status, request, None, None, None)
            self.calls.append(call)
            if refusal and status not in {refusal, *REFUSALS}:
                self.wrong.append(call)
            self.refused[status] += status == refusal
            self.served += status == 200

    def stop(self):
        self.stopped.set()
        self.thread.join()
