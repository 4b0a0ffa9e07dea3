"""The blocks that are not simply run in the shell, and further checks. The run fails if a rule fits no
block, or a block's language is unknown."""

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from typing import Callable

from blocks import blocks
from machine import ROOT

ALICE = "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a"


@dataclass
class Rule:
    page: str  # or a folder of pages, which ends with a slash
    start: str  # how the block begins
    skip: str = ""  # why it is not run
    run_by: str = ""  # what runs it instead
    stand_ins: Callable = lambda machine: {}
    before: Callable = lambda machine: None
    after: Callable = lambda machine: None

    def fits(self, block):
        page = block.page.startswith(self.page) if self.page.endswith("/") else block.page == self.page
        return page and block.text.startswith(self.start)


def bob_is_apart(machine):
    """Bob gets another bucket, and alice's credentials are refused there."""
    machine.expect(
        "bob=$(TOKEN=$(cloakroom dev-token bob); credentials >/dev/null; echo $BUCKET)\n"
        '[ "$bob" ] && [ "$bob" != "$BUCKET" ]\n'
        'if (BUCKET=$bob; s3 hello.txt); then false; fi',
        "<Code>AccessDenied</Code>",
    )


def bad_tokens_are_explained(machine):
    """A refused token keeps no keys and says why."""
    for options, title in ("--scope other", "Insufficient scope"), ("--without-claim sub", "Missing claims"):
        machine.expect(
            f"(TOKEN=$(cloakroom dev-token alice {options})\n"
            'if credentials; then false; fi; echo "keys: $AWS_ACCESS_KEY_ID$AWS_SECRET_ACCESS_KEY.")',
            f'"title":"{title}"', '"detail":', "keys: .",
        )


def zsh_takes_them(machine):
    """The lines also work in macOS's shell, which reads `$X:s3` as a modifier, for instance."""
    if not shutil.which("zsh"):
        return print("SKIPPED: the same lines in zsh: it is not on this machine")
    functions, lines = machine.ran[-2:]
    return machine.expect(f"(cat '{functions}' '{lines}') | zsh -f", "200 PUT", "hello", "200 GET")


def first_file(machine):
    bob_is_apart(machine)
    bad_tokens_are_explained(machine)
    zsh_takes_them(machine)


def sdk_refreshes(machine):
    """boto3 gets its credentials from the gateway, and new ones before they expire."""
    machine.expect(
        '[ "$(stat -c %a "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")" = 600 ]\n'
        f"python '{ROOT}/tests/docs/refresh.py'",
        "hello.txt README.md",
        "refreshed by container-role",
    )


def known_settings(machine, text):
    """The gateway knows every key of a TOML block, which need not be whole, and whose files need not exist. Returns
    what is wrong, or None."""
    tomllib.loads(text)
    (machine.work / "page.toml").write_text(text)
    printed = subprocess.run(
        ["target/debug/cloakroom", "config", "check", "--config", machine.work / "page.toml"],
        cwd=machine.clone, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
    ).stderr
    is_partial = "is required" in printed or "No such file" in printed
    return printed if "there is no such key" in printed or not is_partial else None


def not_yaml(machine, text):
    (machine.work / "page.yaml").write_text(text)
    printed, failed = machine.run(f"python -c 'import yaml; yaml.safe_load(open(\"{machine.work}/page.yaml\"))'")
    return printed if failed else None


