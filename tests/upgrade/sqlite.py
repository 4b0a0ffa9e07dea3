"""The earlier version's registry in a SQLite file: this version takes it over, and the earlier one can go back to
the backup that was made before.

    sqlite.py --old PROGRAM --new PROGRAM --token-command 'CMD %s' --folder DIR
"""

import argparse
import os
import sqlite3
from pathlib import Path

from gateways import Gateway, arguments, command_line, ends

from checks import check, finish, status_of
from person import AccessKey, Member, Organisation, Person, ask, ask_for_workspace, token_of

NAMESPACE = "upgrade-sqlite"
PEOPLE = ["alice", "bob"]


class World:
    """Owners of every kind, made by one version, and what they were told."""

    def __init__(self, options, gateway, cloakroom):
        self.options, self.bucket = options, f"{NAMESPACE}-shared"
        make = cloakroom.json
        make("org", "create", "acme-up", "--bucket", self.bucket)
        make("org", "create", "closed-up")
        self.key = make("api-key", "create", "--org", "acme-up", "--label", "ci")["key"]
        self.closed = make("api-key", "create", "--org", "closed-up", "--label", "ci")["key"]
        revoked = make("api-key", "create", "--org", "acme-up", "--label", "old")
        self.revoked = revoked["key"]
        assert cloakroom.run("api-key", "revoke", revoked["id"]).returncode == 0
        assert cloakroom.run("org", "disable", "closed-up").returncode == 0
        make("workspace", "create", "acme-up/research", "--bucket", self.bucket)
        subject = self.person("alice", gateway).claims()["sub"]
        make("workspace", "add-member", "acme-up/research", "--subject", subject)
        self.told = self.ask(gateway)
        for user in self.told.values():
            user.s3.put_object(**user.place.at("kept"), Body=b"kept")
        office = make("api-key", "create", "--org", "acme-up", "--label", "pairs", "--scope", "object_storage")
        self.store = cloakroom.store(self.told["alice"], f"{NAMESPACE}-lasting")
        self.store.s3.create_bucket(Bucket=self.store.bucket)
        self.store.s3.put_object(**self.store.place.at("kept"), Body=b"kept")
        made = make("access-key", "create", "--name", "kept", "--org", "acme-up", "--read-bucket", self.store.bucket)
        self.access_key = AccessKey(gateway, office["key"], made)
        self.pair = self.access_key.rotate()

    def person(self, name, gateway):
        return Person(argparse.Namespace(**{**vars(self.options), "gateway": gateway, "engine": "embedded"}), name)

    def ask(self, gateway):
        """Everyone asks once."""
        users = {name: self.person(name, gateway) for name in PEOPLE}
        users["acme-up"] = Organisation(gateway, self.key, users["alice"].endpoint)
        users["acme-up/research"] = Member(gateway, users["alice"].token, "acme-up/research")
        return users

    def lists(self, cloakroom):
        """What the command line shows of all of them."""
        commands = [
            ["org", "list"], ["workspace", "list"], ["workspace", "show", "acme-up/research"], ["api-key", "list"],
            ["access-key", "list"], ["audit", "--limit", "1000"],
            *[["bucket", "show", user.bucket] for user in self.told.values()],
        ]
        return {" ".join(command): cloakroom.json(*command) for command in commands}

    def unchanged(self, which, gateway):
        """Everyone has the same place as before, with the object in it, and nobody else gets in."""
        now = self.ask(gateway)
        for name, user in now.items():
            before = self.told[name]
            same = (user.place, user.endpoint, user.region) == (before.place, before.endpoint, before.region)
            check(f"{which}: {name} has the same place", same, (user.place, before.place))
            body = user.s3.get_object(**user.place.at("kept"))["Body"].read()
            check(f"{which}: {name}'s object is there", body == b"kept", body)
        for what, key, status in ("a revoked key", self.revoked, 401), ("a disabled organisation", self.closed, 403):
            answer, _ = ask("POST", f"{gateway}/storage/boto", {"x-api-key": key})
            check(f"{which}: {what} gets {status}", answer == status, answer)
        answer, _ = ask_for_workspace(gateway, token_of(self.options, "bob"), "acme-up/research")
        check(f"{which}: a non-member gets 404", answer == 404, answer)

    def rotates(self, which, gateway):
        """The pair still works, and a rotation ends it."""
        read = lambda user: status_of(lambda: user.s3.head_object(**self.store.place.at("kept")))[0]
        check(f"{which}: the access key's pair works", read(self.pair) == 200)
        before, self.access_key.gateway = self.pair, gateway
        self.pair = self.access_key.rotate()
        check(f"{which}: the access key's new pair works", read(self.pair) == 200)
        check(f"{which}: its former pair has ended", read(before) == 403, read(before))


