"""The main job and the isolation matrix against a running gateway, with boto3 and the AWS CLI.

    scenario.py --gateway URL --engine NAME --token-command 'CMD %s' [--aws PATH]

Two people get credentials; each reaches their own bucket; alice is refused everything else. An
attack counts as refused only on a 403, unless noted: any other error could hide a hole.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import tempfile
import time

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

import places
import table
import trespass
from checks import allowed, check, finish, note, noted, refused, status_of
from person import Person
from places import MEBIBYTE, SECRET

BOBS, ALICES = "bob's bucket", "alice's bucket"


def the_name(alice):
    claims = alice.claims()
    client = claims.get("client_id") or claims["azp"]
    namespace = os.environ.get("CLOAKROOM_NAMING__NAMESPACE", "")
    message = "\0".join([namespace, client, claims["sub"]]).encode()
    expected = hashlib.sha256(message).hexdigest()[:63]
    check("the bucket is what the contract's one-liner prints", alice.bucket == expected)


def buckets(alice, bob):
    refused("head bucket", lambda: alice.s3.head_bucket(Bucket=bob.bucket))
    places.buckets(alice.s3, alice.place)
    for whose, place, key in [(ALICES, alice.place, "plain"), (BOBS, bob.place, "secret")]:
        places.configuration(alice.s3, place, key, whose)
    note("batch delete in one's own bucket", lambda: batch_delete(alice.s3, alice.bucket))


def batch_delete(s3, bucket):
    s3.put_object(Bucket=bucket, Key="batch", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "batch"}]})
    if answer.get("Errors"):
        error = {"Code": answer["Errors"][0]["Code"]}
        raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}, "DeleteObjects")


def credentials(alice, bob):
    listing = lambda client: lambda: client.list_objects_v2(Bucket=alice.bucket)
    statuses = (400, 403)
    tampering(alice, bob, statuses)
    token = alice.keys["sessionToken"]
    refused("cut session token", listing(alice.client(sessionToken=token[: len(token) // 2])), statuses)
    refused("bob's session token", listing(alice.client(sessionToken=bob.keys["sessionToken"])), statuses)
    refused("no session token", listing(alice.client(sessionToken=None)), statuses)
    refused("bob's secret key", listing(alice.client(secretAccessKey=bob.keys["secretAccessKey"])), statuses)
    refused("bob's credentials on alice's bucket", listing(bob.s3))
    minting(alice)
    fresh = alice.issue()
    check("fresh credentials at every call", fresh["credentials"]["accessKeyId"] != alice.keys["accessKeyId"])
    check("to the same bucket", fresh["bucket"] == alice.bucket)


def minting(alice):
    """A session must not open another session, which would not have its policy."""
    sts = alice.client("sts")
    role = os.environ.get("CLOAKROOM_STORAGE__ROLE_ARN", "arn:aws:iam:::role/cloakroom")
    session = {"RoleArn": role, "RoleSessionName": "escape"}
    refused("AssumeRole by a session", lambda: sts.assume_role(**session))
    refused(
        "AssumeRole by a session, with a policy of its own",
        lambda: sts.assume_role(
            Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}',
            **session,
        ),
    )
    # Engines that do not implement these answer with 400, 405 or 501.
    statuses = (400, 403, 405, 501)
    refused("GetSessionToken by a session", lambda: sts.get_session_token(), statuses)
    refused("GetFederationToken by a session", lambda: sts.get_federation_token(Name="escape"), statuses)


def less(alice):
    """Credentials can be restricted to reading."""
    reader = alice.client(**alice.issue("?access=read&duration=900")["credentials"])
    places.only_reads(reader, alice.place, "with access=read")


def by_themselves(alice, bob):
    """boto3 gets its keys from the gateway, given only the gateway's address and a token."""
    with tempfile.TemporaryDirectory() as folder:
        token = pathlib.Path(folder, "token")
        token.write_text(alice.token)
        container = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{alice.gateway}/v1/credentials/container",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        }
        web_identity = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/any",
            "AWS_ENDPOINT_URL_STS": alice.gateway,
        }
        for way, variables in [("container endpoint", container), ("web identity", web_identity)]:
            os.environ.update(variables)
            s3 = boto3.Session(region_name=alice.region).client(
                "s3", endpoint_url=alice.endpoint, config=alice.s3.meta.config
            )
            allowed(f"list, by the {way}", lambda: s3.list_objects_v2(Bucket=alice.bucket))
            refused(f"list of bob's, by the {way}", lambda: s3.list_objects_v2(Bucket=bob.bucket))
            for name in variables:
                del os.environ[name]