def tool_configuration(machine, text):
    """rclone or s3cmd lists the bucket with an INI block, filled in from the answer."""
    key, secret = (machine.expect(f'printf %s "${name}"') for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    store = f"127.0.0.1:{machine.ports['9000']}"
    text = text.replace("https://storage.example.com", f"http://{store}").replace("storage.example.com", store)
    text = text.replace("AKIA…", key).replace("= …", f"= {secret}")
    if "[backups]" in text:
        tool, command = "rclone", 'rclone --config "$HOME/file" ls "backups:$BUCKET"'
    else:
        tool, command = "s3cmd", 's3cmd -c "$HOME/file" ls "s3://$BUCKET"'
        text = f"[default]\n{text}use_https = False\n"
    if not shutil.which(tool):
        print(f"SKIPPED: {tool} with the page's file: it is not on this machine")
        return None
    (machine.work / "home/file").write_text(text)
    printed, failed = machine.run(command)
    return None if not failed and "backup.tar" in printed else f"{failed}\n{printed}"


def two_lines(machine):
    """The page's program, and the package's folder."""
    page = blocks(ROOT / "docs/clients/python.md")
    (program,) = (block.text for block in page if block.file == "two_lines.py")
    (machine.clone / "two_lines.py").write_text(program)
    (machine.clone / "sdk").symlink_to(ROOT / "sdk")


def two_lines_ran(machine):
    if machine.printed.splitlines()[-1:] != ["Incoming/local.csv 8"]:
        raise AssertionError(f"the page shows another last line than {machine.printed}")
    machine.expect(
        "python -m cloakroom rm cr:Incoming/local.csv\n"
        "unset CLOAKROOM_TOKEN_FILE; rm local.csv two_lines.py sdk"
    )


def gateways_identity(machine):
    config = tomllib.loads((machine.clone / ".cloakroom/cloakroom.toml").read_text())["storage"]
    machine.expect(
        "unset AWS_SESSION_TOKEN AWS_CREDENTIAL_EXPIRATION\n"
        f"export AWS_ACCESS_KEY_ID={config['access_key_id']} AWS_SECRET_ACCESS_KEY={config['secret_access_key']}"
    )


def tag_is_shown(machine):
    tag = machine.printed.strip()
    machine.expect(f"cloakroom bucket show {ALICE}", tag)
    if not re.fullmatch("[0-9a-f]{32}", tag):
        raise AssertionError(f"not a deployment's id: {tag}")


def same_bucket(machine):
    machine.expect("TOKEN=$(cloakroom dev-token alice); credentials; s3 hello.txt", ALICE, "hello")


def backup_folders(machine):
    return {
        "/etc/cloakroom.toml": str(machine.clone / ".cloakroom/cloakroom.toml"),
        "/var/backups": str(machine.work / "backups"),
        "/var/lib/cloakroom": str(machine.clone / ".cloakroom"),
    }


def erased(machine):
    """The report says it, and names what is left."""
    machine.expect('python -c \'import json; print(json.load(open("erin.json"))["outcome"])\'; rm erin.json', "erased")


def make_backups_folder(machine):
    (machine.work / "backups").mkdir()


def change_and_stop(machine):
    """An organisation made after the backup is gone after the restore."""
    machine.expect("cloakroom org create late")
    machine.stop_dev()


def restored(machine):
    machine.start_dev()
    printed = machine.expect("cloakroom healthcheck; cloakroom org list", "acme")
    if "late" in printed:
        raise AssertionError(f"the backup was not restored:\n{printed}")
    same_bucket(machine)


def running(machine):
    pid = "$(systemctl show --value --property=MainPID cloakroom)"
    return backup_folders(machine) | {pid: str(machine.dev_process.pid)}


def remove_registry(machine):
    """Removes its file, of which a second name stays for the blocks that follow."""
    machine.expect(
        "(cd .cloakroom; mkdir aside; for file in cloakroom.db*; do ln $file aside/; done; rm cloakroom.db*)"
    )


def rescued(machine):
    """What the process had open is whole. With its file back, the gateway goes on."""
    folder = machine.clone / ".cloakroom"
    machine.expect(f"CLOAKROOM_DATABASE__URL=sqlite://{folder}/rescue/cloakroom.db cloakroom org list", "acme")
    machine.expect("(cd .cloakroom; rm -f cloakroom.db*; ln aside/* .; rm -r aside)")
    machine.expect("until cloakroom healthcheck; do sleep 0.1; done")


def lost_is_read(machine):
    if "org create" not in machine.printed or '"vend"' in machine.printed:
        raise AssertionError(f"not what operators did:\n{machine.printed}")


def postgres(machine):
    """Starts a PostgreSQL with a registry in it. Returns why there is none, or None."""
    if not shutil.which("pg_dump"):
        return "no PostgreSQL on this machine"
    folder, script = machine.work / "postgres", ROOT / "tests/engines/postgres.sh"
    machine.work.chmod(0o755)
    machine.at_end.append(lambda: subprocess.run([script, "stop", folder], check=True))
    subprocess.run([script, "start", folder], check=True)
    url = (folder / "gateway.env").read_text().split("=", 1)[1].strip()
    server = url.rsplit("/", 1)[0]
    machine.expect(f"URL={url} ADMIN_URL={server}/postgres RESTORED_URL={server}/cloakroom_restored")
    machine.expect(
        "(export CLOAKROOM_DATABASE__URL=$URL CLOAKROOM_HTTP__ADDRESS=127.0.0.1:0\n"
        "cloakroom serve & until cloakroom org create kept; do sleep 0.2; done; kill $!; wait $!)"
    )
    return None


def dumped(machine):
    return None if (machine.clone / "cloakroom.dump").exists() else "nothing was dumped"


def postgres_restored(machine):
    machine.expect("CLOAKROOM_DATABASE__URL=$RESTORED_URL cloakroom org list", "kept")


def make_secrets(machine):
    folder = machine.work / "secrets"
    folder.mkdir(mode=0o700)
    database = "postgres://cloakroom:of-the-database@db.example.com/cloakroom?sslmode=verify-full"
    for name, secret in ("oauth", "of-the-client"), ("storage", "of-the-identity"), ("database", database):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o400)