def holds(now, before):
    """Whether a later version shows the same: fields may have been added."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(key in now and holds(now[key], before[key]) for key in before)
    if isinstance(before, list):
        return isinstance(now, list) and len(now) == len(before) and all(map(holds, now, before))
    return now == before


def newest(file):
    with sqlite3.connect(file) as connection:
        return connection.execute("SELECT max(version) FROM _sqlx_migrations").fetchone()[0]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--folder", required=True, type=Path)
    options = parser.parse_args()
    file, backup = options.folder / "registry.db", options.folder / "backup.db"
    os.environ.update(
        CLOAKROOM_DATABASE__URL=f"sqlite://{file}?mode=rwc", CLOAKROOM_NAMING__NAMESPACE=NAMESPACE,
    )
    old, new = command_line(options.old), command_line(options.new)
    with Gateway(options.old) as gateway:
        world = World(options, gateway.url, old)
        before = world.lists(old)
        made = old.run("backup", str(backup))
        assert made.returncode == 0, made.stderr
    schema = newest(file)

    # Forwards.
    migrated = new.run("migrate")
    check("`migrate` prints the schema's version", migrated.stdout.strip() == str(newest(file)), migrated)
    with Gateway(options.new) as gateway:
        after = world.lists(new)
        for what, was in before.items():
            check(f"upgraded: {what} shows the same", holds(after[what], was), (was, after[what]))
        check("upgraded: there were audit rows", len(before["audit --limit 1000"]) > 10)
        world.unchanged("upgraded", gateway.url)
        world.rotates("upgraded", gateway.url)
        late = world.person("late", gateway.url)

    # Back.
    if newest(file) == schema:
        print("note  the schema is the same: the earlier version starts on it")
        with Gateway(options.old) as gateway:
            world.unchanged("back", gateway.url)
        finish("upgrade")
    code, log = ends(options.old)
    says = "made by a newer cloakroom" in log and "restore a backup" in log
    check("the earlier version refuses the newer schema, with 1 and what to do", code == 1 and says, (code, log))
    refused = old.run("org", "list")
    says = "made by a newer cloakroom" in refused.stderr
    check("so does its command line", refused.returncode == 1 and says, refused)
    for companion in options.folder.glob("registry.db*"):
        companion.unlink()
    backup.rename(file)
    with Gateway(options.old) as gateway:
        world.unchanged("restored", gateway.url)
        check("restored: the audit trail ends at the backup", len(old.json("audit", "--owner", "late")) == 0)
        headers = {"Authorization": f"Bearer {late.token}"}
        status, _ = ask("POST", f"{gateway.url}/v1/credentials", headers)
        check("restored: who came after the backup gets 409", status == 409, status)
        # The pair of the new version is unknown to the backup: docs/backup.md says to rotate.
        world.access_key.gateway = gateway.url
        world.access_key.rotate()
    with Gateway(options.old, CLOAKROOM_NAMING__ADOPT="true") as gateway:
        again = world.person("late", gateway.url)
        check("restored: naming.adopt gives them their bucket again", again.bucket == late.bucket, again.bucket)
    finish("upgrade")


main()
