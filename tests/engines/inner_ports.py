"""The ports of SeaweedFS that are not for clients, without a certificate and with one.

    inner_ports.py --gateway URL --folder PAGE --first PORT

PAGE holds the certificates; the ports are S3's gRPC, then HTTP and gRPC of master, volume and filer, then HTTP
(for the gateway) and gRPC of the S3 server that writes users.
"""

import argparse
import socket
import ssl
from pathlib import Path

from checks import check, finish

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
GET = b"GET /buckets/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def answer(port, request, context=None):
    """What the port answers, or nothing if it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        try:
            if context is None:
                plain.sendall(request)
                return plain.recv(4096)
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                connection.sendall(request)
                return connection.recv(4096)
        except (ssl.SSLError, ConnectionError):
            return b""


def tls(folder, grpc, certificate):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if grpc:
        context.set_alpn_protocols(["h2"])
    if certificate:
        context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
    return context


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--first", type=int, required=True)
    options = parser.parse_args()
    servers = ["S3's gRPC", "master", "master's gRPC", "volume", "volume's gRPC", "filer", "filer's gRPC"]
    ports = [(name, options.first + number) for number, name in enumerate(servers)]
    ports.append(("gRPC of the S3 server for users", options.first + len(servers) + 1))
    for name, port in ports:
        grpc = "gRPC" in name
        request = PREFACE if grpc else GET
        plain = answer(port, request)
        closed = not plain or b" 400 " in plain.split(b"\r\n")[0]
        check(f"{name}: nothing without TLS", closed, plain)
        anonymous = answer(port, request, tls(options.folder, grpc, certificate=False))
        check(f"{name}: nothing without a certificate", not anonymous, anonymous)
        trusted = answer(port, request, tls(options.folder, grpc, certificate=True))
        check(f"{name}: an answer with a certificate", bool(trusted), trusted)
    finish("seaweedfs, inner ports")


main()
