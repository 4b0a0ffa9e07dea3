"""`cloakroom erase` and `export` on a real engine: killed in the middle, run again, and looked at with the
engine's own administrator.

    erase.py --gateway URL --engine NAME --token-command 'CMD %s' --cloakroom BINARY --administration WHERE
             [--config FILE]

ERASE_OBJECTS objects (700 by default) get three versions each where the engine has versions, and five
uploads are left open. A second owner shares nothing with the first, a neighbour its bucket.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from botocore.exceptions import ClientError

from administration import CommandLine, add_arguments, tag
from brokers import broker
from checks import allowed, check, finish, refused
from person import Person, StoreUser, token_of
from places import Place

OBJECTS = int(os.environ.get("ERASE_OBJECTS", "700"))
VERSIONS = 3
UPLOADS = 5
ODD_KEYS = ["a b+c%20&ü=?", "x/", "folder/" * 40 + "deep", "percent%2Fencoded", "'\"<>"]
LOCKED = datetime.timedelta(seconds=30)


class World:
    def __init__(self, options):
        self.options, self.engine = options, options.engine
        self.cloakroom = CommandLine(options)
        self.cloakroom.timeout = 3600
        self.broker = broker(options)
        self.has_versions = options.engine != "embedded"


# What the engine's own administrator sees.


def rados(world, *arguments):
    command = ["radosgw-admin", "-c", world.options.administration, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def is_known_to_engine(world, bucket):
    """Whether the engine's own administrator still knows the bucket."""
    where = Path(world.options.administration)
    if world.engine == "ceph":
        return bucket in json.loads(rados(world, "bucket", "list").stdout)
    if world.engine == "minio":
        return any(bucket in str(found) for found in where.joinpath("data").glob(f"{bucket}*"))
    if world.engine == "seaweedfs":
        return bucket in world.broker.run("fs.ls /buckets") + world.broker.run("collection.list")
    return (where / "storage" / bucket).exists() or any((where / "storage").glob(f"**/{bucket}"))


def entries_of_engine(world, bucket, prefix=""):
    """What the engine's own administrator sees below the prefix, or None where it has no such list."""
    where = Path(world.options.administration)
    if world.engine == "ceph":
        listed = json.loads(rados(world, "bucket", "list", f"--bucket={bucket}", "--max-entries=100000").stdout)
        # Ceph keeps the parts of uploads under a name of their own.
        return [entry["name"] for entry in listed if prefix in entry["name"]]
    if world.engine == "minio":
        found = where.joinpath("data", bucket, prefix).rglob("xl.meta")
        return [str(name) for name in found]
    if world.engine == "seaweedfs":
        # It removes empty folders by itself, minutes later.
        tree = world.broker.run(f"fs.tree /buckets/{bucket}/{prefix}")
        return [line for line in tree.splitlines() if "files" in line and ", 0 files" not in line]
    return None


# What is stored.


def in_parallel(do, items):
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        for done in concurrent.futures.as_completed([threads.submit(do, item) for item in items]):
            done.result()


def fill(store, place, objects, versions, uploads=UPLOADS):
    def put(number):
        for version in range(versions):
            store.s3.put_object(**place.at(f"folder-{number % 7}/object-{number:05}"), Body=b"%d" % version * 100)

    in_parallel(put, range(objects))
    for key in ODD_KEYS:
        for _ in range(versions):
            store.s3.put_object(**place.at(key), Body=b"odd")
    for number in range(objects // 10):
        if versions > 1:
            store.s3.delete_object(**place.at(f"folder-{number % 7}/object-{number:05}"))
    for number in range(uploads):
        at = place.at(f"large-{number}")
        upload = store.s3.create_multipart_upload(**at)["UploadId"]
        store.s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"part" * 1024)


def number_of(store, place):
    """How many versions, delete markers and uploads there are."""
    counted = 0
    try:
        if store.has_versions:
            for page in store.s3.get_paginator("list_object_versions").paginate(**place.listed()):
                counted += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        else:
            for page in store.s3.get_paginator("list_objects_v2").paginate(**place.listed()):
                counted += len(page.get("Contents", []))
        uploads = store.s3.list_multipart_uploads(Bucket=place.bucket).get("Uploads", [])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchBucket", error
        return 0
    return counted + sum(upload["Key"].startswith(place.prefix) for upload in uploads)


def store_of(world, like, bucket):
    store = world.cloakroom.store(like, bucket)
    store.has_versions = world.has_versions
    return store


def erase(world, owner, *arguments, code=0):
    done = world.cloakroom.run("erase", "--owner", owner, *arguments, "--json")
    check(f"`erase --owner {owner} {' '.join(arguments)}` ends with {code}", done.returncode == code,
          f"{done.returncode} {done.stderr[-600:]}")
    return json.loads(done.stdout) if done.stdout else {}


