"""Gateways of two versions, and their command lines."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engines"))
sys.dont_write_bytecode = True

from administration import CommandLine

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Gateway:
    """`cloakroom serve` of one version on a free port, with the configuration of the environment."""

    def __init__(self, program, **more):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url, self.log = f"http://{address}", tempfile.TemporaryFile("w+")
        environment = {**os.environ, "CLOAKROOM_HTTP__ADDRESS": address, **more}
        self.process = subprocess.Popen([program, "serve"], env=environment, stderr=self.log)

    def logged(self):
        self.log.seek(0)
        return self.log.read()[-3000:]

    def ready(self):
        for _ in range(300):
            try:
                with direct.open(f"{self.url}/readyz", timeout=5):
                    return self
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, f"it has ended: {self.logged()}"
                time.sleep(0.1)
        raise AssertionError(f"not ready: {self.logged()}")

    def stop(self):
        """Ends it as an operator does. It must end with 0."""
        self.process.terminate()
        code = self.process.wait(60)
        assert code == 0, (code, self.logged())

    def __enter__(self):
        return self.ready()

    def __exit__(self, kind, *_):
        if kind is None:
            return self.stop()
        self.process.kill()
        print(self.logged(), file=sys.stderr)


def ends(program):
    """`cloakroom serve` of a version that must not start: its exit code and what it logs."""
    gateway = Gateway(program)
    try:
        return gateway.process.wait(30), gateway.logged()
    finally:
        gateway.process.kill()


def command_line(program):
    return CommandLine(argparse.Namespace(cloakroom=program, config=os.environ["CLOAKROOM_CONFIG"]))


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--old", required=True, help="the earlier version's program")
    parser.add_argument("--new", required=True, help="this version's")
    parser.add_argument("--token-command", required=True)
    return parser
