"""Ways past a policy that some stores offer, tried on each: other spellings of a path, archives, renames, the
tokens of others, forged tokens, and the actions of STS and IAM."""

import base64
import io
import json
import os
import urllib.parse
import zipfile

import requests

from checks import check
from person import StoreUser
from places import SECRET, contents

# SeaweedFS's (docs/engines/seaweedfs.md); others ignore it or have no such role.
ROLE = "arn:aws:iam::000000000000:role/gateway"


def trespass(user, theirs, watcher, whose):
    """Nothing is read from theirs, and nothing changes there. `watcher` can see theirs."""
    mine = user.place
    besides = mine.prefix if mine.bucket == theirs.bucket else None
    before = contents(watcher, theirs, besides)
    for what, way in [("backslashes", backslashes), ("an archive", archive), ("a rename", rename)]:
        got = way(user, theirs)
        check(f"{what}: nothing is read of {whose}", SECRET not in got, got)
    body = watcher.get_object(**theirs.at("secret"))["Body"].read()
    check(f"after these the object in {whose} is as it was", body == SECRET)
    check(f"after these {whose} holds what it held", contents(watcher, theirs, besides) == before)


def up(user, theirs, separator):
    """The steps from the user's place to theirs."""
    steps = user.place.prefix.count("/")
    way = [*[".."] * steps, *f"{theirs.prefix}secret".split("/")]
    if user.bucket != theirs.bucket:
        way = ["..", *way[:steps], theirs.bucket, *way[steps:]]
    return separator.join(way)


def backslashes(user, theirs):
    """Stores that know folders may take a backslash for a slash, after the policy was asked."""
    own, got = f"/{user.bucket}/{user.place.prefix}", b""
    for separator in ["%5c", "%5C"]:
        for path in [own + up(user, theirs, separator), own + "x" + separator + "../" + up(user, theirs, separator)]:
            got += user.raw("GET", path)[1]
            user.raw("PUT", path, body=b"overwritten")
            user.raw("DELETE", path)
    for source in [own + up(user, theirs, "\\"), own + up(user, theirs, "%5c"), own + up(user, theirs, "%255c")]:
        user.raw("PUT", f"{own}copied", {"x-amz-copy-source": source})
        got += user.raw("GET", f"{own}copied")[1]
    return got


def archive(user, theirs):
    """Stores may unpack an archive, whose names are not in the request's path."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name in ["inside", up(user, theirs, "/"), up(user, theirs, "\\"), f"/{theirs.bucket}/{theirs.prefix}secret"]:
            file.writestr(name, "unpacked")
    own = f"/{user.bucket}/{user.place.prefix}packed.zip"
    user.raw("PUT", own, {"x-amz-meta-snowball-auto-extract": "true"}, body=packed.getvalue())
    user.raw("PUT", own, {"x-minio-extract": "true"}, body=packed.getvalue())
    user.raw("PUT", f"{own}?extract=zip", body=packed.getvalue())
    return user.raw("GET", own)[1]


def rename(user, theirs):
    own, got = f"/{user.bucket}/{user.place.prefix}renamed", b""
    whole = f"{theirs.bucket}/{theirs.prefix}secret"
    for source in [f"{theirs.prefix}secret", whole, f"/{whole}", f"{user.place.prefix}{up(user, theirs, '/')}"]:
        user.raw("PUT", f"{own}?renameObject=", {"x-amz-rename-source": urllib.parse.quote(source)})
        got += user.raw("GET", own)[1]
    return got


def tokens(alice, bob):
    """A session token of another's, which presigned URLs show, opens nothing without its secret key."""
    secret = bob.place.at("secret")
    url = alice.s3.generate_presigned_url("get_object", Params=secret)
    token = urllib.parse.quote(bob.keys["sessionToken"], safe="")
    header = {"X-Amz-Security-Token": bob.keys["sessionToken"]}
    for what, (status, body) in {
        "a presigned URL of one's own": fetch(url),
        "and bob's token in a header": fetch(url, header),
        "and bob's token as a second parameter": fetch(f"{url}&X-Amz-Security-Token={token}"),
        "bob's token as the bearer's": fetch(url.split("?")[0], {"Authorization": f"Bearer {bob.keys['sessionToken']}"}),
        "bob's token as a parameter": alice.raw("GET", f"/{bob.bucket}/secret?X-Amz-Security-Token={token}"),
    }.items():
        check(f"refused: bob's object by {what}", status in (400, 401, 403) and SECRET not in body, status)
    for what, forged in forgeries(alice.keys["sessionToken"]):
        for bucket, key in [(bob.bucket, "secret"), (alice.bucket, "plain")]:
            status, _ = with_token(alice, forged).raw("GET", f"/{bucket}/{key}")
            check(f"refused: {key} by a token {what}", status in (400, 403), status)


