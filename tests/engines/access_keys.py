"""Access keys against a running gateway, with boto3, s3cmd and rclone. The gateway's own command line
creates them.

    access_keys.py --gateway URL --engine NAME --token-command 'CMD %s' --cloakroom BINARY
                   [--config FILE] --administration PLACE

A pair has no session token and does not expire; the engine's own users and policies restrict it. An
attack counts as refused only on a 403, as in scenario.py.
"""

import argparse
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import places
from administration import CommandLine, KeyOffice, Other, add_arguments
from capabilities import capabilities
from checks import allowed, check, finish, refused, status_of
from heirs import heirs
from person import EARLY, AccessKey, Organisation, Person, given_as_pair, is_in_time
from places import MEBIBYTE, SECRET, Place, contents
from tools import tools

ALL = ["--all-buckets-read", "--all-objects-read", "--all-objects-write"]


class World(KeyOffice):
    """Buckets that an access key opens, and others that it does not."""

    def __init__(self, options):
        super().__init__(options)
        self.options, self.bob = options, Person(options, "bob")
        # With STS enabled, RGW answers unknown keys and forbidden calls alike.
        self.dead = (403, "AccessDenied" if self.engine == "ceph" else "InvalidAccessKeyId")
        self.store = self.cloakroom.store(self.bob, "")
        self.readable, self.writable, self.both, self.neither = map(
            self.bucket, ["readable", "writable", "both", "neither"]
        )
        foreign = self.organisation("foreign", "--bucket", f"{self.tag}-foreign", "--prefix", "theirs/")
        own = self.organisation("foreign-own")
        self.foreign = Place(foreign["bucket"], foreign["prefix"])
        self.foreign_own = Place(own["bucket"], own["prefix"])
        self.foreign_key = self.key_of(foreign["slug"])
        self.bob.s3.put_object(**self.bob.place.at("secret"), Body=SECRET)
        # The first call of an organisation creates its bucket.
        for slug, place in [(foreign["slug"], self.foreign), (own["slug"], self.foreign_own)]:
            organisation = Organisation(self.gateway, self.key_of(slug, []), self.bob.endpoint)
            organisation.s3.put_object(**place.at("secret"), Body=SECRET)
        self.strangers = [
            (self.neither, "a bucket that is not the key's"),
            (self.bob.place, "a person's bucket"),
            (self.foreign, "another organisation's prefix"),
            (self.foreign_own, "another organisation's bucket"),
        ]
        self.rights = [
            *["--read-bucket", self.readable.bucket, "--read-bucket", self.both.bucket],
            *["--write-bucket", self.writable.bucket, "--write-bucket", self.both.bucket],
        ]
        self.key = self.make(*self.rights)
        # A key that reads also reads the objects that other users of the store have put.
        reads = [("--read-bucket", place.bucket) for place in [self.readable, self.writable, self.both]]
        self.reader = self.make(*itertools.chain(*reads)).rotate()

    def opened(self):
        return {"readable": self.readable, "writable": self.writable, "both": self.both}

    def bucket(self, name):
        """Creates a bucket that has no owner in the registry, with two objects in it."""
        place = Place(f"{self.tag}-lasting-{name}")
        self.store.s3.create_bucket(Bucket=place.bucket)
        if self.engine in ("ceph", "seaweedfs"):
            # docs/engines/: no policy prevents every way of publishing an object.
            closed = {"IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
            self.store.s3.put_public_access_block(
                Bucket=place.bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False, **closed}
            )
        self.store.s3.put_object(**place.at("plain"), Body=b"plain")
        self.store.s3.put_object(**place.at("secret"), Body=SECRET)
        return place


def refuses(what, done, says):
    good = done.returncode == 1 and says in done.stderr and not done.stdout
    check(f"`access-key create` refuses {what}", good, (done.returncode, done.stdout, done.stderr))


def created(world):
    """The command line creates a key, and refuses keys that open other owners' storage."""
    made, slug = world.key.made, world.slug
    check("a new access key is pending", made["state"] == "pending", made)
    run, create = world.cloakroom.run, ["access-key", "create", "--name", "thief", "--org", slug]
    before = world.cloakroom.json("access-key", "list")
    free = "0" * 62 + "f"
    for what, bucket in [
        ("a person's bucket", world.bob.bucket),
        ("a bucket that a person may come to own", free),
        ("a bucket with another organisation's prefix", world.foreign.bucket),
        ("another organisation's bucket", world.foreign_own.bucket),
    ]:
        for right in ["--read-bucket", "--write-bucket"]:
            refuses(f"{what} ({right})", run(*create, "--read-bucket", world.both.bucket, right, bucket), bucket)
    for right in ALL:
        refuses(f"{right} without access_keys.bucket_prefix", run(*create, right), "access_keys.bucket_prefix")
    refuses("a key that opens nothing", run(*create), "nothing")
    after = world.cloakroom.json("access-key", "list")
    check("what was refused was not made", after == before, after)


