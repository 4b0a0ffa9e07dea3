"""The environment of the blocks: a folder that looks like a clone, `cloakroom dev` in it, and one bash."""

import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 120

# Notes every command that fails, in functions and substitutions too.
START = "set -E; trap 'echo \"line $LINENO: ${BASH_COMMAND%%$'\"'\\n'\"'*}\" >>\"$FAILED\"' ERR"


class Machine:
    def __init__(self, work, binary, ports, tools):
        """`ports` maps README's ports to this run's; `tools` is a folder that comes first in PATH."""
        self.work, self.clone, self.ports = work, work / "cloakroom", ports
        self.failed, self.dev_process = work / "failed", None
        self.printed = ""  # by the previous block
        self.ran = []  # the blocks' files
        self.at_end = []  # stops the servers that rules have started
        (self.clone / "target/debug").mkdir(parents=True)
        for name in ("home", "tmp", "bin", "blocks"):
            (work / name).mkdir()
        for item in ("README.md", "deploy", "docs"):
            (self.clone / item).symlink_to(ROOT / item)
        self.program(binary)
        script = 'while [ "$1" != -- ]; do shift; done; shift\nexec target/debug/cloakroom "$@"\n'
        write_program(work / "bin/cargo", script)
        print(f"stand-in: `cargo run -- …` and target/debug/cloakroom are {binary}")
        path = os.pathsep.join([str(work / "bin"), str(tools), os.environ["PATH"]])
        self.environment = {
            "PATH": path, "HOME": str(work / "home"), "TMPDIR": str(work / "tmp"),
            "LANG": "C.UTF-8", "TZ": "UTC", "FAILED": str(self.failed),
        }
        self.shell()

    def program(self, binary):
        changed = {port: own for port, own in self.ports.items() if port != own}
        program = self.clone / "target/debug/cloakroom"
        if not changed:
            program.symlink_to(binary)
            return
        for port, own in changed.items():
            print(f"stand-in: port {own} for {port}")
        gateway, store, oauth = (self.ports[port] for port in ("8080", "9000", "8081"))
        write_program(program, f"""case "$1" in
dev) set -- "$@" --port {gateway} --storage-port {store} --oauth-port {oauth} ;;
dev-token) set -- "$@" --oauth-port {oauth} ;;
esac
exec '{binary}' "$@"
""")

    def here(self, text):
        """A page's text with the ports of this run."""
        for port, own in self.ports.items():
            for host in ("127.0.0.1", "localhost"):
                text = text.replace(f"{host}:{port}", f"{host}:{own}")
        return text

    # The first terminal.

    def start_dev(self, command="cargo run -- dev"):
        log = open(self.work / "dev.log", "ab")
        self.dev_process = subprocess.Popen(
            ["bash", "-c", command], cwd=self.clone, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )
        ready = f"http://127.0.0.1:{self.ports['8080']}/readyz"
        open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        for _ in range(300):
            try:
                return open_url(ready, timeout=5).close()
            except (urllib.error.URLError, OSError):
                if self.dev_process.poll() is not None:
                    break
                time.sleep(0.1)
        sys.exit(f"`dev` is not ready:\n{(self.work / 'dev.log').read_text()}")

    def stop_dev(self):
        if self.dev_process:
            try:
                os.killpg(self.dev_process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            self.dev_process.wait(timeout=60)
            self.dev_process = None

    # The second one.

    def shell(self):
        self.done, theirs = os.pipe()
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=self.clone, env=self.environment, text=True,
            stdin=subprocess.PIPE, pass_fds=[theirs], start_new_session=True,
        )
        self.tell = f">&{theirs}"
        os.close(theirs)
        self.bash.stdin.write(f"{START}\n")

    def run(self, text, name="check"):
        """Runs lines in the shell. Returns what they print, and which commands failed."""
        script, output = (self.work / "blocks" / f"{name}{end}" for end in (".sh", ".out"))
        script.write_text(text)
        if name != "check":
            self.ran.append(script)
        self.failed.unlink(missing_ok=True)
        self.bash.stdin.write(f". '{script}' >'{output}' 2>&1 </dev/null; echo {self.tell}\n")
        self.bash.stdin.flush()
        if not select.select([self.done], [], [], TIMEOUT)[0]:
            return output.read_text(), [f"no end within {TIMEOUT} s"]
        if not os.read(self.done, 1):
            return output.read_text(), ["the shell has ended"]
        failed = self.failed.read_text().splitlines() if self.failed.exists() else []
        failed = [line for line in failed if str(script) not in line]
        # A carriage return overwrites the line, as on a terminal.
        lines = output.read_bytes().decode().split("\n")
        printed = "\n".join(line.rsplit("\r", 1)[-1] for line in lines)
        return printed, failed

    def expect(self, text, *wanted):
        """Runs lines that must succeed and print WANTED. Returns what they print."""
        printed, failed = self.run(text)
        missing = [want for want in wanted if want not in printed]
        if failed or missing:
            raise AssertionError(f"{text}: failed {failed}, lacks {missing}\n{printed}")
        return printed.strip()

    def end(self):
        self.bash.stdin.close()
        try:
            self.bash.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.bash.pid, signal.SIGKILL)
        self.stop_dev()
        for stop in self.at_end:
            stop()


def write_program(path, script):
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
