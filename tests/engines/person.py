"""Somebody with a token, and what the gateway gives them."""

import base64
import hashlib
import http.client
import json
import shlex
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials


class Person:
    def __init__(self, options, name):
        self.engine = options.engine
        command = options.token_command % shlex.quote(name)
        self.token = subprocess.run(
            command, shell=True, check=True, capture_output=True, text=True
        ).stdout.strip()
        self.gateway = options.gateway
        answer = self.vend_first()
        self.bucket, self.endpoint = answer["bucket"], answer["endpoint"]
        self.region, self.keys = answer["region"], answer["credentials"]
        self.s3 = self.client()

    def vend_first(self):
        """A store that makes its very first bucket may take longer than a request waits; the
        making goes on, and the next call finds it done."""
        for _ in range(3):
            try:
                return self.vend()
            except urllib.error.HTTPError as error:
                if error.code != 502:
                    raise
                print("note  the first call was answered with 502 and is repeated")
        return self.vend()

    def vend(self, query=""):
        request = urllib.request.Request(
            f"{self.gateway}/v1/credentials{query}",
            method="POST",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return json.load(answer)

    def claims(self):
        payload = self.token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    def client(self, service="s3", **changes):
        keys = {**self.keys, **changes}
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=keys["accessKeyId"],
            aws_secret_access_key=keys["secretAccessKey"],
            aws_session_token=keys["sessionToken"],
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def raw(self, method, path, headers=None, body=b""):
        """Sends the path as it is: boto3's HTTP library would fold `..` away."""
        url = f"{self.endpoint}{path}"
        digest = hashlib.sha256(body).hexdigest()
        request = AWSRequest(
            method, url, data=body, headers={"x-amz-content-sha256": digest, **(headers or {})}
        )
        keys = Credentials(
            self.keys["accessKeyId"], self.keys["secretAccessKey"], self.keys["sessionToken"]
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
