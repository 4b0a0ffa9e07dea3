"""The examples of the seeds, run as they stand against a running gateway.

    seeds.py --gateway URL --engine NAME --token-command 'CMD %s' --cloakroom BINARY [--config FILE]
             --aws PATH

They are read from ../shared/seeds beside the repository. Only the host and the key or token are
replaced; the organisation and the workspace are called `example`, as in the seeds.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from administration import CommandLine, add_arguments
from checks import check, finish
from person import Organisation, Person, StoreUser, given_by_key, given_to_member
from places import contents

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT.parent / "shared" / "seeds"
BOTO, WORKSPACE = "https://api.minerva.io", "https://example.com"
EIGHT = [
    *["access_key_id", "bucket", "endpoint", "expiration"],
    *["prefix", "region", "secret_access_key", "session_token"],
]


class Seed:
    def __init__(self, number):
        (file,) = SEEDS.glob(f"{number}_*.txt")
        self.name, self.text = f"seed {number}", file.read_text()

    def between(self, start, end):
        """The text from the first mark to the next occurrence of the second."""
        first = self.text.index(start)
        return self.text[first : self.text.index(end, first)]

    def after(self, start, end):
        return self.between(start, end).removeprefix(start)

    def filled_in(self, what, example, values):
        """The example with these values, each replaced once; the rest is unchanged."""
        filled = example
        for placeholder, value in values.items():
            filled = filled.replace(placeholder, value)
        undone = filled
        for placeholder, value in values.items():
            undone = undone.replace(value, placeholder)
        once = all(filled.count(value) == 1 and placeholder not in filled for placeholder, value in values.items())
        good = once and undone in self.text
        check(f"{self.name}, {what}: nothing is changed but {' and '.join(values)}", good, filled)
        return filled

    def lines_again(self, what, example):
        """Restores line ends that were lost when the seed was copied from its page: a backslash before
        a newline became one before a space, which means something else to a shell."""
        lines = re.sub(r"\\ (?=--)", "\\\\\n", example)
        check(f"{self.name}, {what}: its line ends are back, and nothing else", lines.split() == example.split())
        return lines


class Shell:
    """Runs examples in a folder with a local.csv, without the configuration of this machine."""

    def __init__(self, options, endpoint):
        self.folder = Path(tempfile.mkdtemp())
        self.environment = {
            "PATH": f"{Path(options.aws).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if options.engine == "ceph":
            # As docs/engines/ceph.md says about Ceph.
            for name in ["AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"]:
                self.environment[name] = "when_required"

    def local_file(self):
        """Creates an organisation for each example, so that examples do not see each other's files."""
        content = os.urandom(1024).hex().encode()
        (self.folder / "local.csv").write_bytes(content)
        return content

    def run(self, command, name, text, **variables):
        file = self.folder / name
        file.write_text(text)
        return subprocess.run(
            [*command, str(file)],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )


def skipped(what, *tools):
    """Whether one of the tools is missing on this machine. Debian's packages have the tools' names,
    except for node's."""
    for tool in tools:
        if not shutil.which(tool):
            package = {"node": "nodejs"}.get(tool, tool)
            print(f"SKIPPED: {what}: no {tool} on this machine (Debian: {package})")
            return True
    return False


def uploads(what, shell, organisation, run, listing, listed="Outgoing/"):
    """An example that puts local.csv into Incoming/ and lists a folder."""
    s3, place = organisation.s3, organisation.place
    content = shell.local_file()
    done = run()
    check(f"{what}: ends well", done.returncode == 0, done.stderr)
    found = contents(s3, place)
    there = f"{place.prefix}Incoming/local.csv"
    check(f"{what}: a file is at {there}", there in found, list(found))
    if there in found:
        seen = s3.get_object(Bucket=place.bucket, Key=there)["Body"].read()
        check(f"{what}: it is the one on this machine", seen == content)
        s3.delete_object(Bucket=place.bucket, Key=there)
    check(f"{what}: it shows {listed}", re.search(listing, done.stdout, re.MULTILINE), done.stdout)


def parsed(printed):
    """Parses the printed JSON; None if it is not JSON."""
    try:
        return json.loads(printed)
    except ValueError:
        return {}


def opens(what, user):
    """The printed credentials work."""
    place, key = user.place, "Incoming/printed"
    user.s3.put_object(**place.at(key), Body=b"printed")
    listed = user.s3.list_objects_v2(**place.listed())["Contents"]
    check(f"{what}: what it prints opens {place.prefix}", place.prefix + key in [entry["Key"] for entry in listed])
    user.s3.delete_object(**place.at(key))