def tampering(alice, bob, statuses):
    """A changed token must open nothing. Ceph encrypts its tokens without authenticating them: it
    accepts most changed tokens, and some of them lose the session policy. The gateway cannot fix
    that, so it is reported and does not fail the suite."""
    token = alice.keys["sessionToken"]
    accepted, answers = 0, set()
    for position in range(0, len(token) - 4, max(1, len(token) // 40)):
        changed = "A" if token[position] != "A" else "B"
        client = alice.client(sessionToken=token[:position] + changed + token[position + 1 :])
        status, _ = status_of(lambda: client.list_objects_v2(Bucket=alice.bucket))
        accepted += status not in statuses
        status, code = status_of(lambda: client.get_object(Bucket=bob.bucket, Key="secret"))
        answers.add(f"{status} {code}".strip())
    escaped = any(answer.startswith("2") for answer in answers)
    if alice.engine == "ceph":
        noted["tampered session tokens that still open one's own bucket"] = f"{accepted} of 40"
        if escaped:
            print("KNOWN HOLE: on Ceph a tampered session token reaches other buckets (docs/engines/ceph.md)")
        return
    check("refused: every tampered session token", accepted == 0, accepted)
    check("a tampered session token opens nothing more", not escaped, answers)


def expiry(alice):
    """A session as the gateway asks for it, but short: where the engine lets it be."""
    sts = boto3.client(
        "sts",
        endpoint_url=os.environ["CLOAKROOM_STORAGE__ENDPOINT"],
        region_name=alice.region,
        aws_access_key_id=os.environ["CLOAKROOM_STORAGE__ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["CLOAKROOM_STORAGE__SECRET_ACCESS_KEY"],
        config=Config(parameter_validation=False),
    )
    role = os.environ.get("CLOAKROOM_STORAGE__ROLE_ARN", "arn:aws:iam:::role/cloakroom")
    # The machine needs a moment for a client.
    opened = sts.assume_role(RoleArn=role, RoleSessionName="expiry", DurationSeconds=5)["Credentials"]
    names = {"accessKeyId": "AccessKeyId", "secretAccessKey": "SecretAccessKey", "sessionToken": "SessionToken"}
    client = alice.client(**{ours: opened[theirs] for ours, theirs in names.items()})
    allowed("a session before its end", lambda: client.list_objects_v2(Bucket=alice.bucket))
    time.sleep(7)
    refused("a session after its end", lambda: client.list_objects_v2(Bucket=alice.bucket), (400, 403))


def command_line(alice, bob, aws):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": tempfile.gettempdir(),
        "AWS_ACCESS_KEY_ID": alice.keys["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": alice.keys["secretAccessKey"],
        "AWS_SESSION_TOKEN": alice.keys["sessionToken"],
        "AWS_DEFAULT_REGION": alice.region,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    with tempfile.TemporaryDirectory() as folder:
        big = pathlib.Path(folder, "big")
        big.write_bytes(os.urandom(20 * MEBIBYTE))

        def run(*arguments):
            command = [aws, "s3", *arguments, "--endpoint-url", alice.endpoint]
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

        mine, theirs = f"s3://{alice.bucket}", f"s3://{bob.bucket}"
        check("AWS CLI: cp up, 20 MiB", run("cp", str(big), f"{mine}/cli").returncode == 0)
        check("AWS CLI: ls", " cli" in run("ls", f"{mine}/").stdout)
        check("AWS CLI: cp down", run("cp", f"{mine}/cli", f"{folder}/back").returncode == 0)
        check("AWS CLI: what went up came down", pathlib.Path(folder, "back").read_bytes() == big.read_bytes())
        check("AWS CLI: rm", run("rm", f"{mine}/cli").returncode == 0)
        check("AWS CLI: refused cp of bob's", run("cp", f"{theirs}/secret", f"{folder}/x").returncode != 0)
        for operation, *more in [
            ("list-objects-v2",),
            ("get-object", "--key", "secret", f"{folder}/x"),
            ("put-object", "--key", "x", "--body", f"{folder}/back"),
            ("delete-object", "--key", "secret"),
        ]:
            command = [aws, "--debug", "s3api", operation, "--bucket", bob.bucket, *more]
            command += ["--endpoint-url", alice.endpoint]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
            # Ceph's errors have no message, and the CLI stumbles over that: its log has the status.
            denied = done.returncode != 0 and 'HTTP/1.1" 403' in done.stderr
            check(f"AWS CLI: refused {operation} of bob's", denied, done.stderr.strip()[-200:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--token-command", required=True)
    parser.add_argument("--aws", default="aws")
    parser.add_argument("--short-sessions", action="store_true", help="the STS opens sessions of 5 s")
    options = parser.parse_args()
    alice, bob = Person(options, "alice"), Person(options, "bob")
    check("two people have two buckets", alice.bucket != bob.bucket)
    bob.s3.put_object(**bob.place.at("secret"), Body=SECRET)
    the_name(alice)
    places.own(alice.s3, alice.place, ALICES)
    places.others(alice.s3, alice.place, bob.place, BOBS)
    buckets(alice, bob)
    places.publishing(alice.s3, alice.place)
    places.dots(alice, bob.place, bob.s3, BOBS)
    trespass.trespass(alice, bob.place, bob.s3, BOBS)
    trespass.tokens(alice, bob)
    trespass.administration(alice)
    credentials(alice, bob)
    if options.short_sessions:
        expiry(alice)
    else:
        print(f"SKIPPED: expiry on {options.engine}: its shortest session is too long to wait for")
    less(alice)
    by_themselves(alice, bob)
    command_line(alice, bob, options.aws)
    table.compare(options.engine)
    finish(options.engine)


main()
