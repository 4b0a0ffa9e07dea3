"""Who asks the gateway, by token or by API key, and what they are given."""

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
    """The status and the body of an answer, whatever it is."""
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
    """A connection for each request. boto3 does not send a body that is refused before the store has
    asked for it, but does use the connection again: the store may be closing it, or take the next
    request for that body."""
    request.headers["Connection"] = "close"


class Holder:
    """Whoever has keys to the store, and the place that is theirs."""

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

    def raw(self, method, path, headers=None, body=b""):
        """Sends the path as it is: boto3's HTTP library would fold `..` away."""
        url = f"{self.endpoint}{path}"
        digest = hashlib.sha256(body).hexdigest()
        request = AWSRequest(
            method, url, data=body, headers={"x-amz-content-sha256": digest, **(headers or {})}
        )
        keys = Credentials(
            self.keys["accessKeyId"], self.keys["secretAccessKey"], self.keys.get("sessionToken")
        )
        S3SigV4Auth(keys, "s3", self.region).add_auth(request)
        where = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(where.netloc, timeout=20)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()


class Person(Holder):
    """Somebody with a token, who asks for their own bucket."""

    def __init__(self, options, name):
        self.engine = options.engine
        self.token = token_of(options, name)
        self.gateway = options.gateway
        answer = self.vend_first()
        place = Place(answer["bucket"])
        super().__init__(answer["endpoint"], answer["region"], answer["credentials"], place)

    def vend_first(self):
        """A store that makes its very first bucket may take longer than a request waits; the
        making goes on, and the next call finds it done."""
        for _ in range(3):
            status, answer = self.ask()
            if status != 502:
                break
            print("note  the first call was answered with 502 and is repeated")
        return self.vend()

    def ask(self, query=""):
        headers = {"Authorization": f"Bearer {self.token}"}
        return ask("POST", f"{self.gateway}/v1/credentials{query}", headers)

    def vend(self, query=""):
        status, answer = self.ask(query)
        assert status == 200, (status, answer)
        return answer

    def claims(self):
        return claims_of(self.token)


class Organisation(Holder):
    """Whoever has an API key, and asks for the storage of its organisation."""

    def __init__(self, gateway, key, endpoint):
        self.key = key
        status, answer = self.ask(gateway)
        assert status == 200, (status, answer)
        self.info = answer["bucket_info"]
        super().__init__(*given_by_key(answer, endpoint))

    def ask(self, gateway):
        return ask("POST", f"{gateway}/storage/boto", {"x-api-key": self.key})


class Member(Holder):
    """Somebody with a token, who asks for the storage of a workspace."""

    def __init__(self, gateway, token, workspace):
        self.workspace = workspace
        status, answer = ask_for_workspace(gateway, token, workspace)
        assert status == 200, (status, answer)
        super().__init__(*given_to_member(answer))


# What a rotation is answered while another is under way.
EARLY = (422, "object_storage_provisioning_error")


def is_in_time(answer, start):
    """An answer waits 2 s for the proof that the pair works. Engines may take longer, and a debug build
    of the gateway does on MinIO, whose admin API derives a key from the secret at every call."""
    late = time.monotonic() - start >= 2
    return answer["state"] == "active" or (late and answer["state"] == "pending")


class AccessKey:
    """A key that lasts, as the command line has made it, and whoever asks for its pairs."""

    PATH = "/core/v1/object_storage/access_keys/access_key/generate_credentials"

    def __init__(self, gateway, api_key, made):
        self.gateway, self.api_key, self.made, self.id = gateway, api_key, made, made["id"]

    def ask(self, api_key=None):
        """The status, and what was answered; a code alone where it was refused."""
        headers = {"Authorization": f"Bearer {api_key or self.api_key}", "Content-Type": "application/json"}
        body = json.dumps({"access_key": {"id": self.id}}).encode()
        status, answer = ask("POST", self.gateway + self.PATH, headers, body)
        if status != 200:
            return status, json.loads(answer)["code"]
        return status, answer["object_storage_access_key"]

    def rotate(self):
        """Whoever has the new pair; an earlier one may still have to be proven."""
        until = time.monotonic() + 30
        while True:
            start = time.monotonic()
            status, answer = self.ask()
            if (status, answer) != EARLY or start > until:
                break
            time.sleep(0.2)
        assert status == 200 and is_in_time(answer, start), (status, answer, time.monotonic() - start)
        return given_as_pair(answer)


def ask_for_workspace(gateway, token, workspace):
    organisation, name = workspace.split("/")
    url = f"{gateway}/api/v1/org/{organisation}/ws/{name}/storage/credentials"
    return ask("GET", url, {"Authorization": f"Bearer {token}"})


def given_by_key(answer, endpoint):
    """What a Holder is made of, from an answer like seed 000's; it does not say where the store is."""
    given, info = answer["credentials"], answer["bucket_info"]
    keys = {
        "accessKeyId": given["aws_key_id"],
        "secretAccessKey": given["aws_secret_access_key"],
        "sessionToken": given["aws_session_token"],
    }
    return endpoint, given["aws_region"], keys, Place(info["name"], info["prefix"])


def given_as_pair(answer):
    """A Holder of the pair in an answer like seed 001's; its buckets are several."""
    keys = {
        "accessKeyId": answer["s3_access_key_id"],
        "secretAccessKey": answer["s3_secret_access_key"],
    }
    return Holder(answer["server_url"], answer["region"], keys, Place(""))


def given_to_member(answer):
    """The same, from an answer like seed 002's."""
    keys = {
        "accessKeyId": answer["access_key_id"],
        "secretAccessKey": answer["secret_access_key"],
        "sessionToken": answer["session_token"],
    }
    return answer["endpoint"], answer["region"], keys, Place(answer["bucket"], answer["prefix"])