def asked(world):
    """Only the owner's API key with the scope gets a pair."""
    key = world.key
    for what, api_key, expected in [
        ("an API key without the scope", world.key_of(world.slug, []), (403, "scope_not_granted")),
        ("another organisation's API key", world.foreign_key, (403, "permission_denied")),
        ("an unknown API key", "ck_" + "x" * 60, (403, "invalid_api_token")),
    ]:
        answer = key.ask(api_key)
        check(f"no pair for {what}", answer == expected, answer)
    # Checked before the first pair: the refused calls must have left nothing.
    check("refused calls create nothing at the engine", not world.known([key.id]))
    start = time.monotonic()
    status, answer = key.ask()
    check("a pair is given, active or after 2 s", status == 200 and is_in_time(answer, start), answer)
    shown = {name: answer[name] for name in ["id", "name", "read_buckets", "write_buckets"]}
    check("the answer says what the key opens", shown.items() <= key.made.items(), shown)
    check("without a session token", not [name for name in answer if "token" in name], list(answer))


def opened(world):
    """The pair opens the key's buckets and no others, with boto3."""
    pair, store = world.key.rotate(), world.store.s3
    readable, writable, both = world.readable, world.writable, world.both
    pair.place = both
    before = {place: contents(store, place) for place in [readable, world.neither]}
    places.own(pair.s3, both, "the bucket for both")
    places.only_reads(pair.s3, readable, "in the readable bucket")
    only_writes(pair.s3, writable, store)
    copies(pair.s3, world)
    for place, whose in world.strangers:
        places.others(pair.s3, both, place, whose)
        places.dots(pair, place, store, whose, prefixes_climb=world.engine == "seaweedfs")
    places.buckets(pair.s3, readable, writable, both)
    places.publishing(pair.s3, both)
    for name, place in world.opened().items():
        places.configuration(pair.s3, place, "plain", f"the bucket to be {name}")
    for place, was in before.items():
        check(f"{place.bucket} is as it was", contents(store, place) == was)


def only_writes(s3, mine, store):
    allowed("put in the writable bucket", lambda: s3.put_object(**mine.at("plain"), Body=b"mine"))
    allowed("list the writable bucket", lambda: s3.list_objects_v2(**mine.listed()))
    for key, whose in [("secret", "another's"), ("plain", "one's own")]:
        refused(f"get {whose} object in the writable bucket", lambda: s3.get_object(**mine.at(key)))
        refused(f"head {whose} object in the writable bucket", lambda: s3.head_object(**mine.at(key)))
        source = mine.at(key)
        refused(f"copy {whose} within the writable bucket", lambda: s3.copy_object(**mine.at("x"), CopySource=source))
    upload = s3.create_multipart_upload(**mine.at("big"))["UploadId"]
    part = s3.upload_part(**mine.at("big"), UploadId=upload, PartNumber=1, Body=bytes(5 * MEBIBYTE))
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    allowed(
        "multipart upload to the writable bucket",
        lambda: s3.complete_multipart_upload(**mine.at("big"), UploadId=upload, MultipartUpload=parts),
    )
    check("what was put is there", {"plain", "big"} <= set(contents(store, mine)))
    allowed("delete in the writable bucket", lambda: s3.delete_object(**mine.at("big")))
    check("what was deleted is gone", "big" not in contents(store, mine))


def copies(s3, world):
    """A copy needs the right to get at its source and the right to put at its target."""
    here = world.opened()
    for source, from_place in here.items():
        for target, to_place in here.items():
            good = source != "writable" and target != "readable"
            (allowed if good else refused)(
                f"copy from {source} to {target}",
                lambda: s3.copy_object(**to_place.at("copied"), CopySource=from_place.at("plain")),
            )


def living(world, pairs):
    """The access key ids of the pairs that can still list."""
    listing = world.both.listed()
    listed = {pair.keys["accessKeyId"]: status_of(lambda: pair.s3.list_objects_v2(**listing)) for pair in pairs}
    strange = [seen for seen in listed.values() if seen not in [(200, ""), world.dead]]
    check("a pair lists, or is unknown at the store", not strange, strange)
    return [key_id for key_id, seen in listed.items() if seen == (200, "")]


