"""Organisations by API key and workspaces by membership against a running gateway, with boto3. The
gateway's own command line creates them.

    organisations.py --gateway URL --engine NAME --token-command 'CMD %s' --cloakroom BINARY
                     [--config FILE] [--second URL]

They share buckets, each below its prefix. An attack counts as refused only on a 403, as in
scenario.py. Every gateway must refuse what was withdrawn right after the change.
"""

import argparse
import csv
import io
import json

import places
import trespass
from administration import OPERATOR, CommandLine, add_arguments, tag
from checks import check, finish, refused
from person import Member, Organisation, Person, ask_for_workspace, claims_of, token_of
from places import SECRET, Place, contents


class World:
    """The owners that the command line creates, and the credentials of each."""

    def __init__(self, options):
        self.gateways = [url for url in [options.gateway, options.second] if url]
        self.cloakroom = CommandLine(options)
        self.engine, self.tag = options.engine, tag()
        self.alice, self.bob = Person(options, "alice"), Person(options, "bob")
        self.carol = token_of(options, "carol")
        self.shared = f"{self.tag}-shared"
        self.acme = self.organisation("acme", "--bucket", self.shared)
        self.evil = self.organisation("acme-evil", "--bucket", self.shared)
        self.other = self.organisation("other", "--bucket", self.shared, "--prefix", "outer/other/")
        self.own = self.organisation("own")
        self.members()
        self.store = self.cloakroom.store(self.alice, self.shared)
        self.root, self.root_of_workspaces = Place(self.shared), Place(self.research.bucket)
        for place in [self.root, self.root_of_workspaces]:
            self.store.s3.put_object(**place.at("secret"), Body=SECRET)
        for user in [self.evil, self.other, self.own, self.sibling, self.bob]:
            user.s3.put_object(**user.place.at("secret"), Body=SECRET)

    def organisation(self, name, *where):
        slug = f"{self.tag}-{name}"
        made = self.cloakroom.json("org", "create", slug, *where)
        key = self.cloakroom.json("api-key", "create", "--org", slug, "--label", name)
        organisation = Organisation(self.gateways[0], key["key"], self.alice.endpoint)
        organisation.slug, organisation.key_id = slug, key["id"]
        created = {"name": made["bucket"], "prefix": made["prefix"], "uri": made["uri"]}
        info = organisation.info
        check(f"{slug}: its key opens the area that `org create` printed", info == created, info)
        folders = [made["prefix"] + folder for folder in ["Incoming/", "Outgoing/"]]
        listed = organisation.s3.list_objects_v2(**organisation.place.listed(), Delimiter="/")
        seen = [folder["Prefix"] for folder in listed.get("CommonPrefixes", [])]
        check(f"{slug}: Incoming/ and Outgoing/ are there, and nothing else", seen == folders, seen)
        return organisation

    def members(self):
        """alice and bob are members of research, bob alone of sibling; the two share a bucket."""
        bucket = f"{self.tag}-workspaces"
        names = [f"{self.acme.slug}/research", f"{self.acme.slug}/sibling"]
        for name in names:
            self.cloakroom.json("workspace", "create", name, "--bucket", bucket)
        self.alices, self.bobs = self.alice.claims()["sub"], self.bob.claims()["sub"]
        for name, subject, access in [
            (names[0], self.alices, "read-write"),
            (names[0], self.bobs, "read"),
            (names[1], self.bobs, "read-write"),
        ]:
            self.cloakroom.json("workspace", "add-member", name, "--subject", subject, "--access", access)
        self.research = Member(self.gateways[0], self.alice.token, names[0])
        self.reader = Member(self.gateways[0], self.bob.token, names[0])
        self.sibling = Member(self.gateways[0], self.bob.token, names[1])
        seen = [self.research.place, self.reader.place, self.sibling.place]
        expected = [Place(bucket, "research/"), Place(bucket, "research/"), Place(bucket, "sibling/")]
        check("each member is told the workspace's place", seen == expected, seen)