def fetch(url, headers=None):
    answer = requests.get(url, headers=headers, timeout=20)
    return answer.status_code, answer.content


def with_token(user, token):
    return StoreUser(user.endpoint, user.region, {**user.keys, "sessionToken": token}, user.place)


def forgeries(token):
    """The token without its session policy, under other algorithms, if it is a JWT."""
    if token.count(".") != 2:
        return
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    for name in ["spol", "sessionPolicy"]:
        claims.pop(name, None)
    encode = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
    yield "without a session policy", f"{header}.{encode(claims)}.{signature}"
    for algorithm in ["none", "None", "HS512", ""]:
        yield f"of algorithm {algorithm!r}", f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{encode(claims)}."


def administration(alice):
    """A session is no user and no administrator, neither where clients are nor where access keys are made."""
    making = os.environ.get("CLOAKROOM_ACCESS_KEYS__ENDPOINT", alice.endpoint)
    for endpoint in dict.fromkeys([alice.endpoint, making]):
        where = "" if endpoint == alice.endpoint else ", where access keys are made"
        user_of = lambda keys: StoreUser(endpoint, alice.region, keys, alice.place)
        actions(user_of(alice.keys), alice.engine, where)
        if alice.engine == "seaweedfs":
            entitled(user_of(keys_in("STORAGE__")), user_of(keys_in("ACCESS_KEYS__ADMIN_")), where)


def actions(session, engine, where):
    # The other engines do not implement all of these, and Ceph looks for the role first.
    statuses = (401, 403) if engine == "seaweedfs" else (400, 401, 403, 404, 405, 501)
    token = session.keys["sessionToken"]
    own, role = {"RoleSessionName": "escape"}, {"RoleArn": ROLE}
    for service, action, parameters in [
        ("sts", "AssumeRole", own),
        ("sts", "AssumeRole", {**own, **role}),
        ("sts", "AssumeRole", {**own, "RoleArn": "arn:aws:iam::000000000000:user/gateway"}),
        ("sts", "AssumeRoleWithWebIdentity", {**own, **role, "WebIdentityToken": token}),
        ("sts", "AssumeRoleWithWebIdentity", {**own, "WebIdentityToken": token}),
        ("sts", "GetFederationToken", {"Name": "escape"}),
        ("iam", "ListAccessKeys", {"UserName": "gateway"}),
        ("iam", "CreateUser", {"UserName": "escape"}),
        ("iam", "CreateAccessKey", {}),
        ("iam", "CreateAccessKey", {"UserName": "gateway"}),
        ("iam", "CreateServiceAccount", {"ParentUser": "gateway"}),
        ("iam", "PutUserPolicy", {"UserName": "gateway", "PolicyName": "x", "PolicyDocument": "{}"}),
        ("iam", "CreateRole", {"RoleName": "escape", "AssumeRolePolicyDocument": "{}"}),
        ("iam", "DeleteAccessKey", {"UserName": "gateway", "AccessKeyId": "gateway"}),
    ]:
        status, body = session.act(service, action, **parameters)
        # A user is no role to any engine.
        refusals = (*statuses, 400) if "user/" in parameters.get("RoleArn", "") else statuses
        good = status in refusals and b"<SecretAccessKey>" not in body
        what = f"{action} by a session{where}, {', '.join(parameters) or 'for itself'}"
        check(f"refused: {what}", good, (status, body[-200:]))


def entitled(gateway, administrator, where):
    """The same requests are answered to those who may make them, so a refusal is one."""
    calls = [(gateway, "sts", "AssumeRole", {"RoleSessionName": "entitled", "RoleArn": ROLE})]
    if where:
        user, pair = {"UserName": "entitled"}, {"UserName": "entitled", "AccessKeyId": ""}
        calls += [
            (administrator, "iam", "ListAccessKeys", {"UserName": "gateway"}),
            (administrator, "iam", "CreateUser", user),
            (administrator, "iam", "CreateAccessKey", user),
            (administrator, "iam", "DeleteAccessKey", pair),
            (administrator, "iam", "DeleteUser", user),
        ]
    for who, service, action, parameters in calls:
        status, body = who.act(service, action, **parameters)
        check(f"allowed: {action}{where}", status == 200, (status, body[-200:]))
        if action == "CreateAccessKey":
            pair["AccessKeyId"] = body.decode().partition("<AccessKeyId>")[2].partition("<")[0]


def keys_in(start):
    """The key pair in the gateway's configuration whose names begin so."""
    names = {"accessKeyId": "ACCESS_KEY_ID", "secretAccessKey": "SECRET_ACCESS_KEY"}
    return {ours: os.environ[f"CLOAKROOM_{start}{theirs}"] for ours, theirs in names.items()}
