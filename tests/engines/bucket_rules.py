"""The rules that the gateway keeps on buckets (`buckets.*`), with boto3 as the gateway's own user and
with a browser's preflight.

    bucket_rules.py --gateway URL --engine NAME --token-command 'CMD %s' --cloakroom BINARY [--config FILE]

A second gateway on the same database has the rules configured. A bucket that exists gets them at its
recheck, a new one when it is made, a shared one too. The operator's own rules survive.
"""

import argparse
import time
from types import SimpleNamespace

import boto3
import requests
from botocore.client import Config
from botocore.exceptions import ClientError

from administration import CommandLine, Other, add_arguments, tag
from checks import check, finish, note
from person import Person

PAGE, EVIL = "https://console.example.com", "https://evil.example.com"
ABORT, CORS = "cloakroom-abort-multipart", "cloakroom-cors"
TIDY = {"ID": "tidy", "Filter": {"Prefix": "tmp/"}, "Status": "Enabled", "Expiration": {"Days": 30}}
READERS = {"ID": "readers", "AllowedMethods": ["GET"], "AllowedOrigins": ["https://readers.example.com"]}
ASKED = "authorization,content-type,x-amz-content-sha256,x-amz-date,x-amz-security-token"

# Who keeps which rules. MinIO has one CORS setting for all buckets and no lifecycle rule for uploads.
HAS_LIFECYCLE = ("ceph", "seaweedfs")
HAS_CORS = ("ceph", "seaweedfs", "embedded")


def configured(after, origins, console="false"):
    return {
        "CLOAKROOM_HTTP__CONSOLE": console,
        "CLOAKROOM_BUCKETS__ABORT_MULTIPART_AFTER": after,
        "CLOAKROOM_BUCKETS__CORS_ORIGINS": origins,
        "CLOAKROOM_STORAGE__BUCKET_RECHECK": "1ms",
    }


class Bucket:
    """A bucket as the gateway's own user sees it."""

    def __init__(self, world, like, name):
        self.engine, self.name, self.endpoint = world.engine, name, like.endpoint
        self.s3 = world.cloakroom.store(like, name).s3

    def lifecycle(self):
        return rules_of(lambda: self.s3.get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"])

    def cors(self):
        return rules_of(lambda: self.s3.get_bucket_cors(Bucket=self.name)["CORSRules"])

    def aborts(self):
        """After how many days parts are dropped, by our rule."""
        rules = [rule for rule in self.lifecycle() if rule.get("ID") == ABORT and rule["Status"] == "Enabled"]
        return [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules]

    def origins(self):
        return [rule["AllowedOrigins"] for rule in self.cors() if rule.get("ID") == CORS]

    def has(self, days, origins):
        lifecycle = self.engine not in HAS_LIFECYCLE or self.aborts() == days
        return lifecycle and (self.engine not in HAS_CORS or self.origins() == origins)

    def put(self, lifecycle, cors):
        if self.engine in HAS_LIFECYCLE:
            self.s3.put_bucket_lifecycle_configuration(
                Bucket=self.name, LifecycleConfiguration={"Rules": lifecycle}
            )
        if self.engine in HAS_CORS:
            self.s3.put_bucket_cors(Bucket=self.name, CORSConfiguration={"CORSRules": cors})

    def preflight(self, origin, method):
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": ASKED,
        }
        return requests.options(f"{self.endpoint}/{self.name}/key", headers=headers, timeout=20)


def rules_of(call):
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in (
            "NoSuchLifecycleConfiguration",
            "NoSuchCORSConfiguration",
            "NotImplemented",
        ):
            return []
        raise


class World:
    def __init__(self, options):
        self.options, self.engine = options, options.engine
        self.cloakroom = CommandLine(options)

    def person(self, gateway):
        options = SimpleNamespace(**{**vars(self.options), "gateway": gateway.url})
        return Person(options, "alice")

    def wait(self, name, alice, condition):
        """Asks for credentials, so that the gateway looks at the bucket, until the condition holds."""
        until = time.monotonic() + 20
        while not condition() and time.monotonic() < until:
            alice.issue()
            time.sleep(0.1)
        check(name, condition())


def new_buckets(world, gateway, alice):
    """Buckets that `org create` makes, one of its own and one that is shared."""
    for name, where in [("ruled", []), ("sharing", ["--bucket", f"{tag()}-ruled"])]:
        made = gateway.cloakroom.json("org", "create", f"{tag()}-{name}", *where)
        bucket = Bucket(world, alice, made["bucket"])
        check(f"a new bucket has the rules: {name}", bucket.has([7], [[PAGE]]))


