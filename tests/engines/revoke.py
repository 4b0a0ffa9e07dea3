"""Ends sessions with `cloakroom revoke`, and refuses people with `cloakroom block`, on a real store.

    revoke.py --gateway URL --engine NAME --token-command 'CMD %s' --cloakroom BINARY [--config FILE]
              [--second URL]

Measures the seconds from the command to the first refusal, and checks that others' sessions go on.
"""

import argparse
import json
import threading
import time

from botocore.exceptions import ClientError

from administration import CommandLine, add_arguments, tag
from checks import allowed, check, finish, refused, status_of
from person import Member, Person, ask

# MinIO revokes all sessions of an owner; it cannot tell the members of a workspace apart.
KNOWS_OWNERS_ONLY = ("minio",)

THEIRS = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectTorrent"}


class Watch(threading.Thread):
    """Lists with a session over and over, and notes the first refusal."""

    def __init__(self, user):
        super().__init__(daemon=True)
        self.user, self.refused_at, self.wrong = user, None, None
        self.began = time.monotonic()

    def run(self):
        while self.refused_at is None and time.monotonic() - self.began < 30:
            status, code = status_of(lambda: self.user.s3.list_objects_v2(**self.user.place.listed()))
            if status == 403:
                self.refused_at = time.monotonic()
            elif status != 200:
                self.wrong = (status, code)
            time.sleep(0.02)

    def seconds(self):
        self.join(30)
        return None if self.refused_at is None else round(self.refused_at - self.began, 2)


class World:
    def __init__(self, options):
        self.options, self.engine, self.tag = options, options.engine, tag()
        self.gateways = [url for url in [options.gateway, options.second] if url]
        self.cloakroom = CommandLine(options)
        self.alice, self.bob = Person(options, "alice"), Person(options, "bob")
        for user in [self.alice, self.bob]:
            user.s3.put_object(**user.place.at("mine"), Body=b"mine")
        self.client = self.alice.claims().get("client_id") or self.alice.claims()["azp"]
        self.name = f"{self.client}/{self.alice.claims()['sub']}"
        self.organisation = f"{self.tag}-revoke"
        self.cloakroom.json("org", "create", self.organisation)
        self.workspace = f"{self.organisation}/research"
        self.cloakroom.json("workspace", "create", self.workspace)
        for user in [self.alice, self.bob]:
            subject = user.claims()["sub"]
            self.cloakroom.json("workspace", "add-member", self.workspace, "--subject", subject)

    def member(self, user):
        return Member(self.gateways[0], user.token, self.workspace)

    def again(self, user):
        """The same person with new credentials."""
        return Person(self.options, "alice" if user is self.alice else "bob")

    def revoke(self, *whom):
        """Returns what the command says, and the seconds until the session of `watched` is refused."""
        return self.cloakroom.json("revoke", *whom)


def works(name, user):
    allowed(name, lambda: user.s3.list_objects_v2(**user.place.listed()))


def fails(name, user):
    refused(name, lambda: user.s3.list_objects_v2(**user.place.listed()))


def own_storage(world):
    old, other = world.again(world.alice), world.again(world.bob)
    works("a session before it is revoked", old)
    watch = Watch(old)
    watch.start()
    said = world.revoke("--owner", world.name)
    seconds = watch.seconds()
    print(f"note  revoke: {world.engine}: refused {seconds} s after the command was started")
    check("the command says that it was immediate", [one["revoked"] for one in said] == ["immediate"], said)
    check("the session is refused within 10 s, and nothing else came before", seconds is not None
          and seconds < 10 and watch.wrong is None, (seconds, watch.wrong))
    for what, call in [
        ("get", lambda: old.s3.get_object(**old.place.at("mine"))),
        ("put", lambda: old.s3.put_object(**old.place.at("new"), Body=b"new")),
        ("delete", lambda: old.s3.delete_object(**old.place.at("mine"))),
    ]:
        refused(f"{what} by the revoked session", call)
    works("another's session goes on", other)
    new = world.again(world.alice)
    works("a new session", new)
    allowed("get by the new session", lambda: new.s3.get_object(**new.place.at("mine")))
    fails("the revoked session stays revoked", old)