def organisations(world):
    acme, whose = world.acme, "acme's prefix"
    before = contents(world.store.s3, world.root, besides=acme.place.prefix)
    places.own(acme.s3, acme.place, whose)
    strangers = [
        (world.evil.place, "acme-evil's prefix"),
        (world.other.place, "other's prefix"),
        (world.root, "the bucket's root"),
        (world.own.place, "another organisation's bucket"),
        (world.bob.place, "a person's bucket"),
        (world.sibling.place, "a workspace of acme's"),
    ]
    for place, name in strangers:
        places.others(acme.s3, acme.place, place, name)
    for place, name in strangers[:2]:
        places.listings(acme, place, name, world.engine)
    for place, name in strangers[:5]:
        places.dots(acme, place, world.store.s3, name)
        trespass.trespass(acme, place, world.store.s3, name)
    places.buckets(acme.s3, acme.place)
    places.configuration(acme.s3, acme.place, "plain", "the shared bucket")
    places.configuration(world.own.s3, world.own.place, "secret", "an organisation's own bucket")
    after = contents(world.store.s3, world.root, besides=acme.place.prefix)
    check("the shared bucket outside of acme's prefix is as it was", after == before, after)


def workspaces(world):
    research, sibling = world.research, world.sibling
    before = contents(world.store.s3, world.root_of_workspaces, besides=research.place.prefix)
    places.own(research.s3, research.place, "research")
    strangers = [
        (sibling.place, "sibling"),
        (world.root_of_workspaces, "the workspaces' root"),
        (world.evil.place, "acme-evil's prefix"),
        (world.bob.place, "another member's own bucket"),
    ]
    for place, name in strangers:
        places.others(research.s3, research.place, place, name)
        places.dots(research, place, world.store.s3, name)
    places.listings(research, sibling.place, "sibling", world.engine)
    places.configuration(research.s3, research.place, "plain", "the workspaces' bucket")
    places.only_reads(world.reader.s3, research.place, "as a member who may read")
    # bob may write in sibling, but not with his credentials for research.
    reader, secret = world.reader.s3, sibling.place.at("secret")
    refused("get in sibling, by bob's credentials for research", lambda: reader.get_object(**secret))
    refused("put in sibling, by the same", lambda: reader.put_object(**secret, Body=b"x"))
    refused("list sibling, by the same", lambda: reader.list_objects_v2(**sibling.place.listed()))
    after = contents(world.store.s3, world.root_of_workspaces, besides=research.place.prefix)
    check("the workspaces' bucket outside of research is as it was", after == before, after)


def people(world):
    """A person's own credentials open no organisation's area, and no workspace's, even one that the
    person is a member of."""
    alice = world.alice
    alice.s3.put_object(**alice.place.at("plain"), Body=b"plain")
    places.others(alice.s3, alice.place, world.evil.place, "an organisation's prefix")
    places.others(alice.s3, alice.place, world.own.place, "an organisation's bucket")
    places.others(alice.s3, alice.place, world.sibling.place, "a workspace")
    world.research.s3.put_object(**world.research.place.at("secret"), Body=SECRET)
    places.others(alice.s3, alice.place, world.research.place, "a workspace of one's own")


def no_such_place(world):
    """The command line refuses areas that overlap with others."""
    for what, bucket, prefix, says in [
        ("a person's own bucket", world.alice.bucket, "thief/", "principal's own"),
        ("a prefix in another's", world.shared, f"{world.acme.place.prefix}x/", "overlaps"),
        ("a prefix around another's", world.shared, "outer/", "overlaps"),
        ("another's prefix", world.shared, world.acme.place.prefix, "overlaps"),
    ]:
        where = ["--bucket", bucket, "--prefix", prefix]
        for kind, name in [("org", f"{world.tag}-thief"), ("workspace", f"{world.acme.slug}/thief")]:
            done = world.cloakroom.run(kind, "create", name, *where)
            good = done.returncode == 1 and says in done.stderr and not done.stdout
            check(f"`{kind} create` refuses {what}", good, (done.returncode, done.stderr))
            shown = world.cloakroom.run(kind, "show", name)
            gone = shown.returncode == 1 and "there is no" in shown.stderr
            check(f"and no {kind} was made", gone, shown.stderr)
    left = contents(world.store.s3, world.alice.place)
    check("nothing was left in the person's bucket", not [key for key in left if key.startswith("thief/")])
    where = ["--bucket", world.shared, "--prefix", "outer/othe/"]
    beside = world.cloakroom.run("org", "create", f"{world.tag}-beside", *where)
    check("a prefix beside another's is to be had", beside.returncode == 0, beside.stderr)