def browsers(world, bucket, alice):
    def grants(answer, method):
        origin = answer.headers.get("Access-Control-Allow-Origin")
        methods = answer.headers.get("Access-Control-Allow-Methods", "")
        headers = answer.headers.get("Access-Control-Allow-Headers", "").lower()
        asked = all(header in headers or headers == "*" for header in ASKED.split(","))
        return answer.ok and origin in (PAGE, "*") and method in methods and asked

    for method in ["GET", "PUT", "POST", "DELETE", "HEAD"]:
        answer = bucket.preflight(PAGE, method)
        check(f"a preflight for {method} is granted", grants(answer, method), (answer.status_code, answer.headers))
    refused = "Access-Control-Allow-Origin" not in bucket.preflight(EVIL, "PUT").headers
    if world.engine in HAS_CORS:
        check("a preflight of another origin is not", refused)
    else:
        note(f"a preflight of another origin is {'refused' if refused else 'granted'}", lambda: None)
    url = presigned(alice, "put_object", alice.place.at("from-a-page"))
    answer = requests.put(url, data=b"page", headers={"Origin": PAGE}, timeout=20)
    exposed = answer.headers.get("Access-Control-Expose-Headers", "").lower()
    granted = answer.headers.get("Access-Control-Allow-Origin") in (PAGE, "*")
    check("a page may put", answer.ok and granted, (answer.status_code, answer.headers))
    check("and read the ETag", "etag" in exposed, answer.headers)


def presigned(user, operation, where):
    keys = user.keys
    s3 = boto3.client(
        "s3",
        endpoint_url=user.endpoint,
        region_name=user.region,
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
        config=user.s3.meta.config.merge(Config(signature_version="s3v4")),
    )
    return s3.generate_presigned_url(operation, Params=where)


def drift(world, bucket, alice):
    ours = {"ID": ABORT, "Filter": {"Prefix": ""}, "Status": "Enabled"}
    ours["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": 1}
    stray = {"ID": CORS, "AllowedMethods": ["GET"], "AllowedOrigins": [EVIL]}
    bucket.put([TIDY, ours], [stray, READERS])
    world.wait("changed rules are repaired", alice, lambda: bucket.has([7], [[PAGE]]))
    the_operators_are_there(world, bucket, "a repair")


def the_operators_are_there(world, bucket, after):
    if world.engine in HAS_LIFECYCLE:
        rules = [rule for rule in bucket.lifecycle() if rule.get("ID") == "tidy"]
        kept = [(rule["Expiration"]["Days"], rule["Filter"]["Prefix"]) for rule in rules]
        check(f"the operator's lifecycle rule survives {after}", kept == [(30, "tmp/")], rules)
    if world.engine in HAS_CORS:
        rules = [rule for rule in bucket.cors() if rule.get("ID") == "readers"]
        kept = [(rule["AllowedMethods"], rule["AllowedOrigins"]) for rule in rules]
        check(f"the operator's CORS rule survives {after}", kept == [(["GET"], READERS["AllowedOrigins"])], rules)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    world = World(parser.parse_args())
    with Other(world, **configured("7d", PAGE)) as gateway:
        alice = world.person(gateway)
        bucket = Bucket(world, alice, alice.bucket)
        world.wait("an existing bucket gets the rules", alice, lambda: bucket.has([7], [[PAGE]]))
        new_buckets(world, gateway, alice)
        browsers(world, bucket, alice)
        if world.engine not in HAS_CORS:
            warned = gateway.cloakroom.run("config", "check")
            warned = warned.stdout + warned.stderr
            check("`config check` warns twice", warned.count("has no effect on this store") == 2, warned)
            finish(world.engine)
        drift(world, bucket, alice)
    with Other(world, **configured("0d", "")) as gateway:
        alice = world.person(gateway)
        world.wait("the rules are removed on request", alice, lambda: bucket.has([], []))
        the_operators_are_there(world, bucket, "the removal")
    with Other(world, **configured("0d", "", console="true")) as gateway:
        alice = world.person(gateway)
        world.wait("pages of the console may use the bucket", alice, lambda: bucket.has([], [[gateway.url]]))
    finish(world.engine)


main()
