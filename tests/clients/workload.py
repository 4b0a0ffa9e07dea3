"""A test issuer that signs service account tokens of the form that a Kubernetes API server signs.

    workload.py issuer FOLDER          makes a key, and issuers.toml for `cloakroom dev --issuers`
    workload.py token FOLDER SECONDS   prints a token that lasts so long

It needs openssl, and no cluster.
"""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

ISSUER = "https://kubernetes.default.svc.cluster.local"
TABLE = """[issuers.cluster]
issuer = "{issuer}"
audience = "cloakroom"
accept_typ = ["none"]
client_id = "fixed:cluster"
jwks_file = "{keys}"
conditions = [{{ claim = "/kubernetes.io/namespace", equals = "team-a" }}]
"""


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout


def issuer(folder):
    key, keys = folder / "workload.key", folder / "workload.jwks"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key))
    modulus = openssl("rsa", "-in", str(key), "-noout", "-modulus").decode().strip()
    n = encoded(bytes.fromhex(modulus.removeprefix("Modulus=")))
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one", "n": n, "e": "AQAB"}
    keys.write_text(json.dumps({"keys": [jwk]}))
    (folder / "issuers.toml").write_text(TABLE.format(issuer=ISSUER, keys=keys))


def token(folder, seconds):
    now = int(time.time())
    claims = {
        "aud": ["cloakroom"],
        "exp": now + seconds,
        "iat": now,
        "nbf": now,
        "iss": ISSUER,
        "jti": f"{time.time_ns()}",
        "kubernetes.io": {
            "namespace": "team-a",
            "pod": {"name": "worker-0", "uid": "1"},
            "serviceaccount": {"name": "worker", "uid": "2"},
        },
        "sub": "system:serviceaccount:team-a:worker",
    }
    # The API server writes no `typ`.
    message = f"{encoded({'alg': 'RS256', 'kid': 'one'})}.{encoded(claims)}"
    key = str(folder / "workload.key")
    signature = openssl("dgst", "-sha256", "-sign", key, stdin=message.encode())
    print(f"{message}.{encoded(signature)}", end="")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["issuer", folder]:
            issuer(Path(folder))
        case ["token", folder, seconds]:
            token(Path(folder), int(seconds))
        case _:
            sys.exit(__doc__)
