"""A client that sends any bytes, and reads answers by the letter of RFC 9112."""

import contextlib
import dataclasses
import json
import socket
import time

LOOPBACK = "127.0.0.1"


# For the status of an answer without a head (HTTP/0.9).
BARE = 0


class NotHttp(Exception):
    """What came back is no sequence of HTTP/1.1 answers."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def id(self):
        return self.headers.get("x-request-id")

    @property
    def is_problem(self):
        """Whether the body is a problem document that says the same status."""
        if self.headers.get("content-type") != "application/problem+json":
            return False
        with contextlib.suppress(ValueError):
            return json.loads(self.body).get("status") == self.status
        return False


@dataclasses.dataclass
class Outcome:
    """What a connection got: its answers, how it ended (closed, reset or open) and when, in seconds."""

    answers: list
    end: str
    took: float
    interim: int

    @property
    def statuses(self):
        return " ".join(str(answer.status) for answer in self.answers) or "none"


def connect(port, source=LOOPBACK):
    return socket.create_connection((LOOPBACK, port), timeout=10, source_address=(source, 0))


def exchange(
    port, pieces, wait, silence=None, pause=0.05, half_close=False, heads=(), source=LOOPBACK, awake=None
):
    """Sends the pieces and reads until the peer closes, for `wait` seconds or until it is silent for `silence`.
    `awake` returns once the peer has done something else: it may be silent because it is held up. `heads` are the
    numbers of the answers that have no body because HEAD was asked."""
    began = time.monotonic()
    with connect(port, source) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The peer may close before it has taken everything.
        with contextlib.suppress(OSError):
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(pause)
                stream.sendall(piece)
            if half_close:
                stream.shutdown(socket.SHUT_WR)
        received, end = read_all(stream, wait, silence or wait, awake)
    answers, interim = parse(received, heads)
    return Outcome(answers, end, time.monotonic() - began, interim)


def read_all(stream, wait, silence, awake=None):
    received, until = b"", time.monotonic() + wait
    while True:
        stream.settimeout(max(0.001, min(silence, until - time.monotonic())))
        try:
            data = stream.recv(65536)
        except TimeoutError:
            if not awake:
                return received, "open"
            awake()
            awake, silence = None, 0.5
            continue
        except OSError:
            return received, "reset"
        if not data:
            return received, "closed"
        received += data


def parse(data, heads=()):
    """Returns the final answers, and how many interim ones (1xx) came between them."""
    answers, interim = [], 0
    while data:
        if not data.startswith(b"HTTP/"):
            answers.append(Answer(BARE, {}, data))
            break
        head, found, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        if not found or lines[0][:9] not in ("HTTP/1.1 ", "HTTP/1.0 "):
            raise NotHttp(head[:200])
        status = int(lines[0][9:12])
        if status < 200:
            interim += 1
            continue
        headers = {}
        for line in lines[1:]:
            name, found, value = line.partition(":")
            if not found or name.lower() in headers and name.lower() == "content-length":
                raise NotHttp(line)
            headers[name.lower()] = value.strip()
        body, data = (b"", data) if len(answers) in heads else body_of(headers, status, data)
        answers.append(Answer(status, headers, body))
    return answers, interim


def body_of(headers, status, data):
    """The body (RFC 9112 section 6.3), and what follows it."""
    if status in (204, 304):
        return b"", data
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return chunked(data)
    if (length := headers.get("content-length")) is None:
        return data, b""
    if len(data) < int(length):
        raise NotHttp(f"{len(data)} of {length} bytes of a body")
    return data[: int(length)], data[int(length) :]


def chunked(data):
    body = b""
    while True:
        size, found, data = data.partition(b"\r\n")
        size = int(size.partition(b";")[0], 16)
        if not found or data[size : size + 2] != b"\r\n":
            raise NotHttp("a chunk")
        body, data = body + data[:size], data[size + 2 :]
        if not size:
            return body, data
