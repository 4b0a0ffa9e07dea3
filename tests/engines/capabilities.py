"""Capability tokens: the bearer gets new pairs of one access key, until the token expires."""

import subprocess
import time

from administration import OPERATOR, Other
from checks import allowed, check
from person import AccessKey

INVALID = (403, "invalid_capabilities_token")


def capabilities(world):
    # As in docs/operations.md.
    pem = subprocess.check_output(["openssl", "genpkey", "-algorithm", "ed25519"], text=True)
    key, neighbour = world.make(*world.rights), world.make(*world.rights)
    with Other(world, CLOAKROOM_ACCESS_KEYS__CAPABILITY_KEY=pem) as other:

        def token(expires_in):
            done = other.cloakroom.run("access-key", "capability", key.id, "--expires-in", expires_in)
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        good, short = token("1h"), token("1s")
        pair = AccessKey(other.url, good, key.made).rotate()
        allowed("a pair by capability lists", lambda: pair.s3.list_objects_v2(**world.readable.listed()))
        time.sleep(1.5)
        for what, gateway, of, held in [
            ("one that has expired", other.url, key, short),
            ("one of another access key's", other.url, neighbour, good),
            ("one whose signature is not its own", other.url, key, good[:-6] + "AAAAAA"),
            ("one at a gateway without the key that signed it", world.gateway, key, good),
        ]:
            answer = AccessKey(gateway, held, of.made).ask()
            check(f"a capability token is refused: {what}", answer == INVALID, answer)
    trail = lambda *query: world.cloakroom.json("audit", "--owner", key.id, *query)
    printed = [row for row in trail() if row["action"] == "access-key capability"]
    check("the audit trail says who has printed the two", [row["caller"] for row in printed] == [f"operator {OPERATOR}"] * 2, printed)
    used = trail("--caller", printed[0]["access_key_id"])
    check("and what the first was used for", [row["action"] for row in used] == ["access-key rotate"], used)
    owned = world.cloakroom.json("audit", "--limit", "10000", "--owner", world.slug)
    check("`audit --owner` of the organisation has its keys' rows", used[0] in owned, owned)
    reached = world.cloakroom.json("audit", "--bucket", world.readable.bucket, "--access-key", pair.keys["accessKeyId"])
    check("`audit --bucket` finds the pairs that may reach it", len(reached) == 1, reached)
    closed = world.cloakroom.json("audit", "--bucket", world.neither.bucket, "--access-key", pair.keys["accessKeyId"])
    check("and no others", closed == [], closed)
