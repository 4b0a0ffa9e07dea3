"""HTTP/2 to a proxy that speaks HTTP/1.1 to the gateway: requests that would be another one, or more than
one, if the proxy wrote them down as they are (downgrade smuggling). Frames and header fields are written by
hand (RFC 9113, RFC 7541 section 6.2.2), because libraries refuse to send such requests."""

import contextlib
import struct

import shapes
import wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INJECTED = b"a\r\n\r\n" + shapes.SMUGGLED


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(data):
    """A string literal without Huffman coding."""
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, coded = len(data) - 127, bytes([127])
    while rest > 127:
        coded, rest = coded + bytes([rest % 128 + 128]), rest // 128
    return coded + bytes([rest]) + data


def fields(pairs):
    return b"".join(b"\x00" + text(name) + text(value) for name, value in pairs)


def request(token, *more, body=b"", trailers=(), **pseudo):
    """The frames of one request; `pseudo` replaces or, with None, omits a pseudo-header."""
    usual = {"method": b"POST", "scheme": b"http", "path": b"/v1/credentials", "authority": b"edges"}
    pairs = [(b":" + name.encode(), value) for name, value in (usual | pseudo).items() if value is not None]
    pairs += [(b"authorization", b"Bearer " + token), (b"content-type", b"application/json"), *more]
    ends = END_STREAM if not body and not trailers else 0
    sent = frame(HEADERS, END_HEADERS | ends, 1, fields(pairs))
    if body:
        sent += frame(DATA, 0 if trailers else END_STREAM, 1, body)
    if trailers:
        sent += frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(trailers))
    return sent


def cases(token):
    poison, last = shapes.poison(token), shapes.LAST
    length = lambda number: (b"content-length", b"%d" % number)
    chunked = (b"transfer-encoding", b"chunked")
    return {
        "a body": request(token, length(2), body=b"{}"),
        "a body without a length": request(token, body=b"{}"),
        "trailers": request(token, length(2), body=b"{}", trailers=[(b"x-sum", b"1")]),
        "length 0 before a body": request(token, length(0), body=poison),
        "length too short": request(token, length(2), body=b"{}" + poison),
        "length too long": request(token, length(99), body=b"{}"),
        "length and no body": request(token, length(99)),
        "two lengths": request(token, length(2), length(2 + len(poison)), body=b"{}" + poison),
        "length with a plus": request(token, (b"content-length", b"+2"), body=b"{}" + poison),
        "length list": request(token, (b"content-length", b"2, 2"), body=b"{}" + poison),
        "Transfer-Encoding": request(token, chunked, body=last + poison),
        "Transfer-Encoding and a length": request(
            token, chunked, length(len(last + poison)), body=last + poison
        ),
        "Transfer-Encoding with a space": request(
            token, (b"transfer-encoding ", b"chunked"), body=last + poison
        ),
        "Transfer-Encoding in a trailer": request(token, body=last + poison, trailers=[chunked]),
        "length in a trailer": request(token, body=b"{}" + poison, trailers=[length(2)]),
        "Connection": request(token, (b"connection", b"keep-alive, transfer-encoding")),
        "Upgrade": request(token, (b"upgrade", b"websocket"), body=poison),
        "line end in a value": request(token, (b"x", INJECTED)),
        "bare LF in a value": request(token, (b"x", INJECTED.replace(b"\r", b""))),
        "bare CR in a value": request(token, (b"x", INJECTED.replace(b"\n", b""))),
        "NUL in a value": request(token, (b"x", b"a\x00b")),
        "line end in a name": request(token, (b"x: " + INJECTED, b"a")),
        "colon in a name": request(token, (b"transfer-encoding: chunked\r\nx", b"a"), body=last + poison),
        "upper case name": request(token, (b"Transfer-Encoding", b"chunked"), body=last + poison),
        "line end in the path": request(token, path=b"/ HTTP/1.1\r\nHost: " + INJECTED),
        "space in the path": request(token, path=b"/v1/credentials HTTP/1.1 x"),
        "line end in the method": request(token, method=b"GET / HTTP/1.1\r\nHost: " + INJECTED),
        "space in the method": request(token, method=b"GET /smuggled"),
        "line end in the authority": request(token, authority=INJECTED),
        "line end in the scheme": request(token, scheme=b"http\r\nx: " + INJECTED),
        "another Host": request(token, (b"host", b"other")),
        "two Hosts": request(token, (b"host", b"edges"), (b"host", b"other")),
        "no path": request(token, path=None),
        "empty path": request(token, path=b""),
        "path without a slash": request(token, path=b"v1/credentials"),
        "absolute path": request(token, path=b"http://edges/v1/credentials"),
        "CONNECT": request(token, method=b"CONNECT", path=None, scheme=None, body=shapes.SMUGGLED),
        "asterisk": request(token, method=b"OPTIONS", path=b"*"),
        "a pseudo-header twice": request(token, (b":path", b"/smuggled")),
        "high byte in the path": request(token, path=b"/\xff"),
    }


def send(port, frames):
    """Sends a request and reads until its stream has ended or been refused. Returns how, or `open`."""
    with wire.connect(port) as stream:
        with contextlib.suppress(OSError):
            stream.sendall(PREFACE + frame(SETTINGS, 0, 0) + frames)
        stream.settimeout(12)
        received, refusals = b"", {RST_STREAM: "refused", GOAWAY: "refused"}
        while True:
            while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3]):
                size, kind, flags = int.from_bytes(received[:3]), received[3], received[4]
                received = received[9 + size :]
                if kind in refusals:
                    return refusals[kind]
                if kind in (DATA, HEADERS) and flags & END_STREAM:
                    return "answered"
            try:
                data = stream.recv(65536)
            except TimeoutError:
                return "open"
            except OSError:
                return "refused"
            if not data:
                return "refused"
            received += data
