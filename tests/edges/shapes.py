"""Requests whose end is in doubt: what a client sends, and what must come of it at the gateway itself and
through a proxy.

`SMUGGLED` hides in bodies: whoever takes it for a request answers 404, and the gateway logs it. `poison`
hides there too and has no end: the next request on that connection becomes the value of its last
header, and is answered with the attacker's credentials. `@TOKEN@` is the attacker's token.
"""

import dataclasses

LINE = b"POST /v1/credentials HTTP/1.1\r\n"
HOST = b"Host: edges\r\n"
TOKEN = b"Authorization: Bearer @TOKEN@\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PROBE = b"GET /problems/invalid-request HTTP/1.1\r\nHost: edges\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: edges\r\n\r\n"
LAST = b"0\r\n\r\n"
GET = b"GET /problems/invalid-request HTTP/1.1\r\n" + HOST + b"\r\n"
CALL = LINE + HOST + TOKEN + JSON + b"Content-Length: 2\r\n\r\n{}"
CHUNKED_CALL = LINE + HOST + TOKEN + JSON + CHUNKED + b"\r\n2\r\n{}\r\n" + LAST


@dataclasses.dataclass
class Shape:
    """`direct` are the statuses that the gateway answers a client that talks to it, `none` if it closes
    without one. `proxied`: through a proxy it is to `serve` as many, to `refuse` it, or `either`."""

    name: str
    pieces: list
    direct: str
    proxied: str = "refuse"
    # Seconds between the pieces, and whether the client closes its half behind them.
    pause: float = 0.02
    half_close: bool = False
    # The numbers of the answers that have no body, because HEAD was asked.
    heads: tuple = ()
    # Whether the gateway waits for the rest, until its time limit.
    waits: bool = False
    byte_by_byte: bool = False


def post(*headers, body=b"", line=LINE, probe=PROBE):
    """A call with the attacker's token, and a last request behind it."""
    return [
        line + HOST + TOKEN + JSON + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body + probe
    ]


def length(number):
    return b"Content-Length: %d" % number


def poison(token):
    return (LINE + HOST + TOKEN + b"X: ").replace(b"@TOKEN@", token)


def both(name, token, *framing):
    """Content-Length and Transfer-Encoding: who believes the one ends the body elsewhere than the other."""
    hidden, chunk = LAST + poison(token), b"%x\r\n%b\r\n" % (len(SMUGGLED), SMUGGLED)
    return [
        Shape(f"CL.TE, {name}", post(length(len(hidden)), *framing, body=hidden, probe=b""), "400", "either"),
        Shape(f"TE.CL, {name}", post(*framing, length(4), body=chunk + LAST), "400", "either"),
    ]


TE = b"Transfer-Encoding: chunked"
OBSCURE = {
    "plain": [TE],
    "upper case": [b"TRANSFER-ENCODING: CHUNKED"],
    "space before the colon": [b"Transfer-Encoding : chunked"],
    "tab before the colon": [b"Transfer-Encoding\t: chunked"],
    "no space": [b"Transfer-Encoding:chunked"],
    "tab": [b"Transfer-Encoding:\tchunked"],
    "vertical tab": [b"Transfer-Encoding:\x0bchunked"],
    "form feed behind": [b"Transfer-Encoding: chunked\x0c"],
    "line folded": [b"Transfer-Encoding:\r\n chunked"],
    "line folded in the name's place": [b"X: y\r\n Transfer-Encoding: chunked"],
    "bare LF before it": [b"X: y\nTransfer-Encoding: chunked"],
    "bare CR before it": [b"X: y\rTransfer-Encoding: chunked"],
    "NUL in the name": [b"Transfer-Encoding\x00: chunked"],
    "NUL in the value": [b"Transfer-Encoding: chunked\x00"],
    "quoted": [b'Transfer-Encoding: "chunked"'],
    "with a parameter": [b"Transfer-Encoding: chunked;q=1"],
    "xchunked": [b"Transfer-Encoding: xchunked"],
    "identity": [b"Transfer-Encoding: identity"],
    "empty": [b"Transfer-Encoding:"],
    "list": [b"Transfer-Encoding: identity, chunked"],
    "list that ends in another": [b"Transfer-Encoding: chunked, identity"],
    "gzip first": [b"Transfer-Encoding: gzip, chunked"],
    "chunked twice": [b"Transfer-Encoding: chunked, chunked"],
    "two lines": [TE, TE],
    "two lines, identity first": [b"Transfer-Encoding: identity", TE],
    "two lines, identity last": [TE, b"Transfer-Encoding: identity"],
    "high byte": [b"Transfer-Encoding: chunked\xa0"],
    "Connection names it": [TE, b"Connection: transfer-encoding"],
    "Connection names the length": [TE, b"Connection: content-length"],
}

# Without a length beside it.
ALONE = {
    "xchunked": b"Transfer-Encoding: xchunked",
    "identity": b"Transfer-Encoding: identity",
    "empty": b"Transfer-Encoding:",
    "list": b"Transfer-Encoding: identity, chunked",
    "gzip, chunked": b"Transfer-Encoding: gzip, chunked",
    "chunked, chunked": b"Transfer-Encoding: chunked, chunked",
    "quoted": b'Transfer-Encoding: "chunked"',
    "parameter": b"Transfer-Encoding: chunked;q=1",
    "vertical tab": b"Transfer-Encoding:\x0bchunked",
}

