"""A gateway, and nginx and HAProxy in front of it with the examples of deploy/, each a process of its own
with a log that is read as it grows."""

import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request

import wire

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The same members in both logs: the client's port, the status, and the gateway's id of the request.
NGINX_LOG = (
    """'{"client": $remote_port, "status": "$status", "id": "$upstream_http_x_request_id","""
    """ "upstream": "$upstream_addr"}'"""
)
HAPROXY_LOG = '{"client": %cp, "status": "%ST", "id": "%[capture.res.hdr(0)]", "upstream": "%s"}'


class Log:
    """The JSON lines of a file that are not read yet."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def new(self):
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            lines = file.read().rpartition(b"\n")[0]
        self.offset += len(lines) + 1 if lines else 0
        lines = (line for line in lines.split(b"\n") if line.startswith(b"{"))
        return [json.loads(line.decode("latin-1")) for line in lines]


class Process:
    def __init__(self, command, log, **options):
        self.log = Log(log)
        with open(log, "w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **options)

    def listening(self, port):
        for _ in range(200):
            try:
                wire.connect(port).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit(f"no answer on port {port}:\n{self.log.path.read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Gateway(Process):
    """Beside `dev`, with an empty registry and its own buckets."""

    def __init__(self, cloakroom, config, directory, name, port, **variables):
        self.port, self.name = port, name
        environment = os.environ | {
            "CLOAKROOM_CONFIG": str(config),
            "CLOAKROOM_DATABASE__URL": f"sqlite://{directory / name}.db?mode=rwc",
            "CLOAKROOM_NAMING__NAMESPACE": name,
            "CLOAKROOM_HTTP__ADDRESS": f"{wire.LOOPBACK}:{port}",
            "CLOAKROOM_HTTP__PUBLIC_URL": f"http://{wire.LOOPBACK}:{port}",
            "CLOAKROOM_HTTP__TRUSTED_PROXIES": wire.LOOPBACK,
            "CLOAKROOM_LIMITS__PER_CALLER": "10000/s burst 10000",
            "CLOAKROOM_LIMITS__PER_OWNER": "10000/s burst 10000",
            **variables,
        }
        super().__init__([cloakroom, "serve"], directory / f"{name}.log", env=environment)
        for _ in range(400):
            try:
                direct.open(f"http://{wire.LOOPBACK}:{port}/readyz", timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit(f"the gateway is not ready:\n{self.log.path.read_text()[-2000:]}")

    def is_live(self):
        """Returns once the gateway has answered."""
        direct.open(f"http://{wire.LOOPBACK}:{self.port}/livez", timeout=10).close()

    def requests(self):
        """The new requests in the log, without those that ask for its health."""
        lines = [line for line in self.log.new() if line["message"] == "request"]
        return [line for line in lines if line["route"] not in ("/livez", "/readyz")]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Resident memory, in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def peers(self):
        """The ports that have a connection to the gateway."""
        table = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
        rows = [line.split() for line in table]
        own = f":{self.port:04X}"
        return {row[2] for row in rows if row[1].endswith(own) and row[3] == "01"}


def nginx(directory, name, gateway, port, *, buffered=True, most=1024):
    """The example, without TLS; also HTTP/2 at the next port. It has at most `most` connections."""
    example = (DEPLOY / "nginx/cloakroom.conf").read_text()
    example = re.sub(r"\n *ssl_[^;]*;", "", example)
    listen = f"listen {wire.LOOPBACK}:{port}; listen {wire.LOOPBACK}:{port + 1} http2;"
    example = example.replace("listen 443 ssl;", listen).replace(
        "127.0.0.1:8080", f"127.0.0.1:{gateway.port}"
    )
    if not buffered:
        example = example.replace("proxy_read_timeout", "proxy_request_buffering off; proxy_read_timeout")
    place = directory / name
    place.mkdir()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {place}/{kind}; " for kind in kinds)
    config = place / "nginx.conf"
    config.write_text(f"""
        daemon off; master_process off; pid {place}/pid; error_log {place}/errors;
        events {{ worker_connections {most}; }}
        http {{
            log_format edges {NGINX_LOG}; access_log {place}/access edges; {temporary}
            client_header_timeout 6s; client_body_timeout 6s; keepalive_timeout 60s;
            {example}
        }}""")
    process = Process(["nginx", "-c", config, "-p", place, "-e", place / "errors"], place / "output")
    process.listening(port)
    process.log = Log(place / "access")
    return process


def haproxy(directory, name, gateway, port, *, most=1024):
    """The example, without TLS and on one thread; also HTTP/2 at the next port. It uses connections to the
    gateway again at once (`http-reuse always`), as a busy one does, and takes at most `most` clients, though it may not have the descriptors for
    as many."""
    example = (DEPLOY / "haproxy/cloakroom.cfg").read_text()
    changes = {
        r"log /dev/log local0": f"log stdout format raw local0\n    nbthread 1\n    maxconn {most}\n    no strict-limits",
        r"option httplog": f"log-format '{HAPROXY_LOG}'",
        r"ssl-default-bind-options .*": "",
        r"bind :443 .*": f"bind {wire.LOOPBACK}:{port}\n    bind {wire.LOOPBACK}:{port + 1} proto h2\n"
        "    capture response header x-request-id len 40",
        r"http-reuse safe": "http-reuse always",
        # While a client is idle, the shorter of this and http-keep-alive may count.
        r"timeout client 30s": "timeout client 60s",
        r"127\.0\.0\.1:8080": f"127.0.0.1:{gateway.port}",
    }
    for example_line, own in changes.items():
        example, changed = re.subn(example_line, own, example)
        assert changed, example_line
    config = directory / f"{name}.cfg"
    config.write_text(example)
    process = Process(["haproxy", "-db", "-f", config], directory / f"{name}.log")
    process.listening(port)
    return process