def shared_storage(world):
    hers, his = world.member(world.alice), world.member(world.bob)
    own = world.again(world.alice)
    said = world.revoke("--caller", world.name)
    fails("a caller's session in a workspace", hers)
    fails("and the one in their own bucket", own)
    others = [one["others"] for one in said if one["owner"] == f"workspace {world.workspace}"]
    if world.engine in KNOWS_OWNERS_ONLY:
        check("the command says that others' sessions were ended, too", others == [True], said)
        fails("another member's session", his)
    else:
        check("the command says that others' sessions go on", others == [False], said)
        works("another member's session goes on", his)
    works("the caller's new session in the workspace", world.member(world.alice))
    works("the other member's new session", world.member(world.bob))


def one_session(world):
    first, second = world.again(world.alice), world.again(world.alice)
    world.revoke("--access-key", first.keys["accessKeyId"])
    fails("the session with this access key id", first)
    if world.engine in KNOWS_OWNERS_ONLY:
        fails("the owner's other session", second)
    else:
        works("the same person's other session goes on", second)
    done = world.cloakroom.run("revoke", "--access-key", "ASIANOSUCHSESSION")
    good = done.returncode == 1 and "no live session" in done.stderr
    check("an unknown access key id is an error", good, done.stderr)


def by_the_person(world):
    old, other = world.again(world.alice), world.again(world.bob)
    headers = {"Authorization": f"Bearer {world.alice.token}"}
    status, answer = ask("POST", f"{world.gateways[-1]}/v1/credentials/revoke", headers)
    good = status == 200 and answer["revoked"] == "immediate" and sorted(answer) == ["by", "revoked"]
    check("a person ends their own sessions", good, (status, answer))
    fails("the person's session from before", old)
    works("another's session goes on", other)
    works("a new session", world.again(world.alice))


def blocks(world):
    held = world.again(world.alice)
    for whom in [["--caller", world.name], ["--owner", world.name], ["--client", world.client]]:
        done = world.cloakroom.run("block", *whom, "--reason", "the suite")
        check(f"block {whom[0]}", done.returncode == 0, done.stderr)
        seen = [ask("POST", f"{url}/v1/credentials", {"Authorization": f"Bearer {world.alice.token}"})
                for url in world.gateways]
        statuses = [status for status, _ in seen]
        check(f"403 at each of {len(seen)} gateways: {whom[0]}", set(statuses) == {403}, statuses)
        leaked = [body for _, body in seen if b"suite" in body]
        check("the answer does not tell the reason", not leaked, leaked)
        listed = world.cloakroom.json("block", "--list")
        check("the list has the block", any(one["reason"] == "the suite" for one in listed), listed)
        done = world.cloakroom.run("unblock", *whom)
        check(f"unblock {whom[0]}", done.returncode == 0, done.stderr)
        for url in world.gateways:
            status, _ = ask("POST", f"{url}/v1/credentials", {"Authorization": f"Bearer {world.alice.token}"})
            check(f"200 again: {whom[0]}", status == 200, status)
    works("what was out before the block goes on", held)


def policies(world):
    """An operator's own statement in a bucket's policy survives."""
    if world.engine not in ("ceph", "seaweedfs"):
        return
    root = world.cloakroom.store(world.alice, world.alice.bucket).s3
    arn = f"arn:aws:s3:::{world.alice.bucket}/*"
    theirs = {"Version": "2012-10-17", "Statement": [{**THEIRS, "Resource": [arn], "Action": ["s3:GetObjectAcl"]}]}
    try:
        before = json.loads(root.get_bucket_policy(Bucket=world.alice.bucket)["Policy"])
    except ClientError:
        before = {"Version": "2012-10-17", "Statement": []}
    before["Statement"] += theirs["Statement"]
    root.put_bucket_policy(Bucket=world.alice.bucket, Policy=json.dumps(before))
    world.revoke("--owner", world.name)
    after = json.loads(root.get_bucket_policy(Bucket=world.alice.bucket)["Policy"])["Statement"]
    ids = [statement.get("Sid", "") for statement in after]
    check("the operator's statement is still there", ids.count("Theirs") == 1, after)
    ours = [one for one in ids if one.startswith("CloakroomRevoked")]
    check("one statement revokes an owner, however often", len(ours) == len(set(ours)), ids)
    check("ours only deny", all(one["Effect"] == "Deny" for one in after), after)


def main():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--second")
    options = parser.parse_args()
    world = World(options)
    own_storage(world)
    shared_storage(world)
    one_session(world)
    by_the_person(world)
    blocks(world)
    policies(world)
    finish("revoke")


if __name__ == "__main__":
    main()