def killed_in_the_middle(world, owner, store, place, total):
    """Starts an erasure and kills it once something is gone. Returns how much is left."""
    command = [world.cloakroom.program, "erase", "--owner", owner, "--yes"]
    if world.cloakroom.file:
        command += ["--config", world.cloakroom.file]
    process = subprocess.Popen(
        command, env=world.cloakroom.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    said = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
    reader.start()
    while process.poll() is None and not any(line.startswith("empty ") for line in said):
        time.sleep(0.01)
    # It is stopped while it is looked at: the store might answer only once it is done.
    process.send_signal(signal.SIGSTOP)
    while process.poll() is None and number_of(store, place) == total:
        process.send_signal(signal.SIGCONT)
        time.sleep(0.005)
        process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGKILL)
    process.wait()
    reader.join()
    left = number_of(store, place)
    check(f"{owner}: killed by a signal", process.returncode == -signal.SIGKILL, "".join(said))
    return left


def a_person(world):
    options = world.options
    # No other suite knows her.
    erin, bob = Person(options, "erin"), Person(options, "bob")
    claims = erin.claims()
    client = claims.get("client_id") or claims["azp"]
    owner, place = f"{client}/{claims['sub']}", erin.place
    store, other = store_of(world, erin, erin.bucket), store_of(world, bob, bob.bucket)
    if world.has_versions:
        store.s3.put_bucket_versioning(Bucket=erin.bucket, VersioningConfiguration={"Status": "Enabled"})
    before = number_of(store, place)
    versions = VERSIONS if world.has_versions else 1
    start = time.monotonic()
    fill(store, place, OBJECTS, versions)
    print(f"note  erase: {world.engine}: filled in {time.monotonic() - start:.1f} s", flush=True)
    kept = number_of(other, bob.place)
    total = number_of(store, place)
    markers = OBJECTS // 10 if versions > 1 else 0
    added = (OBJECTS + len(ODD_KEYS)) * versions + markers + UPLOADS
    if world.engine in ("minio", "seaweedfs"):
        added -= versions - 1  # They keep no versions of a key that ends in a slash.
    check("the store has what was put", total - before == added, f"{total} - {before}, {added}")

    plan = erase(world, owner)
    found = plan["places"][0]["found"]
    counted = found["versions"] + found["delete_markers"] + found["uploads"]
    check("the dry run counts what is there", counted == total, f"{found}, {total}")
    check("the dry run deletes nothing", number_of(store, place) == total)

    left = killed_in_the_middle(world, owner, store, place, total)
    check("the kill came in the middle", 0 < left < total, f"{left} of {total}")
    start = time.monotonic()
    done = erase(world, owner, "--yes", "--wait")
    took = time.monotonic() - start
    print(f"note  erase: {world.engine}: {total - left} before the kill, {left} after it in {took:.1f} s", flush=True)
    check("a second run finishes what the first began", done.get("outcome") == "erased", done)
    check("nothing is left", number_of(store, place) == 0)
    refused("the bucket is gone", lambda: store.s3.head_bucket(Bucket=erin.bucket), (404,))
    check("the engine's administrator knows no such bucket", not is_known_to_engine(world, erin.bucket))
    check("another owner has what they had", number_of(other, bob.place) == kept)
    again = erase(world, owner, "--yes")
    check("a third run says that it is done", again.get("outcome") == "erased before", again)

    rows = world.cloakroom.json("audit", "--owner", done["pseudonym"], "--limit", "100000")
    named = [row for row in rows if claims["sub"] in json.dumps(row)]
    check("the audit trail has the pseudonym", len(rows) > 0 and not named, named[:1])
    check("and not the person", world.cloakroom.json("audit", "--owner", owner) == [])
    comes_back(world, erin, owner, store)


def comes_back(world, erin, owner, store):
    # The first token may have expired meanwhile.
    erin.token = token_of(world.options, "erin")
    status, _ = erin.ask()
    check("an erased owner is refused", status == 403, status)
    done = world.cloakroom.run("unblock", "--owner", owner)
    check("`unblock` warns of sessions from before", done.returncode == 1 and "sessions from before" in done.stderr, done.stderr)
    done = world.cloakroom.run("unblock", "--owner", owner, "--now")
    check("`unblock --now` ends well", done.returncode == 0, done.stderr)
    answer = erin.issue_first()
    check("an owner who is let in again gets the same bucket", answer["bucket"] == erin.bucket)
    allowed("the bucket is there again", lambda: store.s3.head_bucket(Bucket=erin.bucket))
    check("and it is empty", number_of(store, erin.place) == 0)