LENGTHS = {
    "twice, the same": [length(2), length(2)],
    "twice, different": [length(2), length(2 + len(SMUGGLED))],
    "list, the same": [b"Content-Length: 2, 2"],
    "list, different": [b"Content-Length: 2, 3"],
    "plus": [b"Content-Length: +2"],
    "minus": [b"Content-Length: -2"],
    "empty": [b"Content-Length:"],
    "hexadecimal": [b"Content-Length: 0x2"],
    "decimal point": [b"Content-Length: 2.0"],
    "exponent": [b"Content-Length: 2e0"],
    "inner space": [b"Content-Length: 2 2"],
    "beyond 64 bits": [b"Content-Length: 18446744073709551618"],
    "space before the colon": [b"Content-Length : 2"],
    "vertical tab": [b"Content-Length:\x0b2"],
    "folded": [b"Content-Length:\r\n 2"],
    "NUL": [b"Content-Length: 2\x00"],
    "Arabic digits": [b"Content-Length: \xd9\xa2"],
    "underscore": [b"Content-Length: 0_2"],
    "comma first": [b"Content-Length: ,2"],
}

CHUNKS = {
    # name: the body, statuses, through a proxy
    "extension": (b"2;a=b\r\n{}\r\n" + LAST, "200 200", "serve"),
    "quoted extension": (b'2;a="b c"\r\n{}\r\n' + LAST, "200 200", "either"),
    "extension that hides a line": (b'2;a="\r\n{}\r\n' + LAST, "200 200", "either"),
    "extension with a bare LF": (b"2;a\nb\r\n{}\r\n" + LAST, "400", "either"),
    "extension with a bare CR": (b"2;a\rb\r\n{}\r\n" + LAST, "400", "either"),
    "space before the extension": (b"2 ;a=b\r\n{}\r\n" + LAST, "200 200", "either"),
    "space behind the size": (b"2 \r\n{}\r\n" + LAST, "200 200", "either"),
    "space before the size": (b" 2\r\n{}\r\n" + LAST, "400", "either"),
    "leading zeros": (b"0002\r\n{}\r\n" + LAST, "200 200", "either"),
    "bare LF behind the size": (b"2\n{}\r\n" + LAST, "400", "either"),
    "bare CR behind the size": (b"2\r{}\r\n" + LAST, "400", "either"),
    "bare LF behind the data": (b"2\r\n{}\n" + LAST, "400", "either"),
    "no line end behind the data": (b"2\r\n{}" + LAST, "400", "either"),
    "data longer than the size": (b"1\r\n{}\r\n" + LAST, "400", "either"),
    "hexadecimal prefix": (b"0x2\r\n{}\r\n" + LAST, "400", "either"),
    "plus": (b"+2\r\n{}\r\n" + LAST, "400", "either"),
    "minus": (b"-2\r\n{}\r\n" + LAST, "400", "either"),
    "empty size": (b"\r\n{}\r\n" + LAST, "400", "either"),
    "only an extension": (b";a\r\n{}\r\n" + LAST, "400", "either"),
    "not hexadecimal": (b"2g\r\n{}\r\n" + LAST, "400", "either"),
    "size beyond 64 bits": (b"10000000000000002\r\n{}\r\n" + LAST, "400", "either"),
    "size beyond 64 bits, all ones": (b"fffffffffffffffff\r\n{}\r\n" + LAST, "400", "either"),
    "NUL behind the size": (b"2\x00\r\n{}\r\n" + LAST, "400", "either"),
    "bare LF behind the last chunk": (b"2\r\n{}\r\n0\n\n", "400", "either"),
    "trailer": (b"2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n", "200 200", "serve"),
    "trailer with Content-Length": (b"2\r\n{}\r\n0\r\nContent-Length: 60\r\n\r\n", "200 200", "either"),
    "trailer with Transfer-Encoding": (
        b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "200 200",
        "either",
    ),
    "trailer with Host and Authorization": (
        b"2\r\n{}\r\n0\r\nHost: b\r\nAuthorization: Bearer b\r\n\r\n",
        "200 200",
        "either",
    ),
    "trailer that is a request": (
        b"2\r\n{}\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n",
        "200 200",
        "either",
    ),
    "trailer with NUL": (b"2\r\n{}\r\n0\r\nX\x00: 1\r\n\r\n", "200 200", "either"),
    "trailer with a space in its name": (b"2\r\n{}\r\n0\r\nX y : 1\r\n\r\n", "200 200", "either"),
    "folded trailer": (b"2\r\n{}\r\n0\r\nX: 1\r\n y\r\n\r\n", "200 200", "either"),
    "two bodies": (b"2\r\n{}\r\n" + LAST + b"2\r\n{}\r\n" + LAST, "200 400", "either"),
    "data that looks like the end": (b"7\r\n" + LAST + b"{}\r\n" + LAST, "400 200", "serve"),
}


def framings(token):
    for name, framing in OBSCURE.items():
        yield from both(name, token, *framing)
    for name, header in ALONE.items():
        yield Shape(f"Transfer-Encoding, {name}", post(header, body=LAST), "400", "either")
    hidden = poison(token)
    yield Shape("CL.CL, poisoned", post(length(0), length(len(hidden)), body=hidden, probe=b""), "400")
    for name, lengths in LENGTHS.items():
        yield Shape(f"Content-Length, {name}", post(*lengths, body=b"{}" + SMUGGLED), "400", "either")
    spaces = post(b"Content-Length:  \t 2 \t ", body=b"{}")
    yield Shape("Content-Length, spaces around", spaces, "200 200", "either")
    yield Shape(
        "Content-Length, leading zeros", post(b"Content-Length: 0002", body=b"{}"), "200 200", "either"
    )
    for name, (body, direct, proxied) in CHUNKS.items():
        yield Shape(f"chunks, {name}", post(TE, body=body), direct, proxied)
