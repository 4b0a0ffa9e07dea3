"""Requests at the edge of HTTP/1.1 whose end is in no doubt: their first lines, headers and connections."""

from shapes import (
    CALL,
    CHUNKED,
    CHUNKED_CALL,
    GET,
    HOST,
    LAST,
    PROBE,
    SMUGGLED,
    TE,
    TOKEN,
    Shape,
    framings,
    length,
    post,
)

FIRST_LINES = {
    # name: the first line of a request with a Host and another behind it, statuses, through a proxy
    "absolute-form": (b"GET http://edges/problems/invalid-request HTTP/1.1", "200 200", "serve"),
    "absolute-form, another host": (
        b"GET http://other/problems/invalid-request HTTP/1.1",
        "200 200",
        "either",
    ),
    "absolute-form without a path": (b"GET http://edges HTTP/1.1", "200 200", "serve"),
    "absolute-form, odd scheme": (
        b"GET gopher://edges/problems/invalid-request HTTP/1.1",
        "200 200",
        "either",
    ),
    "authority-form": (b"GET edges:80 HTTP/1.1", "404 200", "either"),
    "asterisk-form": (b"OPTIONS * HTTP/1.1", "404 200", "either"),
    "asterisk with GET": (b"GET * HTTP/1.1", "404 200", "either"),
    "no leading slash": (b"GET problems/invalid-request HTTP/1.1", "400", "either"),
    "empty target": (b"GET  HTTP/1.1", "400", "either"),
    "two spaces": (b"GET  /problems/invalid-request HTTP/1.1", "400", "either"),
    "space in the target": (b"GET /problems/a b HTTP/1.1", "400", "either"),
    "tab for a space": (b"GET\t/problems/invalid-request HTTP/1.1", "400", "either"),
    "space at the end": (b"GET /problems/invalid-request HTTP/1.1 ", "400", "either"),
    "fragment": (b"GET /problems/invalid-request#a HTTP/1.1", "200 200", "either"),
    "NUL in the target": (b"GET /problems/\x00 HTTP/1.1", "400", "refuse"),
    "NUL, escaped": (b"GET /problems/%00 HTTP/1.1", "404 200", "either"),
    "a whole request, escaped": (
        b"GET /problems/x%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0aGET%20/smuggled HTTP/1.1",
        "404 200",
        "serve",
    ),
    "high bytes in the target": (b"GET /problems/\xff\xfe HTTP/1.1", "400", "either"),
    "DEL in the target": (b"GET /problems/\x7f HTTP/1.1", "400", "either"),
    "bad escape": (b"GET /problems/%zz HTTP/1.1", "404 200", "either"),
    "path that climbs": (
        b"GET /problems/../smuggled/../problems/invalid-request HTTP/1.1",
        "404 200",
        "either",
    ),
    "bad method": (b"GE(T /problems/invalid-request HTTP/1.1", "400", "refuse"),
    "unknown method": (b"BREW /problems/invalid-request HTTP/1.1", "405 200", "serve"),
    "method in lower case": (b"get /problems/invalid-request HTTP/1.1", "405 200", "either"),
    "method of 300 letters": (b"A" * 300 + b" /problems/invalid-request HTTP/1.1", "405 200", "either"),
    "target of 40,000 bytes": (b"GET /problems/" + b"a" * 40_000 + b" HTTP/1.1", "404 200", "refuse"),
    "target of 70,000 bytes": (b"GET /problems/" + b"a" * 70_000 + b" HTTP/1.1", "431", "refuse"),
}