class Asked:
    """Asks every gateway right after a change."""

    def __init__(self, world):
        self.world, self.cloakroom = world, world.cloakroom
        self.research = world.research.workspace

    def answers(self, status, what, ask):
        seen = [ask(gateway)[0] for gateway in self.world.gateways]
        where = "" if len(seen) == 1 else f" at each of {len(seen)} gateways"
        check(f"{status}{where}: {what}", set(seen) == {status}, seen)

    def member(self, status, what, token, workspace=None):
        workspace = workspace or self.research
        self.answers(status, what, lambda gateway: ask_for_workspace(gateway, token, workspace))

    def membership(self):
        """Adding a member takes effect at once, at gateways that have just refused them too."""
        alice, bob, carol = self.world.alice.token, self.world.bob.token, self.world.carol
        acme, other = self.world.acme.slug, self.world.other.slug
        self.member(200, "a member", alice)
        self.member(200, "a member who may read", bob)
        self.member(404, "who is no member", carol)
        self.member(404, "who is a member of another workspace only", alice, f"{acme}/sibling")
        self.member(404, "a workspace that was never there", alice, f"{acme}/never")
        self.member(404, "a workspace of this name elsewhere", alice, f"{other}/research")
        add = ["workspace", "add-member", self.research, "--subject", claims_of(carol)["sub"]]
        self.cloakroom.json(*add, "--client-id", "elsewhere")
        self.member(404, "who is a member through another client", carol)
        self.cloakroom.json(*add)
        self.member(200, "who has become a member", carol)

    def disabling(self):
        acme, evil = self.world.acme, self.world.evil
        alice, carol = self.world.alice.token, self.world.carol
        self.answers(200, "an API key", acme.ask)
        self.cloakroom.json("org", "disable", acme.slug)
        self.answers(403, "an API key of a disabled organisation", acme.ask)
        self.member(403, "a member, in a disabled organisation", alice)
        self.member(404, "who is no member, in a disabled organisation", carol, f"{acme.slug}/sibling")
        self.answers(200, "an API key of an organisation that is not disabled", evil.ask)
        self.cloakroom.json("org", "enable", acme.slug)
        self.answers(200, "an API key of an organisation that is enabled again", acme.ask)
        self.member(200, "a member, in an organisation that is enabled again", alice)

    def revoking(self):
        acme = self.world.acme
        create = ["api-key", "create", "--org", acme.slug, "--label", "second"]
        first, second = acme.key, self.cloakroom.json(*create)["key"]
        self.cloakroom.json("api-key", "revoke", acme.key_id)
        self.answers(401, "a revoked API key", acme.ask)
        acme.key = second
        self.answers(200, "another API key of the organisation", acme.ask)
        acme.key = first[: len(acme.key_id)] + second[len(acme.key_id) :]
        self.answers(401, "an API key put together from two", acme.ask)

    def ending(self):
        alice, bob = self.world.alice.token, self.world.bob.token
        self.cloakroom.json("workspace", "remove-member", self.research, "--subject", self.world.bobs)
        self.member(404, "a member who was removed", bob)
        self.member(200, "a member who was not", alice)
        kept = self.cloakroom.run("workspace", "delete", self.research)
        good = kept.returncode == 1 and "holds objects" in kept.stderr
        check("`workspace delete` refuses while there are objects", good, kept.stderr)
        self.member(200, "a member of a workspace that was not deleted", alice)
        self.cloakroom.json("workspace", "delete", self.research, "--keep-objects")
        self.member(404, "a member of a deleted workspace", alice)


def withdrawn(world):
    """Withdrawn rights end at the next call."""
    asked = Asked(world)
    asked.membership()
    asked.disabling()
    asked.revoking()
    asked.ending()


def empty(user, besides=()):
    """Removes the objects in the user's place with the user's own session."""
    for key in contents(user.s3, user.place):
        if key.removeprefix(user.place.prefix) not in besides:
            user.s3.delete_object(Bucket=user.bucket, Key=key)