def a_neighbour(world):
    """Two organisations in a bucket whose objects can be locked, where the engine has locks."""
    bucket = f"{tag()}-erase"
    like = Person(world.options, "bob")
    store = store_of(world, like, bucket)
    locks = world.has_versions
    # Ceph enables locks only when it makes a bucket, and SeaweedFS takes such a bucket for another's.
    if locks and world.engine != "seaweedfs":
        store.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    acme, evil = f"{tag()}-gone", f"{tag()}-gone-not"
    for slug in [acme, evil]:
        world.cloakroom.json("org", "create", slug, "--bucket", bucket)
    if world.engine == "seaweedfs":
        store.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        lock = {"ObjectLockEnabled": "Enabled"}
        store.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    ours, theirs = Place(bucket, f"{acme}/"), Place(bucket, f"{evil}/")
    versions = VERSIONS if world.has_versions else 1
    for place in [ours, theirs]:
        fill(store, place, 20, versions)
    theirs_before = number_of(store, theirs)
    exported(world, acme, store, ours, theirs)
    if locks:
        locked(world, acme, store, ours)
    else:
        done = erase(world, acme, "--yes", "--wait")
        check("an organisation is erased", done["outcome"] == "erased", done)
    check("nothing is left below the prefix", number_of(store, ours) == 0)
    check("the neighbour has what it had", number_of(store, theirs) == theirs_before)
    seen = entries_of_engine(world, bucket, ours.prefix)
    check("the engine's administrator sees nothing below the prefix", not seen, (seen or [])[:3])


def locked(world, slug, store, place):
    until = datetime.datetime.now(datetime.UTC) + LOCKED
    end = until.replace(microsecond=0).isoformat()
    for key, lock in [
        ("governed", {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until + datetime.timedelta(days=1)}),
        ("complied", {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}),
        ("held", {"ObjectLockLegalHoldStatus": "ON"}),
    ]:
        store.s3.put_object(**place.at(key), Body=b"x", **lock)
    done = erase(world, slug, "--yes", "--wait", code=1)
    kept = {entry["key"].removeprefix(place.prefix): entry for entry in done["places"][0]["kept"]}
    check("three locked versions stay", sorted(kept) == ["complied", "governed", "held"], kept)
    if len(kept) == 3:
        check("a compliance lock is reported with its date",
              kept["complied"]["why"].startswith("compliance lock until ")
              and kept["complied"]["until"][:19] == end[:19], kept["complied"])
        check("a governance lock is reported", kept["governed"]["why"].startswith("governance lock"), kept["governed"])
        check("a legal hold is reported", kept["held"]["why"] == "legal hold", kept["held"])
    store.s3.put_object_legal_hold(**place.at("held"), LegalHold={"Status": "OFF"})
    done = erase(world, slug, "--yes", "--wait", "--bypass-governance", code=1)
    kept = [entry["key"].removeprefix(place.prefix) for entry in done["places"][0]["kept"]]
    check("--bypass-governance passes the governance lock only", kept == ["complied"], kept)
    left = (until - datetime.datetime.now(datetime.UTC)).total_seconds()
    time.sleep(max(left, 0) + 2)
    done = erase(world, slug, "--yes", "--wait")
    check("it is erased when the compliance lock has ended", done["outcome"] == "erased", done)


def exported(world, owner, store, place, neighbours):
    given = world.cloakroom.json("export", "--owner", owner, "--for", "1h")
    keys = {
        "accessKeyId": given["AccessKeyId"],
        "secretAccessKey": given["SecretAccessKey"],
        "sessionToken": given["SessionToken"],
    }
    reader = StoreUser(given["Endpoint"], given["Region"], keys, place)
    listed = reader.s3.list_objects_v2(**place.listed())
    check("an export lists the owner's objects", listed["KeyCount"] > 0)
    key = listed["Contents"][-1]["Key"]
    check("an export reads them", reader.s3.get_object(Bucket=place.bucket, Key=key)["Body"].read() is not None)
    refused("an export that writes", lambda: reader.s3.put_object(**place.at("x"), Body=b"x"))
    refused("an export that deletes", lambda: reader.s3.delete_object(Bucket=place.bucket, Key=key))
    refused("an export that reads a neighbour's", lambda: reader.s3.get_object(**neighbours.at(ODD_KEYS[1])))
    rows = world.cloakroom.json("audit", "--access-key", given["AccessKeyId"])
    check("an export has an audit row", [row["action"] for row in rows] == ["export"], rows)
    done = world.cloakroom.run("revoke", "--owner", owner)
    check("`revoke --owner` ends well", done.returncode == 0, done.stderr)
    refused("an export that was revoked", lambda: reader.s3.list_objects_v2(**place.listed()))


def main():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--administration", required=True)
    world = World(parser.parse_args())
    a_neighbour(world)
    a_person(world)
    finish("erase")


main()
