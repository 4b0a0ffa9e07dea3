"""Attempts to turn a pair of an access key into sessions, users, policies or other accounts of the
engine. Some engines give a user sessions or accounts that inherit the user's rights; these must reach
nothing more than the pair, and end with it."""

import json
import os

from botocore.exceptions import ClientError
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.crypto import encrypt
from minio.error import MinioAdminException

from checks import allowed, check, noted, refused
from person import StoreUser
from places import Place

EVERYTHING = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}
ALL = {"Version": "2012-10-17", "Statement": [EVERYTHING]}
SECRET_KEY = "0123456789abcdef0123456789abcdef"


def heirs(world):
    pair = world.key.rotate()
    kinds = {"embedded": of_iam, "ceph": of_ceph, "minio": of_minio, "seaweedfs": of_seaweedfs}
    made = kinds[world.engine](world, pair)
    for name, heir in made.items():
        confined(world, heir, name)
    world.key.rotate()
    for name, heir in [("the pair", pair), *made.items()]:
        refused(f"list by {name}, after a rotation", lambda: heir.s3.list_objects_v2(**world.both.listed()))
        refused(f"get by {name}, after a rotation", lambda: heir.s3.get_object(**world.readable.at("plain")))
        refused(f"put by {name}, after a rotation", lambda: heir.s3.put_object(**world.writable.at("x"), Body=b"x"))


def confined(world, heir, name):
    s3 = heir.s3
    allowed(f"list by {name}", lambda: s3.list_objects_v2(**world.both.listed()))
    refused(f"put in the readable bucket by {name}", lambda: s3.put_object(**world.readable.at("x"), Body=b"x"))
    refused(f"get in the writable bucket by {name}", lambda: s3.get_object(**world.writable.at("secret")))
    refused(f"create a bucket by {name}", lambda: s3.create_bucket(Bucket=f"{world.tag}-lasting-new"))
    for place, whose in world.strangers:
        refused(f"list {whose} by {name}", lambda: s3.list_objects_v2(**place.listed()))
        refused(f"get in {whose} by {name}", lambda: s3.get_object(**place.at("secret")))
        refused(f"put in {whose} by {name}", lambda: s3.put_object(**place.at("x"), Body=b"x"))
        refused(f"delete in {whose} by {name}", lambda: s3.delete_object(**place.at("secret")))


def session(pair, what, call):
    """Returns the status, and the session if the engine issued one."""
    try:
        given = call()["Credentials"]
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        noted[what] = f"{status} {error.response['Error']['Code']}"
        return status, None
    noted[what] = "200"
    names = {"accessKeyId": "AccessKeyId", "secretAccessKey": "SecretAccessKey", "sessionToken": "SessionToken"}
    keys = {ours: given[theirs] for ours, theirs in names.items()}
    return 200, StoreUser(pair.endpoint, pair.region, keys, Place(""))


def no_sessions(pair):
    sts = pair.client("sts")
    arn = os.environ.get("CLOAKROOM_STORAGE__ROLE_ARN", "arn:aws:iam::000000000000:role/gateway")
    refused("AssumeRole by the pair", lambda: sts.assume_role(RoleArn=arn, RoleSessionName="thief"))
    wide = {"RoleArn": arn, "RoleSessionName": "thief", "Policy": json.dumps(ALL)}
    refused("AssumeRole with a policy by the pair", lambda: sts.assume_role(**wide))
    return sts


def of_seaweedfs(world, pair):
    """IAM answers where S3 does, and writes at the server that the broker uses."""
    sts = no_sessions(pair)
    refused("GetFederationToken by the pair", lambda: sts.get_federation_token(Name="thief"))
    status, _ = pair.act("sts", "AssumeRole", RoleSessionName="thief")
    check("refused: AssumeRole of oneself by the pair", status == 403, status)
    user = {"UserName": f"cloakroom-{world.key.id}"}
    writing = StoreUser(os.environ["CLOAKROOM_ACCESS_KEYS__ENDPOINT"], pair.region, pair.keys, pair.place)
    for iam in [pair.client("iam"), writing.client("iam")]:
        users(iam, user)
        refused("CreateAccessKey for oneself, unnamed", lambda: iam.create_access_key())
        refused("CreateAccessKey for the gateway", lambda: iam.create_access_key(UserName="gateway"))
        refused("CreateRole by the pair", lambda: iam.create_role(RoleName="thief", AssumeRolePolicyDocument="{}"))
    return {}


def of_iam(world, pair):
    """The embedded store, which has no GetSessionToken."""
    no_sessions(pair)
    iam, user = pair.client("iam"), {"UserName": f"cloakroom-{world.key.id}"}
    users(iam, user)
    return {}


def users(iam, user):
    """The actions about users, by the user of a pair."""
    policies_of_users(iam, user)
    for what, call in [
        ("GetUser", lambda: iam.get_user(**user)),
        ("ListUsers", lambda: iam.list_users()),
        ("CreateUser", lambda: iam.create_user(UserName="thief")),
        ("ListAccessKeys", lambda: iam.list_access_keys(**user)),
        ("CreateAccessKey", lambda: iam.create_access_key(**user)),
        ("DeleteUser", lambda: iam.delete_user(**user)),
    ]:
        refused(f"{what} by the pair", call)