REQUESTS = {
    # name: all that is sent, statuses, through a proxy
    "HTTP/1.0": (b"GET /problems/invalid-request HTTP/1.0\r\n\r\n", "200", "serve"),
    "HTTP/1.0, kept": (
        b"GET /problems/invalid-request HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + PROBE,
        "200 200",
        "serve",
    ),
    "HTTP/1.0 with Transfer-Encoding": (
        b"POST /v1/credentials HTTP/1.0\r\n" + HOST + TOKEN + CHUNKED + b"\r\n" + LAST + SMUGGLED,
        "400",
        "either",
    ),
    "HTTP/1.0 POST without a length": (
        b"POST /v1/credentials HTTP/1.0\r\n" + HOST + TOKEN + b"\r\n",
        "400",
        "either",
    ),
    "HTTP/1.0 with Expect": (
        b"POST /v1/credentials HTTP/1.0\r\n"
        + HOST
        + TOKEN
        + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        "200",
        "serve",
    ),
    "HTTP/0.9": (b"GET /problems/invalid-request\r\n\r\n", "400", "either"),
    "HTTP/1.2": (b"GET /problems/invalid-request HTTP/1.2\r\n" + HOST + b"\r\n", "400", "either"),
    "HTTP/2.0 line": (b"GET /problems/invalid-request HTTP/2.0\r\n" + HOST + b"\r\n", "400", "either"),
    "HTTP/2 preface": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "400",
        "either",
    ),
    "http/1.1 in lower case": (
        b"GET /problems/invalid-request http/1.1\r\n" + HOST + b"\r\n",
        "400",
        "refuse",
    ),
    "CONNECT": (b"CONNECT edges:80 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, "404", "either"),
    "CONNECT to a path": (
        b"CONNECT /v1/credentials HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
        "405",
        "either",
    ),
    "empty lines first": (b"\r\n\r\n" + PROBE, "200", "serve"),
    "bare LF everywhere": (PROBE.replace(b"\r", b""), "200", "either"),
    "bare CR everywhere": (PROBE.replace(b"\n", b""), "400", "either"),
    "space before the first line": (b" " + PROBE, "400", "either"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", "400", "refuse"),
    "only NUL": (b"\x00" * 100 + b"\r\n\r\n", "400", "refuse"),
}

HEADERS = {
    "no Host": (b"", "400", "either"),
    "two Hosts": (HOST + HOST, "400", "either"),
    "two different Hosts": (HOST + b"Host: b\r\n", "400", "refuse"),
    "Host with a path": (b"Host: a/b\r\n", "200 200", "either"),
    "Host with a high byte": (b"Host: \xff\r\n", "200 200", "either"),
    "empty Host": (b"Host:\r\n", "200 200", "either"),
    "folded line": (HOST + b"X: a\r\n b\r\n", "400", "either"),
    "folded first line": (b" X: a\r\n" + HOST, "400", "either"),
    "space before the colon": (HOST + b"X : a\r\n", "400", "either"),
    "no colon": (HOST + b"X\r\n", "400", "either"),
    "empty name": (HOST + b": a\r\n", "400", "either"),
    "NUL in a name": (HOST + b"X\x00Y: a\r\n", "400", "refuse"),
    "NUL in a value": (HOST + b"X: a\x00b\r\n", "400", "refuse"),
    "high byte in a name": (HOST + b"X\xff: a\r\n", "400", "either"),
    "high bytes in a value": (HOST + b"X: \xff\xfe\r\n", "200 200", "either"),
    "DEL in a value": (HOST + b"X: a\x7fb\r\n", "400", "either"),
    "bare CR in a value": (HOST + b"X: a\rb\r\n", "400", "either"),
    "line ended by bare LF": (HOST + b"X: a\n", "200 200", "either"),
    "line ended by CR CR LF": (HOST + b"X: a\r\r\n", "400", "either"),
    "Unicode space in a name": (HOST + b"X\xc2\xa0Y: a\r\n", "400", "either"),
    "value of 60,000 bytes": (HOST + b"X: " + b"a" * 60_000 + b"\r\n", "200 200", "refuse"),
    "value of 70,000 bytes": (HOST + b"X: " + b"a" * 70_000 + b"\r\n", "431", "refuse"),
    "95 headers": (HOST + b"X: a\r\n" * 94, "200 200", "either"),
    "200 headers": (HOST + b"X: a\r\n" * 199, "431", "refuse"),
    "unknown expectation": (HOST + b"Expect: a-pony\r\n", "200 200", "either"),
    "Connection: close and keep-alive": (HOST + b"Connection: close, keep-alive\r\n", "200", "serve"),
    "Connection names Host": (HOST + b"Connection: host, authorization\r\n", "200 200", "serve"),
    "Upgrade: h2c": (
        HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "200",
        "either",
    ),
    "Upgrade: websocket": (
        HOST
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        "200",
        "either",
    ),
    "GET with a body": (HOST + b"Content-Length: %d\r\n" % len(SMUGGLED), "200", "either"),
}

WEBSOCKET = [b"Connection: Upgrade", b"Upgrade: websocket"]


def shapes(token):
    for shape in (*framings(token), *lines_and_headers(), *connections()):
        shape.pieces = [piece.replace(b"@TOKEN@", token) for piece in shape.pieces]
        if shape.byte_by_byte:
            shape.pieces = [bytes([byte]) for piece in shape.pieces for byte in piece]
        shape.direct = shape.direct.strip()
        yield shape


def lines_and_headers():
    for name, (line, direct, proxied) in FIRST_LINES.items():
        yield Shape(f"request line, {name}", [line + b"\r\n" + HOST + b"\r\n" + PROBE], direct, proxied)
    for name, (data, direct, proxied) in REQUESTS.items():
        yield Shape(f"request line, {name}", [data], direct, proxied)
    for name, (lines, direct, proxied) in HEADERS.items():
        head = b"GET /problems/invalid-request HTTP/1.1\r\n" + lines + b"\r\n"
        body = SMUGGLED if name == "GET with a body" else b""
        yield Shape(f"headers, {name}", [head + body + PROBE], direct, proxied)


def connections():
    """Pipelining, expectations, slow and half-closed clients."""
    many = GET + CALL + CHUNKED_CALL + GET.replace(b"GET", b"HEAD", 1)
    heads = tuple(range(3, 20, 4))
    yield Shape("pipelining, 20 requests", [many * 5 + PROBE], "200 " * 21, "serve", heads=heads)
    yield Shape(
        "pipelining, refused in the middle",
        [GET * 3 + b"GET / HTTP/9.9\r\n\r\n" + GET * 3],
        "200 200 200 400",
        "either",
    )
    yield Shape(
        "pipelining behind a body that is not read",
        [GET[:-2] + length(5) + b"\r\n\r\nhello" + PROBE],
        "200",
        "either",
    )
    yield Shape(
        "Expect: 100-continue", post(b"Expect: 100-continue", length(2), body=b"{}"), "200 200", "serve"
    )
    yield Shape(
        "Expect: 100-continue, chunked",
        post(b"Expect: 100-continue", TE, body=b"2\r\n{}\r\n" + LAST),
        "200 200",
        "serve",
    )
    yield Shape(
        "Expect: 100-continue and another",
        post(b"Expect: 100-continue, a-pony", length(2), body=b"{}"),
        "200 200",
        "either",
    )
    yield Shape("Upgrade: websocket with a length", post(*WEBSOCKET, length(2), body=b"{}"), "200", "either")
    yield Shape("Upgrade: websocket without a length", post(*WEBSOCKET, body=SMUGGLED), "200", "either")
    yield Shape(
        "Upgrade: websocket, chunked", post(*WEBSOCKET, TE, body=b"2\r\n{}\r\n" + LAST), "200", "either"
    )
    yield Shape(
        "Transfer_Encoding is another header",
        post(length(5), b"Transfer_Encoding: chunked", body=LAST),
        "400 200",
        "serve",
    )
    yield Shape("one byte at a time", [CALL + PROBE], "200 200", "serve", pause=0.0005, byte_by_byte=True)
    yield Shape(
        "chunks, one byte at a time",
        [CHUNKED_CALL + PROBE],
        "200 200",
        "serve",
        pause=0.0005,
        byte_by_byte=True,
    )
    yield Shape("half closed behind the request", [CALL], "200", "either", half_close=True)
    yield Shape("half closed in the head", [CALL[:60]], "none", "either", half_close=True)
    yield Shape("half closed in the body", [CALL[:-1]], "400", "either", half_close=True)
    yield Shape("half closed in a chunk", [CHUNKED_CALL[:-6]], "400", "either", half_close=True)
    yield Shape("half closed at once", [b""], "none", "either", half_close=True)
    yield Shape("nothing", [b""], "408", "either", waits=True)
    yield Shape("half a head", [CALL[:60]], "408", "either", waits=True)
    yield Shape("half a head on a kept connection", [GET + CALL[:60]], "200 408", "either", waits=True)
    yield Shape("half a body", [CALL[:-1]], "400", "either", waits=True)
    yield Shape("half a chunk", [CHUNKED_CALL[:-8]], "400", "either", waits=True)
    yield Shape(
        "chunk size beyond 32 bits", post(TE, body=b"100000002\r\n{}\r\n" + LAST), "400", "either", waits=True
    )
    yield Shape(
        "bare LF for the end of the trailer",
        post(TE, body=b"2\r\n{}\r\n0\r\n\n"),
        "400",
        "either",
        waits=True,
    )
    yield Shape("a gigabyte announced", post(length(10**9), body=b"{}"), "400", "either", waits=True)