class Removed:
    """What is removed for good: its name and its area go to nobody else."""

    def __init__(self, world):
        self.world, self.cloakroom, self.asked = world, world.cloakroom, Asked(world)

    def refuses(self, says, *arguments):
        done = self.cloakroom.run(*arguments)
        good = done.returncode == 1 and says in done.stderr and not done.stdout
        check(f"`{' '.join(arguments[:2])}` refuses: {says}", good, (done.returncode, done.stderr))

    def purging(self):
        world, name = self.world, self.world.research.workspace
        purge = ["workspace", "purge", name, "--yes"]
        self.refuses(f"of workspace {name} still holds objects", *purge)
        empty(world.research)
        self.cloakroom.json(*purge)
        self.asked.member(404, "a member of a purged workspace", world.alice.token)
        self.refuses("there is no workspace", "workspace", "show", name)
        self.refuses("was removed for good", "workspace", "create", name)
        where = ["--bucket", world.research.bucket, "--prefix", world.research.place.prefix]
        self.refuses("overlaps", "workspace", "create", f"{world.evil.slug}/research", *where)

    def deleting(self):
        world, acme = self.world, self.world.acme
        create = ["api-key", "create", "--org", acme.slug, "--label", "third"]
        acme.key = self.cloakroom.json(*create)["key"]
        delete = ["org", "delete", acme.slug, "--yes"]
        for what in [f"workspaces, 1: {acme.slug}/sibling", "API keys, 2", f"objects at s3://{acme.bucket}/"]:
            self.refuses(what, *delete)
        self.asked.answers(200, "an API key of an organisation that was not deleted", acme.ask)
        along = ["--with-workspaces", "--with-keys"]
        self.refuses(f"s3://{world.sibling.bucket}/{world.sibling.place.prefix}", *delete, *along[:1])
        empty(world.sibling)
        empty(acme, besides=["Incoming/", "Outgoing/"])
        self.cloakroom.json(*delete, *along)
        self.asked.answers(401, "an API key of a deleted organisation", acme.ask)
        self.asked.answers(200, "an API key of another organisation in its bucket", world.evil.ask)
        self.refuses("there is no organisation", "org", "show", acme.slug)
        self.refuses("was removed for good", "org", "create", acme.slug, "--bucket", f"{world.tag}-new")
        where = ["--bucket", acme.bucket, "--prefix", f"{acme.place.prefix}x/"]
        self.refuses("overlaps", "org", "create", f"{world.tag}-heir", *where)


def removed(world):
    """What is removed for good does not come back, at any gateway."""
    removed = Removed(world)
    removed.purging()
    removed.deleting()


def exported(world):
    """`audit export` has all rows, in order, once each, in both forms."""
    shown = world.cloakroom.json("audit", "--limit", "1000000")
    lines = world.cloakroom.run("audit", "export", "--until", "2999-01-01").stdout
    rows = [json.loads(line) for line in lines.splitlines()]
    check("`audit export` has the rows of `audit`", rows[: len(shown)] == shown, (len(rows), len(shown)))
    text = world.cloakroom.run("audit", "export", "--format", "csv").stdout
    ids = [row["request_id"] for row in csv.DictReader(io.StringIO(text))]
    check("and so has CSV", ids[: len(shown)] == [row["request_id"] for row in shown], len(ids))


def audit(world):
    """The audit trail tells who had which key, and who changed what."""
    acme, reader = world.acme, world.reader
    trail = lambda *query: world.cloakroom.json("audit", "--limit", "10000", *query)
    for user, owner, caller, access in [
        (acme, f"organisation {acme.slug}", acme.key_id, "read-write"),
        (reader, f"workspace {reader.workspace}", world.bobs, "read"),
    ]:
        rows = trail("--access-key", user.keys["accessKeyId"])
        seen = [(row["action"], row["owner"], row["bucket"], row["prefix"], row["access"]) for row in rows]
        expected = [("vend", owner, user.bucket, user.place.prefix, access)]
        check(f"`audit --access-key` says whose key it was: {owner}", seen == expected, rows)
        check("and who asked", caller in rows[0]["caller"], rows)
    keys = ["api-key create", "api-key revoke"]
    members = [*["workspace add-member"] * 4, "workspace remove-member"]
    for owner, expected in [
        (acme.slug, ["org create", keys[0], "org disable", "org enable", *keys, *keys, keys[1], "org delete"]),
        (reader.workspace, ["workspace create", *members, "workspace delete", "workspace purge"]),
    ]:
        changes = [row for row in trail("--owner", owner) if row["action"] != "vend"]
        actions = [row["action"] for row in changes]
        check(f"`audit --owner {owner}` has every change, in order", actions == expected, actions)
        callers = {row["caller"] for row in changes}
        check("each under the operator's name", callers == {f"operator {OPERATOR}"}, callers)
    revoked = [row for row in trail("--owner", acme.slug) if row["action"] == keys[1]][0]
    check("the revocation says which API key", revoked["access_key_id"] == acme.key_id, revoked)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--second", help="another gateway on the same database")
    options = parser.parse_args()
    world = World(options)
    organisations(world)
    workspaces(world)
    people(world)
    no_such_place(world)
    withdrawn(world)
    removed(world)
    audit(world)
    exported(world)
    finish(f"{options.engine}, organisations")


main()