def policies_of_users(iam, user):
    wider = {**user, "PolicyName": "cloakroom", "PolicyDocument": json.dumps(ALL)}
    name = {**user, "PolicyName": "cloakroom"}
    refused("PutUserPolicy by the pair", lambda: iam.put_user_policy(**wider))
    refused("GetUserPolicy by the pair", lambda: iam.get_user_policy(**name))
    refused("ListUserPolicies by the pair", lambda: iam.list_user_policies(**user))
    refused("DeleteUserPolicy by the pair", lambda: iam.delete_user_policy(**name))


def of_ceph(world, pair):
    sts = no_sessions(pair)
    refused("GetSessionToken by the pair", lambda: sts.get_session_token())
    (user,) = world.broker.users_of(world.key.id)
    iam = pair.client("iam")
    policies_of_users(iam, {"UserName": user})
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{user}"]}, "Action": ["sts:AssumeRole"]}]})
    refused("CreateRole by the pair", lambda: iam.create_role(RoleName="thief", AssumeRolePolicyDocument=trust))
    policy = {"RoleName": "gateway", "PolicyName": "x", "PolicyDocument": json.dumps(ALL)}
    refused("PutRolePolicy by the pair", lambda: iam.put_role_policy(**policy))
    opened = {"RoleName": "gateway", "PolicyDocument": trust}
    refused("UpdateAssumeRolePolicy by the pair", lambda: iam.update_assume_role_policy(**opened))
    for method, query in [
        ("GET", f"user?uid={user}"),
        ("GET", "user?uid=gateway"),
        ("GET", "metadata/user"),
        ("GET", "bucket"),
        ("PUT", "user?uid=thief&display-name=thief"),
        ("POST", f"user?uid={user}&max-buckets=1000"),
        ("PUT", f"user?key&uid={user}&generate-key=true"),
        ("PUT", "user?key&uid=gateway&generate-key=true"),
        ("PUT", f"user?caps&uid={user}&user-caps=users%3D%2A"),
        ("DELETE", "user?uid=gateway"),
        ("DELETE", f"bucket?bucket={world.both.bucket}&purge-objects=true"),
        ("PUT", f"bucket?bucket={world.neither.bucket}&uid={user}"),
    ]:
        status, body = pair.raw(method, f"/admin/{query}")
        check(f"refused: Admin Ops by the pair: {method} {query}", status == 403, (status, body))
    return {}


def of_minio(world, pair):
    """MinIO lets a user open sessions; these must reach nothing more, whatever policy they ask for. The
    user must not create service accounts, which CVE-2025-62506 left unrestricted, or change its own
    secret."""
    key_id, secret = pair.keys["accessKeyId"], pair.keys["secretAccessKey"]
    admin = MinioAdmin(
        endpoint=pair.endpoint.removeprefix("http://"), credentials=StaticProvider(key_id, secret), secure=False
    )
    for what, call in [
        ("user_list", lambda: admin.user_list()),
        ("user_info of the gateway", lambda: admin.user_info("gateway")),
        ("user_add of another", lambda: admin.user_add("thief", SECRET_KEY)),
        ("user_add of the gateway", lambda: admin.user_add("gateway", SECRET_KEY)),
        ("user_remove of the gateway", lambda: admin.user_remove("gateway")),
        ("policy_list", lambda: admin.policy_list()),
        ("policy_set for itself", lambda: admin.policy_set("consoleAdmin", user=key_id)),
        ("attach_policy for itself", lambda: admin.attach_policy(["consoleAdmin"], user=key_id)),
        ("info", lambda: admin.info()),
        ("service accounts of root", lambda: admin.list_service_account("root")),
    ]:
        status = admin_status(call)
        check(f"refused: {what} by the pair", status == 403, status)
    whole = {"secretKey": SECRET_KEY, "status": "enabled", "policy": ALL}
    for target in ["root", "gateway", "cloakroom-keys"]:
        account = {**whole, "accessKey": "thiefthiefthief", "targetUser": target}
        body = encrypt(json.dumps(account).encode(), secret)
        status, answer = pair.raw("PUT", "/minio/admin/v3/add-service-account", body=body)
        check(f"refused: a service account of {target}'s by the pair", status == 403, (status, answer))
    no_accounts(admin, key_id)
    return sessions_of_minio(pair)


def sessions_of_minio(pair):
    found, sts = {}, pair.client("sts")
    asked = {"RoleArn": "arn:xxx:xxx:xxx:xxxx", "RoleSessionName": "thief", "DurationSeconds": 43200}
    for name, more in [("a session", {}), ("a session with a wider policy", {"Policy": json.dumps(ALL)})]:
        status, heir = session(pair, f"AssumeRole, {name}", lambda: sts.assume_role(**asked, **more))
        check(f"{name} is given or refused", status in (200, 403), status)
        if heir:
            found[name] = heir
    return found


def no_accounts(admin, key_id):
    for name, account, more in [
        ("the pair", "CKACCOUNT1", {}),
        ("the pair, with a wider policy", "CKACCOUNT2", {"policy": ALL}),
    ]:
        make = lambda: admin.add_service_account(access_key=account + key_id[-8:], secret_key=SECRET_KEY, **more)
        status = admin_status(make)
        check(f"refused: a service account by {name}", status == 403, status)
    status = admin_status(lambda: admin.user_add(key_id, SECRET_KEY))
    check("refused: another secret of the pair's own", status == 403, status)


def admin_status(call):
    try:
        call()
        return 200
    except MinioAdminException as error:
        return int(error._code)
