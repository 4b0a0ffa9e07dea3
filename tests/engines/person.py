"""The callers of the gateway, by token or by API key, and the credentials that they get."""

import base64
import hashlib
import http.client
import json
import shlex
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials

from places import Place


def ask(method, url, headers, body=None):
    """Returns the status and the body of the answer, for any status."""
    request = urllib.request.Request(url, method=method, headers=headers, data=body)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def token_of(options, name):
    command = options.token_command % shlex.quote(name)
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def alone(request, **_):
    """Uses a connection for each request. If the store refuses a body before it asks for it, boto3 does
    not send the body and still reuses the connection: the store may be closing it, or take the next
    request for that body."""
    request.headers["Connection"] = "close"


class StoreUser:
    """Keys to the store, and the place that they open."""

    def __init__(self, endpoint, region, keys, place):
        self.endpoint, self.region, self.keys, self.place = endpoint, region, keys, place
        self.bucket = place.bucket
        self.s3 = self.client()

    def client(self, service="s3", **changes):
        keys = {**self.keys, **changes}
        client = boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=keys["accessKeyId"],
            aws_secret_access_key=keys["secretAccessKey"],
            aws_session_token=keys.get("sessionToken"),
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        client.meta.events.register("before-send", alone)
        return client

    def act(self, service, action, **parameters):
        """Calls an action of STS or IAM as SDKs do, which need not know it."""
        version = {"sts": "2011-06-15", "iam": "2010-05-08"}[service]
        form = urllib.parse.urlencode({"Action": action, "Version": version, **parameters}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.raw("POST", "/", headers, form, service)

    def raw(self, method, path, headers=None, body=b"", service="s3"):
        """Sends the path unchanged: boto3's HTTP library would resolve `..`."""
        url = f"{self.endpoint}{path}"
        digest = hashlib.sha256(body).hexdigest()
        request = AWSRequest(
            method, url, data=body, headers={"x-amz-content-sha256": digest, **(headers or {})}
        )
        keys = Credentials(
            self.keys["accessKeyId"], self.keys["secretAccessKey"], self.keys.get("sessionToken")
        )
        S3SigV4Auth(keys, service, self.region).add_auth(request)
        where = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(where.netloc, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()


class Person(StoreUser):
    """A user with a token, who asks for their own bucket."""

    def __init__(self, options, name):
        self.engine = options.engine
        self.token = token_of(options, name)
        self.gateway = options.gateway
        answer = self.issue_first()
        place = Place(answer["bucket"])
        super().__init__(answer["endpoint"], answer["region"], answer["credentials"], place)

    def issue_first(self):
        """Asks again after a 502. A store may need longer for its very first bucket than a request
        waits; it goes on creating it, and the next call finds the bucket."""
        for _ in range(3):
            status, answer = self.ask()
            if status != 502:
                break
            print("note  the first call was answered with 502 and is repeated")
        return self.issue()

    def ask(self, query=""):
        headers = {"Authorization": f"Bearer {self.token}"}
        return ask("POST", f"{self.gateway}/v1/credentials{query}", headers)

    def issue(self, query=""):
        status, answer = self.ask(query)
        assert status == 200, (status, answer)
        return answer

    def claims(self):
        return claims_of(self.token)


class Organisation(StoreUser):
    """A client with an API key, which asks for its organisation's storage."""

    def __init__(self, gateway, key, endpoint):
        self.key = key
        status, answer = self.ask(gateway)
        assert status == 200, (status, answer)
        self.info = answer["bucket_info"]
        super().__init__(*given_by_key(answer, endpoint))

    def ask(self, gateway):
        return ask("POST", f"{gateway}/storage/boto", {"x-api-key": self.key})


class Member(StoreUser):
    """A user with a token, who asks for a workspace's storage."""

    def __init__(self, gateway, token, workspace):
        self.workspace = workspace
        status, answer = ask_for_workspace(gateway, token, workspace)
        assert status == 200, (status, answer)
        super().__init__(*given_to_member(answer))


# The answer to a rotation while another one is under way.
EARLY = (422, "object_storage_provisioning_error")


def is_in_time(answer, start):
    """Whether the state fits the time that the answer took. The gateway waits up to 2 s for the new pair
    to work. Some engines need longer, as does a debug build of the gateway with MinIO, whose admin API
    derives a key from the secret at every call."""
    late = time.monotonic() - start >= 2
    return answer["state"] == "active" or (late and answer["state"] == "pending")


class AccessKey:
    """An access key that the command line has created, and the API key that asks for its pairs."""

    PATH = "/core/v1/object_storage/access_keys/access_key/generate_credentials"

    def __init__(self, gateway, api_key, made):
        self.gateway, self.api_key, self.made, self.id = gateway, api_key, made, made["id"]

    def ask(self, api_key=None):
        """Returns the status and the answer, or only the error code of a refusal."""
        headers = {"Authorization": f"Bearer {api_key or self.api_key}", "Content-Type": "application/json"}
        body = json.dumps({"access_key": {"id": self.id}}).encode()
        status, answer = ask("POST", self.gateway + self.PATH, headers, body)
        if status != 200:
            return status, json.loads(answer)["code"]
        return status, answer["object_storage_access_key"]

    def rotate(self):
        """Returns a user of the new pair. Repeats the call while an earlier rotation is under way."""
        until = time.monotonic() + 30
        while True:
            start = time.monotonic()
            status, answer = self.ask()
            if (status, answer) != EARLY or start > until:
                break
            time.sleep(0.2)
        assert status == 200 and is_in_time(answer, start), (status, answer, time.monotonic() - start)
        if answer["state"] == "pending":
            # The pair before ends once the new one works: the gateway looks every 5 s.
            time.sleep(12)
        return given_as_pair(answer)


def ask_for_workspace(gateway, token, workspace):
    organisation, name = workspace.split("/")
    url = f"{gateway}/api/v1/org/{organisation}/ws/{name}/storage/credentials"
    return ask("GET", url, {"Authorization": f"Bearer {token}"})


def given_by_key(answer, endpoint):
    """The arguments of StoreUser from an answer like seed 000's, which lacks the store's address."""
    given, info = answer["credentials"], answer["bucket_info"]
    keys = {
        "accessKeyId": given["aws_key_id"],
        "secretAccessKey": given["aws_secret_access_key"],
        "sessionToken": given["aws_session_token"],
    }
    return endpoint, given["aws_region"], keys, Place(info["name"], info["prefix"])


def given_as_pair(answer):
    """A user of the pair in an answer like seed 001's, which may open several buckets."""
    keys = {
        "accessKeyId": answer["s3_access_key_id"],
        "secretAccessKey": answer["s3_secret_access_key"],
    }
    return StoreUser(answer["server_url"], answer["region"], keys, Place(""))


def given_to_member(answer):
    """The arguments of StoreUser from an answer like seed 002's."""
    keys = {
        "accessKeyId": answer["access_key_id"],
        "secretAccessKey": answer["secret_access_key"],
        "sessionToken": answer["session_token"],
    }
    return answer["endpoint"], answer["region"], keys, Place(answer["bucket"], answer["prefix"])
