"""An authorization server on loopback: metadata, introspection, and the signing keys of workloads. It also is
the other server that redirects lead to, and counts what comes there.

`authorization_server.py PORT` is that of tests/load, which knows every token `token-N` as user N's.
"""

import base64
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT, AUDIENCE = "faults", "cloakroom"
WORKLOADS = "https://workloads.example"
SCOPES = "com.cleverbase.storage api.katapult.io/core/v1/object_storage"
# Tokens differ in the middle only, so that a cache must look at all of a token.
HEAD, TAIL = "h" * 60, "t" * 60


class AuthorizationServer:
    client = CLIENT

    def __init__(self, port=0, secret="a first secret of the gateway"):
        self.subjects, self.secrets, self.keys, self.strayed = {}, {secret}, [], []
        self.keys.append(self.first_key())
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self.handler())
        self.address = self.server.server_address
        self.issuer = f"http://127.0.0.1:{self.address[1]}"
        self.introspection, self.elsewhere = f"{self.issuer}/introspect", f"{self.issuer}/elsewhere"

    def start(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def token(self, subject, is_active=True):
        token = f"{HEAD}{len(self.subjects):08}{TAIL}"
        self.subjects[token] = subject if is_active else None
        return token

    def first_key(self):
        return Ed25519PrivateKey.generate()

    def rotate(self):
        """From now on workloads' tokens are signed with a new key."""
        self.keys.append(Ed25519PrivateKey.generate())

    def jwt(self, subject):
        """A token of this workload, which ends in an hour."""
        kid = len(self.keys) - 1
        claims = {"iss": WORKLOADS, "aud": AUDIENCE, "sub": subject, "client_id": CLIENT}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 3600}
        parts = [{"alg": "EdDSA", "typ": "at+jwt", "kid": str(kid)}, claims]
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encoded(self.keys[kid].sign(signed.encode()))}"

    def metadata(self):
        return {"issuer": self.issuer, "introspection_endpoint": self.introspection}

    def key_set(self):
        """The first key, which signed what stays, and the latest: the gateway takes 64."""
        keys = [jwk(kid, key) for kid, key in enumerate(self.keys)]
        return {"keys": keys[:1] + keys[1:][-30:]}

    def subject_of(self, token):
        return self.subjects.get(token)

    def introspect(self, token):
        subject = self.subject_of(token)
        if subject is None:
            return {"active": False}
        return {"active": True, "sub": subject, "client_id": self.client, "scope": SCOPES, "aud": AUDIENCE}

    def handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                if self.path.startswith("/elsewhere"):
                    server.strayed.append(self.requestline)
                self.answer(200, server.key_set() if self.path == "/keys" else server.metadata())

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if self.path.startswith("/elsewhere"):
                    server.strayed.append(self.requestline)
                known = {basic(server.client, secret) for secret in server.secrets}
                if self.headers["Authorization"] not in known:
                    return self.answer(401, {"error": "invalid_client"})
                self.answer(200, server.introspect(form["token"][0]))

            def answer(self, status, content):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler


class CrowdServer(AuthorizationServer):
    """Knows everyone. Another process can sign with its first key, too."""

    client = "load"

    def first_key(self):
        return Ed25519PrivateKey.from_private_bytes(b"only for the load test".ljust(32))

    def subject_of(self, token):
        return token.removeprefix("token-") if token.startswith("token-") else None


def basic(client, secret):
    pair = f"{client}:{secret.replace(' ', '+')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(kid, key):
    x = encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": str(kid), "x": x}


if __name__ == "__main__":
    CrowdServer(int(sys.argv[1]), "only-for-the-load-test").server.serve_forever()