def production(machine):
    """The settings are checked; there is no release build, and no server of example.com."""
    return {
        "/run/secrets": str(machine.work / "secrets"),
        "cargo build --release --no-default-features": ":",
        # Without the configuration of `dev`, which an earlier block has exported.
        "target/release/cloakroom serve": "env -u CLOAKROOM_CONFIG target/debug/cloakroom config check",
    }


def configured(machine):
    """No setting is missing, there is no warning, and later blocks do not have these settings."""
    printed = machine.printed
    machine.expect('unset "${!CLOAKROOM_HTTP__@}" "${!CLOAKROOM_OAUTH__@}" "${!CLOAKROOM_STORAGE__@}" "${!CLOAKROOM_DATABASE__@}"')
    if "warning" in printed or "https://storage-authorization.example.com" not in printed:
        raise AssertionError(f"the settings are not in effect, or not good:\n{printed}")


COMPOSE = "tests/compose/run"
RULES = [
    Rule("docs/api/sts.md", "aws sts get-caller-identity", skip="needs a session: tests/clients/run"),
    Rule("docs/workloads.md", "cloakroom workspace add-member", skip="needs an issuer in the configuration: cargo test"),
    Rule("README.md", "cargo run -- dev", run_by="the first terminal"),
    Rule("README.md", "cargo test", run_by=".ci/run"),
    Rule("README.md", "TOKEN=$(cloakroom dev-token alice)", after=first_file),
    Rule("docs/first-steps.md", "aws s3 cp", after=sdk_refreshes),
    Rule("docs/production.md", "docker compose", skip=f"needs the images: {COMPOSE}"),
    Rule(
        "docs/production.md", "export CLOAKROOM_HTTP__PUBLIC_URL", stand_ins=production, before=make_secrets, after=configured,
    ),
    Rule("docs/production.md", "docker buildx", skip="needs buildx and a registry"),
    Rule("docs/engines/minio.md", "mc admin user add store gateway-2", skip="ends every session: tried by hand"),
    Rule("docs/kubernetes.md", "kubectl", skip="needs a cluster"),
    Rule("docs/kubernetes.md", "helm", skip="needs a cluster: tests/helm/run renders the chart"),
    Rule("docs/systemd.md", "install -m 755 target/release/cloakroom /usr/local/bin/cloakroom\ninstall -m 644", skip="changes the machine: tests/systemd/run does the same"),
    Rule("docs/systemd.md", "once()", skip="needs a running systemd"),
    Rule("docs/systemd.md", "install -m 755 /usr/local/bin/cloakroom /usr", skip="changes the machine"),
    Rule("docs/systemd.md", "systemctl stop", skip="changes the machine"),
    Rule("docs/systemd.md", "chown root:cloakroom", skip="changes the machine: tests/systemd/run does the same"),
    Rule("docs/upgrading.md", "cloakroom migrate --print-indexes", skip="needs a PostgreSQL of an earlier version"),
    Rule("docs/fuzzing.md", "fuzz/run", skip="fuzzes for minutes: CI does"),
    Rule("docs/growth.md", "tests/load/growth", skip="measures for minutes: tests/load/growth"),
    Rule("docs/growth.md", "tests/load/crowded", skip="measures for minutes: tests/load/crowded"),
    Rule("docs/growth.md", "tests/load/soak", skip="measures for an hour: tests/load/soak"),
    Rule("docs/speed.md", "tests/load/run", skip="measures for minutes: tests/load/run"),
    Rule("docs/supply-chain.md", "cargo tree", skip="only prints: deploy/release/sbom reads the same"),
    Rule("docs/supply-chain.md", "cargo build", skip="is built already, elsewhere perhaps"),
    Rule("docs/supply-chain.md", "cargo deny", skip="its database is fetched from a host that CI does not reach"),
    Rule("docs/supply-chain.md", "git clone", skip="needs a clone of the advisory database"),
    Rule("docs/supply-chain.md", "cargo install", run_by=".ci/run"),
    Rule("docs/supply-chain.md", "deploy/release/build", skip="takes two release builds: tests/supply/twice"),
    Rule(
        "docs/bucket-conflict.md", "cloakroom bucket show 5c3b3bb8e6448a51b8ad7992994f722    #",
        stand_ins=lambda machine: {"bucket release": "bucket release --yes", "bucket assign": "bucket assign --yes"},
        after=same_bucket,
    ),
    Rule("docs/bucket-conflict.md", "aws s3api get-bucket-policy", skip="needs a bucket of another's"),
    Rule(
        "docs/bucket-conflict.md", "aws s3api get-bucket-tagging", before=gateways_identity, after=tag_is_shown,
        stand_ins=lambda machine: {"https://storage.example.com": f"http://127.0.0.1:{machine.ports['9000']}"},
    ),
    *(
        Rule("docs/clients/", start, run_by="tests/clients/run")
        for start in ("go mod tidy", "mvn -q compile", "npm install", "cargo run", "pip install boto3", "pip install 'pyiceberg", "pip install s3fs",
                      "pip install './sdk/python")
    ),
    Rule("docs/clients/python.md", "pip install ./sdk/python", before=two_lines, after=two_lines_ran),
    Rule(
        "docs/erase.md", "cloakroom erase --owner demo/erin\n",
        before=lambda machine: machine.expect("(TOKEN=$(cloakroom dev-token erin); credentials)", "bucket"),
    ),
    Rule("docs/erase.md", "cloakroom erase --owner demo/erin --yes", after=erased),
    Rule("docs/erase.md", "cloakroom export", skip="erin is erased: tests/engines/erase.py"),
    Rule("docs/erase.md", "Until ", skip="is what the skipped export prints: tests/it/administration/owner_export.rs"),
    Rule("docs/backup.md", "cloakroom backup", stand_ins=backup_folders, before=make_backups_folder),
    Rule(
        "docs/backup.md", "install -d -m 700", before=change_and_stop,
        stand_ins=lambda machine: backup_folders(machine) | {" -o cloakroom -g cloakroom": ""},
    ),
    Rule(
        "docs/backup.md", "install -m 600", after=restored,
        stand_ins=lambda machine: backup_folders(machine)
        | {" -o cloakroom -g cloakroom": "", "cloakroom-2026-11-25.db": "cloakroom-*.db"},
    ),
    Rule("docs/backup.md", "cloakroom migrate", stand_ins=backup_folders),
    Rule("docs/backup.md", "PID=$(systemctl", stand_ins=running, before=remove_registry, after=rescued),
    Rule("docs/backup.md", "export CLOAKROOM_DATABASE__URL", stand_ins=backup_folders, after=lost_is_read),
    Rule("docs/backup.md", "(umask 077; pg_dump", before=postgres),
    Rule("docs/backup.md", "createdb", before=dumped, after=postgres_restored),
]
