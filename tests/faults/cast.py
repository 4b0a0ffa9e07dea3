"""Who calls the gateway in a world: people, workloads, an organisation, members, and an access key; some
that every fault finds as they were, and some that are new each time."""

import asyncio
import json

import dialects
from authorization_server import CLIENT
from dialects import OPENING, REGISTRY, ROTATION, Place

INTROSPECTED = OPENING | {"introspection"}


class Cast:
    def __init__(self, world):
        # Buckets that the registry rightly does not know.
        self.world, self.count, self.foreign = world, 0, set()

    async def start(self):
        world, server = self.world, self.world.server
        self.shared, self.lasting = f"{world.name}-shared", f"{world.name}-lasting"
        self.spaces, self.secret = f"{world.name}-spaces", f"{world.name}-secret"
        # A bucket that the gateway does not know.
        for bucket in [self.lasting, self.secret]:
            await world.store.ask(world.store.root, "PUT", f"/{bucket}")
        self.foreign = await world.store.buckets()
        for slug in ["acme", "acme-evil"]:
            await self.made("org", "create", slug, "--bucket", self.shared)
        create = ["api-key", "create", "--org", "acme", "--label", "faults", "--scope", "object_storage"]
        self.api_key = (await self.made(*create))["key"]
        for name in ["acme/research", "acme/research-evil"]:
            await self.made("workspace", "create", name, "--bucket", self.spaces)
        await self.made("workspace", "add-member", "acme/research", "--subject", "alice")
        rights = ["--read-bucket", self.lasting, "--write-bucket", self.lasting]
        create = ["access-key", "create", "--name", "faults", "--org", "acme", *rights]
        self.access_key, self.lent_key = [(await self.made(*create))["id"] for _ in range(2)]
        lent = await self.world.command("access-key", "capability", self.lent_key, "--expires-in", "1d")
        assert lent.returncode == 0, lent.stderr
        self.capability = lent.stdout.strip()
        self.alice, self.revoker = server.token("alice"), server.token("revoker")
        self.moved, self.inactive = server.token("moved"), server.token("inactive", is_active=False)
        self.robot = server.jwt("robot")

    async def made(self, *command):
        done = await self.world.command(*command, "--json")
        assert done.returncode == 0, (command, done.stderr)
        return json.loads(done.stdout)

    async def fill(self):
        """What needs the first calls' buckets: the objects that nobody's session may read, and alice's access key."""
        store, key = self.world.store, await self.key_of("alice")
        self.own_key = key.key
        for path in [f"{self.shared}/acme-evil/secret", f"{self.spaces}/research-evil/secret", f"{self.secret}/secret"]:
            status, body = await store.ask(store.root, "PUT", f"/{path}", b"secret")
            assert status == 200, (path, body)
        tags = "<Tagging><TagSet><Tag><Key>cloakroom-deployment</Key><Value>another</Value></Tag></TagSet></Tagging>"
        path = f"/{self.world.bucket_of('moved')}?tagging="
        status, body = await store.ask(store.root, "PUT", path, tags.encode())
        assert status in (200, 204), body

    def own(self, subject):
        return Place(self.world.bucket_of(subject), "", f"{self.secret}/secret")

    def workload(self, subject):
        return Place(self.world.bucket_of(subject, "iss", "workloads"), "", f"{self.secret}/secret")

    def standing(self, more=frozenset()):
        """Every dialect, by callers whose tokens were checked lately; `more` is what a gateway that has
        just started needs besides."""
        token, opening, registry = self.alice, OPENING | more, REGISTRY | more
        keys = more and frozenset({"jwks"})
        acme = Place(self.shared, "acme/", f"{self.shared}/acme-evil/secret")
        research = Place(self.spaces, "research/", f"{self.spaces}/research-evil/secret")
        return [
            dialects.v1(token, self.own("alice"), opening),
            dialects.container(token, self.own("alice"), opening),
            dialects.sts(token, self.own("alice"), opening),
            dialects.boto(self.api_key, acme),
            dialects.workspace(token, "acme/research", research, opening),
            dialects.container(token, research, opening, "container of a workspace", "acme/research"),
            dialects.sts(token, research, opening, "STS of a workspace", "acme/research"),
            dialects.storage(token, registry),
            dialects.sessions(token, registry),
            dialects.v1(self.robot, self.workload("robot"), OPENING | keys, "v1 of a workload"),
        ]

    def rotation(self):
        return dialects.rotate(self.api_key, self.access_key)

    def own_rotation(self):
        """Of alice's own access key, with a token that the gateway has not seen."""
        needs = ROTATION | {"introspection"}
        return dialects.rotate(self.world.server.token("alice"), self.own_key, needs, "rotate with a first token")

    def lent_rotation(self):
        """Of an access key, with a capability token for it."""
        return dialects.rotate(self.capability, self.lent_key, name="rotate with a capability token")

    def renew_revoker(self):
        """From now on the revoker comes with a token that the gateway does not know."""
        self.revoker = self.world.server.token("revoker")

    def revocation(self):
        return dialects.revoke(self.revoker, INTROSPECTED)

    def of_revoker(self):
        return dialects.v1(self.revoker, self.own("revoker"), INTROSPECTED)

    def first_of_moved(self):
        return [dialects.v1(self.moved, self.own("moved"))]

    def refused(self, more=frozenset()):
        """Those who get nothing, whatever fails."""
        needs, opening = more | {"introspection"}, OPENING | more
        moved = {"refusal": "conflict"}
        return [
            dialects.v1(self.inactive, self.own("inactive"), needs, "v1 with an inactive token", refusal="inactive"),
            dialects.v1(self.moved, self.own("moved"), opening, "v1 to a bucket that is another's now", **moved),
        ]

    def fresh(self):
        """A new person for each dialect, a new workload, and a new token for an access key; and a rotation with the
        capability token."""
        self.count += 1
        server, calls = self.world.server, []
        for make in [dialects.v1, dialects.container, dialects.sts]:
            subject = f"{make.__name__}-{self.count}"
            calls.append(make(server.token(subject), self.own(subject), INTROSPECTED, f"a first {make.__name__}"))
        subject = f"workload-{self.count}"
        name, needs = "a first v1 of a workload", OPENING | {"jwks"}
        # A new key is unknown as long as the keys were read less than 10 s ago.
        calls.append(dialects.v1(server.jwt(subject), self.workload(subject), needs, name, also="inactive"))
        return [*calls, self.own_rotation(), self.lent_rotation()]

    async def newcomers(self):
        """A new organisation and a new workspace, each with a bucket that is not made yet."""
        self.count += 1
        slug = f"new-{self.count}"
        org, workspace = await asyncio.gather(
            self.made("org", "create", slug), self.made("workspace", "create", f"acme/{slug}")
        )
        created, _ = await asyncio.gather(
            self.made("api-key", "create", "--org", slug, "--label", "faults"),
            self.made("workspace", "add-member", f"acme/{slug}", "--subject", "alice"),
        )
        own, of_workspace = (Place(area["bucket"], area["prefix"], f"{self.secret}/secret") for area in [org, workspace])
        return [
            dialects.boto(created["key"], own, name="a first boto"),
            dialects.workspace(self.alice, f"acme/{slug}", of_workspace, name="a first workspace"),
        ]

    async def squatted(self):
        """A new person whose bucket somebody else has made."""
        self.count += 1
        subject = f"squatted-{self.count}"
        bucket = self.world.bucket_of(subject)
        await self.world.store.ask(self.world.store.root, "PUT", f"/{bucket}")
        self.foreign.add(bucket)
        token = self.world.server.token(subject)
        name = "a first v1 to a bucket that is there already"
        return dialects.v1(token, self.own(subject), INTROSPECTED, name, refusal="conflict")

    def goer(self):
        """A new person who will be erased."""
        self.count += 1
        subject = f"goer-{self.count}"
        return subject, dialects.v1(self.world.server.token(subject), self.own(subject), INTROSPECTED, "v1 of one who goes")

    async def key_of(self, subject):
        """Makes an access key of somebody who has called, and returns the call that makes its first pair."""
        rights = ["--read-bucket", self.lasting]
        made = await self.made("access-key", "create", "--name", subject, "--owner", f"{CLIENT}/{subject}", *rights)
        return dialects.rotate(self.world.server.token(subject), made["id"])
