"""s3cmd and rclone with a pair of an access key and the store's address."""

import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

from checks import check

REFUSED = ["403", "AccessDenied", "Forbidden"]


class Tool:
    """One of the tools, in a folder that is also its home."""

    def __init__(self, pair):
        self.folder = Path(tempfile.mkdtemp())
        self.configure(pair, pair.keys["accessKeyId"], pair.keys["secretAccessKey"])

    def run(self, *arguments):
        return subprocess.run(
            [*self.command(), *arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def empty(self, name):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def get(self, bucket, key):
        """Downloads a key. Returns how the tool ended and the contents of the files that it left."""
        folder = self.empty("in")
        (folder / key).parent.mkdir(exist_ok=True)
        done = self.download(bucket, key)
        return done, [file.read_bytes() for file in folder.rglob("*") if file.is_file()]

    def good(self, what, done, shows=""):
        seen = done.returncode == 0 and shows in done.stdout
        check(f"{self.name}: allowed: {what}", seen, (done.returncode, done.stdout, done.stderr[-400:]))

    def refused(self, what, done):
        """The tool must report a 403: it also fails on missing files or bad options."""
        seen = done.returncode != 0 and any(word in done.stderr for word in REFUSED)
        check(f"{self.name}: refused: {what}", seen, (done.returncode, done.stdout, done.stderr[-400:]))


class S3cmd(Tool):
    name = "s3cmd"

    def configure(self, pair, key_id, secret):
        where = urllib.parse.urlsplit(pair.endpoint)
        (self.folder / "s3cfg").write_text(
            "[default]\n"
            f"access_key = {key_id}\nsecret_key = {secret}\n"
            f"host_base = {where.netloc}\nhost_bucket = {where.netloc}\n"
            f"use_https = {where.scheme == 'https'}\nbucket_location = {pair.region}\n"
        )

    def command(self):
        return ["s3cmd", "--config", "s3cfg", "--no-progress"]

    def list(self, bucket):
        return self.run("ls", f"s3://{bucket}")

    def put(self, file, bucket, key):
        return self.run("put", file, f"s3://{bucket}/{key}")

    def download(self, bucket, key):
        return self.run("get", f"s3://{bucket}/{key}", f"in/{key}")

    def delete(self, bucket, key):
        return self.run("del", f"s3://{bucket}/{key}")


class Rclone(Tool):
    name = "rclone"

    @staticmethod
    def sends_acl():
        """Those before 1.65 put `X-Amz-Acl: private` on every upload, and no option removes it."""
        version = subprocess.run(["rclone", "version"], check=True, capture_output=True, text=True, timeout=20)
        return int(version.stdout.split(".")[1]) < 65

    def configure(self, pair, key_id, secret):
        (self.folder / "rclone.conf").write_text(
            "[store]\ntype = s3\nprovider = Other\n"
            f"access_key_id = {key_id}\nsecret_access_key = {secret}\n"
            f"endpoint = {pair.endpoint}\nregion = {pair.region}\n"
        )

    def command(self):
        return ["rclone", "--config", "rclone.conf", "--retries=1", "--low-level-retries=1"]

    def list(self, bucket):
        return self.run("lsf", f"store:{bucket}")

    def put(self, file, bucket, key):
        """Uploads a folder. rclone lists first and, with `--s3-no-head`, does not check what it has put,
        which would need the right to get."""
        shutil.copy(self.folder / file, self.empty("out") / key)
        return self.run("copy", "--s3-no-head", "out", f"store:{bucket}")

    def download(self, bucket, key):
        """Downloads a folder. rclone does not fail on a single file that it may not read."""
        return self.run("copy", "--include", f"/{key}", f"store:{bucket}", "in")

    def delete(self, bucket, key):
        return self.run("delete", "--include", f"/{key}", f"store:{bucket}")


def tools(world):
    """Each tool can do what the rights allow, and nothing elsewhere."""
    for kind in [S3cmd, Rclone]:
        if not Path("/usr/bin", kind.name).exists():
            print(f"SKIPPED: {kind.name} with a pair that lasts: not on this machine (Debian: {kind.name})")
            continue
        if kind is Rclone and world.engine == "seaweedfs" and Rclone.sends_acl():
            print("SKIPPED: this rclone with a pair that lasts: it sends an ACL with every put (docs/clients/rclone.md)")
            continue
        rights(kind(world.key.rotate()), world)


def rights(tool, world):
    name, store = tool.name, world.store
    (tool.folder / "mine").write_bytes(name.encode())
    fresh = f"by-{name}"
    for place, reads, writes in [
        (world.readable, True, False),
        (world.writable, False, True),
        (world.both, True, True),
    ]:
        bucket = place.bucket
        store.s3.put_object(**place.at("given"), Body=b"given")
        tool.good(f"list {bucket}", tool.list(bucket), "given")
        put = tool.put("mine", bucket, fresh)
        if writes:
            tool.good(f"put in {bucket}", put)
            body = world.reader.s3.get_object(**place.at(fresh))["Body"].read()
            check(f"{name}: what it has put in {bucket} is there", body == name.encode(), body)
        else:
            tool.refused(f"put in {bucket}", put)
        done, got = tool.get(bucket, "given")
        tool.good(f"get in {bucket}", done) if reads else tool.refused(f"get in {bucket}", done)
        expected = b"given" if reads else b""
        check(f"{name}: what it has got from {bucket} is what the rights say", b"".join(got) == expected, got)
        deleted = tool.delete(bucket, "given")
        tool.good(f"delete in {bucket}", deleted) if writes else tool.refused(f"delete in {bucket}", deleted)
        left = {entry["Key"] for entry in store.s3.list_objects_v2(**place.listed()).get("Contents", [])}
        expected = {fresh} if writes else {"given"}
        check(f"{name}: {bucket} holds what the rights say", left & {"given", fresh} == expected, left)
    for place, whose in world.strangers:
        bucket, secret = place.bucket, f"{place.prefix}secret"
        tool.refused(f"list {whose}", tool.list(bucket))
        tool.refused(f"put in {whose}", tool.put("mine", bucket, fresh))
        done, got = tool.get(bucket, secret)
        tool.refused(f"get in {whose}", done)
        check(f"{name}: it has got nothing from {whose}", not b"".join(got), got)