def rotation(world):
    key = world.make(*world.rights)
    first = key.rotate()
    check("the first pair lives", len(living(world, [first])) == 1)
    second = key.rotate()
    alive = living(world, [first, second])
    check("the old pair is dead when the new one is answered", alive == [second.keys["accessKeyId"]], alive)
    check("the engine has that one only", world.broker.pairs(key.id) == alive, world.broker.pairs(key.id))
    under_load(world, key, [first, second])


def under_load(world, key, pairs):
    """Rotates ten times three at once, while two clients list with the newest pair."""
    place, refusals, answers, over = world.both, [], [], []
    # When each listing began, the access key id of its pair, and the answer.
    seen = []

    def listing():
        while not over:
            began, pair = time.monotonic(), pairs[-1]
            answer = status_of(lambda: pair.s3.list_objects_v2(**place.listed()))
            seen.append((began, pair.keys["accessKeyId"], answer))
            time.sleep(0.02)

    def at_rest():
        """The answers of the next two listings; fewer if a client has ended or takes a minute."""
        since = time.monotonic()
        while True:
            answered = [answer for began, _, answer in seen if began > since]
            ended = any(looker.done() for looker in looking) or time.monotonic() > since + 60
            if len(answered) >= 2 or ended:
                return answered
            time.sleep(0.02)

    def rotating():
        start = time.monotonic()
        status, answer = key.ask()
        if status == 200:
            answers.append(is_in_time(answer, start))
            pairs.append(given_as_pair(answer))
        else:
            refusals.append((status, answer))

    def retrying():
        pairs.append(key.rotate())

    with ThreadPoolExecutor() as pool:
        looking = [pool.submit(listing) for _ in range(2)]
        try:
            for number in range(1, 11):
                for done in [pool.submit(way) for way in [rotating, rotating, retrying]]:
                    done.result()
                alive = living(world, pairs)
                check(f"round {number}: exactly one pair of {len(pairs)} lives", len(alive) == 1, alive)
                kept = world.broker.pairs(key.id)
                check(f"round {number}: the engine has that one only", kept == alive, (kept, alive))
                # It was made in this round, so whatever it was refused, it was refused while it lived.
                wrong = [answer for _, key_id, answer in seen if key_id in alive and answer != (200, "")]
                check(f"round {number}: that one has listed each time", not wrong, wrong)
                # The living pair is the newest, whichever call was answered last.
                pairs[:] = sorted(pairs, key=lambda pair: pair.keys["accessKeyId"] in alive)
                answered = at_rest()
                check(f"round {number}: nothing rotates, and it lists", set(answered) == {(200, "")}, answered)
        finally:
            over.append(True)
        for looker in looking:
            looker.result()
    check("rotations under load are in time", answers and all(answers), answers)
    check("or come too early", set(refusals) == {EARLY}, refusals)
    # A pair that dies after MinIO has verified the signature has no policy any more: AccessDenied.
    others = {answer for *_, answer in seen} - {(200, ""), world.dead, (403, "AccessDenied")}
    check(f"of {len(seen)} listings meanwhile none failed but for a dead pair", not others, others)


def ended(world):
    """Disabled and deleted keys end at once, and `delete` leaves nothing at the engine."""
    for command, code in [
        ("disable", (403, "permission_denied")),
        ("delete", (404, "object_storage_access_key_not_found")),
    ]:
        key = world.make(*world.rights)
        pairs = [key.rotate(), key.rotate()]
        names = [key.id, *(pair.keys["accessKeyId"] for pair in pairs)]
        known = world.known(names)
        check(f"before `{command}` the engine knows key and pair", known == [names[0], names[2]], known)
        world.end(command, key)
        check(f"after `{command}` no pair lives", living(world, pairs) == [])
        check(f"after `{command}` no new one is given", key.ask() == code, key.ask())
        if command == "disable":
            check("after `disable` the engine has no pair", world.broker.pairs(key.id) == [])
            shown = world.cloakroom.json("access-key", "show", key.id)
            check("`show` says that it is disabled", shown["state"] == "disabled", shown)
            world.end("delete", key)
        left = world.known(names)
        check(f"after `delete` nothing is left at the engine ({command})", not left, left)
        listed = [row["id"] for row in world.cloakroom.json("access-key", "list")]
        check("and `list` shows it no more", key.id not in listed and world.key.id in listed, listed)


