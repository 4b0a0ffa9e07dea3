"""The table of calls: every dialect of the gateway, which upstreams a call needs, and how it may fail."""

import dataclasses
import json
import re
from typing import Callable

DEADLINE, CONTAINER_DEADLINE = 5.0, 1.8

# Whose failure it is when an upstream fails.
CLASS = {
    **{name: "identification" for name in ["introspection", "discovery", "jwks"]},
    **{name: "storage" for name in ["sts", "s3", "iam"]},
    "postgres": "registry",
}

# How each dialect words these failures, and refusals: contract section 4.
PROBLEM = {
    "identification": {(502, "identification-unavailable")},
    "storage": {(502, "storage-unavailable")},
    "registry": {(500, "internal-error")},
    "overloaded": {(503, "overloaded")},
    "inactive": {(401, "invalid-token")},
    "conflict": {(409, "bucket-conflict")},
    "blocked": {(403, "storage-not-entitled")},
}
BOTO = PROBLEM | {"storage": {(500, "provisioning-failed")}}
WORKSPACE = {
    "identification": {(502, "bad_gateway"), (504, "gateway_timeout")},
    "storage": {(502, "bad_gateway"), (504, "gateway_timeout")},
    "registry": {(500, "internal_error")},
    "overloaded": {(503, "service_unavailable")},
}
CONTAINER = {
    "identification": {(502, "IDPCommunicationError")},
    "storage": {(502, "ServiceUnavailable")},
    "registry": {(500, "InternalFailure")},
    "overloaded": {(503, "ServiceUnavailable")},
    "inactive": {(401, "InvalidIdentityToken")},
    "conflict": {(409, "Conflict")},
}
STS = {
    "identification": {(400, "IDPCommunicationError")},
    "storage": {(503, "ServiceUnavailable")},
    "registry": {(500, "InternalFailure")},
    "overloaded": {(503, "ServiceUnavailable")},
    "inactive": {(400, "InvalidIdentityToken")},
    "conflict": {(403, "AccessDenied")},
}
DOWN = {(503, "service_unavailable")}
ACCESS_KEY = {
    **{"identification": DOWN, "storage": DOWN, "overloaded": DOWN},
    "registry": DOWN | {(406, "task_queueing_error")},
    "under way": {(422, "object_storage_provisioning_error")},
}


@dataclasses.dataclass(frozen=True)
class Place:
    """What a session opens, and an object of somebody else's beside it."""

    bucket: str
    prefix: str
    foreign: str


@dataclasses.dataclass(frozen=True)
class Call:
    name: str
    words: dict
    needs: frozenset
    # The method, the path, the headers and the body.
    request: tuple
    # Reads the keys from an answer, and where they lead if it says so.
    session: Callable = None
    place: Place = None
    # A refusal that is right for this call; without one, only credentials are.
    refusal: str = None
    # A refusal that is also right.
    also: str = None
    deadline: float = DEADLINE
    key: str = None

    def allowed(self, faults):
        """The failures that are right while these upstreams fail."""
        classes = {CLASS[name] for name in self.needs & faults}
        classes |= {"overloaded"} if classes else set()
        classes |= {self.refusal, self.also} - {None}
        return set().union(*(self.words[name] for name in classes))

    def is_failure(self, outcome):
        """Whether this answer says that something else fails."""
        return any(outcome in self.words[name] for name in [*CLASS.values(), "overloaded"])


def code_of(body):
    """The code or the slug of a failure, in any dialect."""
    if body.startswith(b"<"):
        found = re.search(rb"<Code>([^<]+)</Code>", body)
        return found[1].decode() if found else "no code"
    try:
        content = json.loads(body)
    except ValueError:
        return "not JSON"
    code = content.get("code")
    return code if isinstance(code, str) else content.get("type", "no code").rsplit("/", 1)[-1]


def keys(id, secret, token=None):
    return {"id": id, "secret": secret, "token": token}


def of_v1(body):
    content = json.loads(body)
    given = content["credentials"]
    return keys(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"]), content["bucket"], ""


def of_boto(body):
    content = json.loads(body)
    given, info = content["credentials"], content["bucket_info"]
    session = keys(given["aws_key_id"], given["aws_secret_access_key"], given["aws_session_token"])
    return session, info["name"], info["prefix"]


def of_workspace(body):
    given = json.loads(body)
    session = keys(given["access_key_id"], given["secret_access_key"], given["session_token"])
    return session, given["bucket"], given["prefix"]


def of_container(body):
    given = json.loads(body)
    return keys(given["AccessKeyId"], given["SecretAccessKey"], given["Token"]), None, None


def of_sts(body):
    names = ["AccessKeyId", "SecretAccessKey", "SessionToken"]
    return keys(*(re.search(rf"<{name}>([^<]+)<", body.decode())[1] for name in names)), None, None


def of_access_key(body):
    given = json.loads(body)["object_storage_access_key"]
    return keys(given["s3_access_key_id"], given["s3_secret_access_key"]), None, None


OPENING = frozenset({"sts", "s3", "postgres"})
REGISTRY = frozenset({"postgres"})


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def v1(token, place, needs=OPENING, name="v1", **more):
    request = ("POST", "/v1/credentials", bearer(token), b"")
    return Call(name, PROBLEM, needs, request, of_v1, place, **more)


def container(token, place, needs=OPENING, name="container", of="", **more):
    """`of` is a workspace."""
    query = f"?workspace={of}" if of else ""
    request = ("GET", f"/v1/credentials/container{query}", {"Authorization": token}, b"")
    return Call(name, CONTAINER, needs, request, of_container, place, deadline=CONTAINER_DEADLINE, **more)


def sts(token, place, needs=OPENING, name="STS", of="", **more):
    """`of` is a workspace."""
    role = f"workspace/{of}" if of else "own"
    form = f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken={token}"
    form += f"&RoleArn=arn:aws:iam::000000000000:role/{role}&RoleSessionName=faults"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return Call(name, STS, needs, ("POST", "/", kind, form.encode()), of_sts, place, **more)


def boto(key, place, needs=OPENING, name="boto"):
    return Call(name, BOTO, needs, ("POST", "/storage/boto", {"x-api-key": key}, b""), of_boto, place)


def workspace(token, of, place, needs=OPENING, name="workspace"):
    path = "/api/v1/org/{}/ws/{}/storage/credentials".format(*of.split("/"))
    return Call(name, WORKSPACE, needs, ("GET", path, bearer(token), b""), of_workspace, place)


def storage(token, needs=REGISTRY):
    return Call("storage", PROBLEM, needs, ("GET", "/v1/storage", bearer(token), b""))


def sessions(token, needs=REGISTRY):
    return Call("sessions", PROBLEM, needs, ("GET", "/v1/storage/sessions", bearer(token), b""))


def revoke(token, needs=OPENING):
    return Call("revoke", PROBLEM, needs, ("POST", "/v1/credentials/revoke", bearer(token), b""))


# Without S3 the pair is answered as pending.
ROTATION = frozenset({"iam", "postgres"})


def rotate(credential, key, needs=ROTATION, name="rotate"):
    """The credential is an API key or a token."""
    path = "/core/v1/object_storage/access_keys/access_key/generate_credentials"
    headers = bearer(credential) | {"Content-Type": "application/json"}
    request = ("POST", path, headers, json.dumps({"access_key": {"id": key}}).encode())
    return Call(name, ACCESS_KEY, needs, request, of_access_key, also="under way", key=key)
