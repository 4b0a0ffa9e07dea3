"""What the broker for AWS's IAM creates, as moto shows it; moto checks no rights.

    moto_iam.py --gateway URL --engine moto --cloakroom BINARY --administration URL
"""

import argparse

from administration import KeyOffice, add_arguments
from checks import check, finish

RIGHTS = ["--read-bucket", "moto-read", "--write-bucket", "moto-write"]


def statements(user):
    """The actions and resources that a user's policies allow, and the statements that deny."""
    found, denied = set(), []
    for policy in user["policies"].values():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Deny":
                denied.append((statement["Action"], statement["Resource"], statement["Condition"]))
                continue
            pairs = [(action, where) for action in statement["Action"] for where in statement["Resource"]]
            found.update(pairs)
    return found, denied


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, people=False)
    parser.add_argument("--administration", required=True, help="see brokers.py")
    office = KeyOffice(parser.parse_args())
    broker = office.broker
    key, other = office.make(*RIGHTS), office.make(*RIGHTS)
    check("`access-key create` makes nothing in IAM", broker.users() == {}, broker.users())
    kept = other.rotate().keys["accessKeyId"]
    first = key.rotate().keys["accessKeyId"]
    users = broker.users()
    name = f"cloakroom-{key.id}"
    check("a user for each key", set(users) == {name, f"cloakroom-{other.id}"}, users)
    paths = {user["path"] for user in users.values()}
    path = paths.pop()
    deployments = path.startswith("/cloakroom/") and path.count("/") == 3
    check("both under one path of the deployment's", deployments and not paths, users)
    user = users[name]
    check("one inline policy, and none attached", (len(user["policies"]), user["attached"]) == (1, []), user)
    objects = "arn:aws:s3:::moto-{}/*".format
    expected = {
        *[("s3:ListBucket", f"arn:aws:s3:::moto-{bucket}") for bucket in ["read", "write"]],
        ("s3:GetObject", objects("read")),
        *[(action, objects("write")) for action in ["s3:PutObject", "s3:DeleteObject"]],
    }
    allowed, denied = statements(user)
    check("which says what the key opens", allowed == expected, user)
    sessions = {"Null": {"aws:TokenIssueTime": "false"}}
    check("and that sessions of the pair open nothing", denied == [(["s3:*"], "arn:aws:s3:::*", sessions)], user)
    check("one pair, the one that was answered", user["pairs"] == [first], user)
    for _ in range(10):
        newest = key.rotate().keys["accessKeyId"]
        pairs = broker.pairs(key.id)
        check("after a rotation there is the new pair only", pairs == [newest], pairs)
    check("a rotation leaves the rest of the user", {**broker.users()[name], "pairs": [first]} == user)
    office.end("disable", key)
    check("after `disable` there is no pair", broker.pairs(key.id) == [], broker.users())
    answer = key.ask()
    check("and none is given", answer == (403, "permission_denied"), answer)
    office.end("delete", key)
    users = broker.users()
    check("after `delete` there is the other key's user only", set(users) == {f"cloakroom-{other.id}"}, users)
    check("whose pair is as it was", broker.pairs(other.id) == [kept], users)
    office.end("delete", other)
    left = office.known([key.id, other.id, first, kept, newest])
    check("when all are deleted nothing is left", broker.users() == {} and not left, left)
    finish("moto, access keys")


main()