def owners(world):
    """An organisation's access key and its sessions share the organisation's bucket. The key's objects
    stay readable after the key is deleted."""
    own = world.organisation("lasting-own")
    place, api_key = Place(own["bucket"], own["prefix"]), world.key_of(own["slug"])
    session = Organisation(world.gateway, world.key_of(own["slug"], []), world.bob.endpoint).s3
    session.put_object(**place.at("by-session"), Body=b"session")
    create = ["access-key", "create", "--name", "own", "--org", own["slug"]]
    rights = ["--read-bucket", place.bucket, "--write-bucket", place.bucket]
    key = AccessKey(world.gateway, api_key, world.cloakroom.json(*create, *rights))
    pair = key.rotate().s3
    got = pair.get_object(**place.at("by-session"))["Body"].read()
    check("the owner's key gets what a session has put", got == b"session", got)
    pair.put_object(**place.at("by-key"), Body=b"key")
    left = lambda s3: s3.get_object(**place.at("by-key"))["Body"].read()
    check("a session gets what the owner's key has put", left(session) == b"key")
    world.end("delete", key)
    check("also when the key is deleted", left(session) == b"key")
    newer = AccessKey(world.gateway, api_key, world.cloakroom.json(*create, *rights)).rotate().s3
    check("and so does another key of the owner's", left(newer) == b"key")
    allowed("which deletes it", lambda: newer.delete_object(**place.at("by-key")))


def bucket_changes_hands(world):
    """A bucket becomes an organisation's after an access key was created for it."""
    name = f"{world.tag}-lasting-later"
    key = world.make("--read-bucket", name, "--write-bucket", name)
    pair = key.rotate()
    done = world.cloakroom.run("org", "create", f"{world.tag}-later", "--bucket", name, "--prefix", "theirs/")
    if done.returncode != 0:
        check("`org create` refuses a bucket of an access key", name in done.stderr, done.stderr)
        return
    newcomer = Organisation(world.gateway, world.key_of(f"{world.tag}-later", []), world.bob.endpoint)
    newcomer.s3.put_object(**newcomer.place.at("secret"), Body=SECRET)
    refused("get what has become another's", lambda: pair.s3.get_object(**newcomer.place.at("secret")))
    answer = key.ask()
    check("no new pair to what has become another's", answer[0] == 422, answer)


def wide(world):
    """Every bucket that begins with `access_keys.bucket_prefix`, and no other."""
    prefix = f"{world.tag}-lasting-wide-"
    name = "CLOAKROOM_ACCESS_KEYS__BUCKET_PREFIX"
    lockers = CommandLine(world.options)
    lockers.environment[name] = "ab"
    done = lockers.run("access-key", "list")
    check("a bucket_prefix that people's buckets may have is refused", done.returncode == 64, done.stderr)
    with Other(world, **{name: prefix}) as other:
        keys = [wide_key(world, other, right) for right in ALL]
        answer = AccessKey(world.gateway, world.api_key, keys[0].made).ask()
        check("a gateway without bucket_prefix gives no pair of such a key", answer[0] == 422, answer)
        inside = [world.bucket("wide-one"), world.bucket("wide-two")]
        beside = world.bucket("wide")
        strangers = [(beside, "a bucket beside the prefix"), (world.both, "another key's bucket"), *world.strangers]
        for key, may in zip(keys, ["list", "get", "put"]):
            pair = key.rotate()
            for place in inside:
                tried(pair.s3, place, f"{place.bucket}, as one who may {may}", may)
            for place, whose in strangers:
                tried(pair.s3, place, f"{whose}, as one who may {may} in all", None)
            places.configuration(pair.s3, inside[0], "plain", f"a bucket of all, as one who may {may}")
            create = lambda: pair.s3.create_bucket(Bucket=f"{prefix}new")
            refused(f"create a bucket under the prefix, as one who may {may}", create)
        done = other.cloakroom.run("org", "create", f"{world.tag}-wide", "--bucket", f"{prefix}org")
        good = done.returncode == 1 and "access_keys.bucket_prefix" in done.stderr
        check("`org create` refuses a bucket under the prefix", good, done.stderr)


def wide_key(world, other, right):
    create = ["access-key", "create", "--name", "wide", "--org", world.slug, right]
    return AccessKey(other.url, world.api_key, other.cloakroom.json(*create))


def tried(s3, place, where, may):
    """One right allows its operations and no others."""
    for what, call in [
        ("list", lambda: s3.list_objects_v2(**place.listed())),
        ("get", lambda: s3.get_object(**place.at("secret"))),
        ("put", lambda: s3.put_object(**place.at("plain"), Body=b"plain")),
    ]:
        (allowed if what == may else refused)(f"{what} in {where}", call)
    delete = lambda: s3.delete_object(**place.at("nothing"))
    (allowed if may == "put" else refused)(f"delete in {where}", delete)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--administration", required=True, help="see brokers.py")
    options = parser.parse_args()
    world = World(options)
    created(world)
    asked(world)
    capabilities(world)
    opened(world)
    heirs(world)
    tools(world)
    rotation(world)
    ended(world)
    owners(world)
    bucket_changes_hands(world)
    wide(world)
    finish(f"{options.engine}, access keys")


main()