def by_key(seed, shell, gateway, organisation, options):
    key = organisation.key
    prefix = re.escape(organisation.place.prefix)
    example = seed.after("Example — boto3\n\n", "\nExample — AWS CLI")
    values = {BOTO: gateway, "<your-api-key>": key}
    text = seed.filled_in("boto3", example, values)
    python = [str(Path(options.aws).parent / "python")]
    uploads(
        "seed 000, boto3",
        shell,
        organisation,
        lambda: shell.run(python, "upload.py", text),
        rf"^{prefix}Outgoing/ 0$",
    )
    by_sdk(python, shell, gateway, organisation)
    if not skipped("seed 000's AWS CLI example", "bash", "curl", "jq"):
        example = seed.after("use the AWS CLI like normal:\n", "\nNotes\n")
        script = seed.filled_in("AWS CLI", example, {BOTO: gateway})
        uploads(
            "seed 000, AWS CLI",
            shell,
            organisation,
            lambda: shell.run(["bash", "-euo", "pipefail"], "upload.sh", script, MINERVA_API_KEY=key),
            # The folder itself is an empty object without a name.
            r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +0 $",
        )
    if not skipped("seed 000's curl example", "bash", "curl"):
        example = seed.between("curl --request POST", "\n{")
        script = seed.filled_in("curl", example, {BOTO: gateway, "<api-key>": key})
        done = shell.run(["bash"], "curl.sh", script)
        answer = parsed(done.stdout)
        shown = json.loads(seed.between('{\n  "credentials"', "\n\nQuick Answer"))
        same = names(answer) == names(shown)
        check("seed 000, curl: prints the members that the seed shows", same, done.stdout + done.stderr)
        if same:
            opens("seed 000, curl", StoreUser(*given_by_key(answer, organisation.endpoint)))


def by_sdk(python, shell, gateway, organisation):
    """The example in two lines, as docs/clients/python.md has it: "The Python SDK wraps this endpoint"."""
    page = (ROOT / "docs/clients/python.md").read_text()
    text = page.split("```python file=two_lines.py\n")[1].split("```")[0]
    environment = {
        "PYTHONPATH": str(ROOT / "sdk/python/src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CLOAKROOM_URL": gateway,
        "CLOAKROOM_API_KEY": organisation.key,
    }
    uploads(
        "seed 000, the Python SDK",
        shell,
        organisation,
        lambda: shell.run(python, "sdk.py", text, **environment),
        r"^Incoming/local.csv 2048$",
        "Incoming/",
    )


def by_membership(seed, shell, gateway, token):
    values = {WORKSPACE: gateway, "<token>": token}
    if not skipped("seed 002's JavaScript", "node"):
        example = seed.between("const url", "curl ")
        script = seed.filled_in("JavaScript", example, values)
        done = shell.run(["node"], "credentials.mjs", script)
        # It prints a JavaScript object instead of JSON.
        back = "const text = require('fs').readFileSync(0); console.log(JSON.stringify(eval(`(${text})`)))"
        read = subprocess.run(["node", "-e", back], input=done.stdout, capture_output=True, text=True)
        members("seed 002, JavaScript", read.stdout, done.stdout + done.stderr)
    if not skipped("seed 002's curl example", "bash", "curl"):
        example = seed.between("curl --request GET", "Get temporary")
        script = seed.filled_in("curl", example, values)
        done = shell.run(["bash"], "credentials.sh", seed.lines_again("curl", script))
        members("seed 002, curl", done.stdout, done.stdout + done.stderr)


def names(answer):
    return {name: sorted(part) for name, part in answer.items()}


def members(what, printed, output):
    """The example prints the eight members that seed 002 shows."""
    answer = parsed(printed)
    same = sorted(answer) == EIGHT
    check(f"{what}: prints the eight members", same, output)
    if same:
        opens(what, StoreUser(*given_to_member(answer)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--aws", required=True, help="the AWS CLI, with a python beside it")
    options = parser.parse_args()
    if not SEEDS.is_dir():
        print(f"SKIPPED: THE SEEDS' EXAMPLES: there is no {SEEDS}")
        return
    cloakroom, alice = CommandLine(options), Person(options, "alice")
    cloakroom.json("org", "create", "example")
    key = cloakroom.json("api-key", "create", "--org", "example", "--label", "seeds")["key"]
    cloakroom.json("workspace", "create", "example/example")
    cloakroom.json("workspace", "add-member", "example/example", "--subject", alice.claims()["sub"])
    organisation = Organisation(options.gateway, key, alice.endpoint)
    shell = Shell(options, alice.endpoint)
    try:
        by_key(Seed("000"), shell, options.gateway, organisation, options)
        by_membership(Seed("002"), shell, options.gateway, alice.token)
    finally:
        shutil.rmtree(shell.folder)
    finish(f"{options.engine}, the seeds' examples")


main()
