"""Shapes that nobody thought of: requests put together at random from what has gone wrong elsewhere. The seed
and the number say which, so a failure can be had again."""

import random

from shapes import CALL, GET, HOST, JSON, LAST, PROBE, SMUGGLED, TOKEN, Shape, poison

METHODS = [b"GET", b"POST", b"POST", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE"]
TARGETS = [
    b"/v1/credentials",
    b"/v1/credentials",
    b"/",
    b"*",
    b"http://edges/",
    b"edges:80",
    b"/problems/a",
    b"//",
    b"/%2e%2e/",
]
VERSIONS = [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b""]
NAMES = [
    b"Transfer-Encoding",
    b"Content-Length",
    b"transfer-encoding",
    b"content-length",
    b"Transfer_Encoding",
    b"Expect",
]
NAMES += [
    b"Connection",
    b"Upgrade",
    b"Trailer",
    b"TE",
    b"X",
    b"Host",
    b"Content-Encoding",
    b"Transfer-Encoding\x00",
]
COLONS = [b": "] * 8 + [b":", b" : ", b":\t", b":\x0b", b":\r\n ", b"\t:", b": \x00"]
WORDS = [
    b"chunked",
    b"Chunked",
    b"identity",
    b"chunked, chunked",
    b"gzip, chunked",
    b"chunked;a",
    b"xchunked",
    b" chunked ",
    b"",
]
WORDS += [
    b"close",
    b"keep-alive",
    b"upgrade",
    b"websocket",
    b"h2c",
    b"100-continue",
    b"trailers",
    b"content-length",
]
ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n"]
SIZES = [
    b"2",
    b"02",
    b"2;a=b",
    b"2 ",
    b" 2",
    b"0x2",
    b"+2",
    b"-2",
    b"2\x00",
    b"ffffffffffffffff",
    b"10000000000000002",
    b"2;\n",
    b"0",
    b"",
]


def mutants(token, seed, number):
    chance = random.Random(seed)
    for count in range(number):
        data = mutant(chance, token).replace(b"@TOKEN@", token)
        pieces = [data]
        if chance.random() < 0.2:
            at = chance.randrange(1, len(data))
            pieces = [data[:at], data[at:]]
        yield Shape(f"mutant {seed}/{count}", pieces, "", "either", half_close=chance.random() < 0.1)


def mutant(chance, token):
    hidden = chance.choice([b"{}", SMUGGLED, poison(token), LAST + SMUGGLED, LAST + poison(token), b""])
    body = chance.choice([hidden, chunks(chance, hidden), chunks(chance, b"{}") + hidden])
    lines = [
        b" ".join((chance.choice(METHODS), chance.choice(TARGETS), chance.choice(VERSIONS))).rstrip(b"\r\n")
    ]
    headers = [HOST.strip(), TOKEN.strip(), JSON.strip()]
    headers += [header(chance, body) for _ in range(chance.randrange(1, 4))]
    chance.shuffle(headers)
    head = b"".join(line + chance.choice(ENDS) for line in lines + headers) + b"\r\n"
    before = chance.choice([b"", b"", GET, CALL, b"\r\n"])
    return before + head + body + chance.choice([PROBE, PROBE, b""])


def header(chance, body):
    name = chance.choice(NAMES)
    numbers = [len(body), 2, 0, len(body) + 5, max(0, len(body) - 5)]
    value = chance.choice(WORDS)
    if b"ength" in name and chance.random() < 0.8:
        value = chance.choice([b"", b"", b"", b"+", b"0", b" ", b"0x"]) + b"%d" % chance.choice(numbers)
    elif b"ncoding" in name and chance.random() < 0.6:
        value = b"chunked"
    return name + chance.choice(COLONS) + value


def chunks(chance, hidden):
    size = b"%x" % len(hidden) if chance.random() < 0.6 else chance.choice(SIZES)
    end = chance.choice([b"\r\n"] * 6 + [b"\n", b"\r", b""])
    trailer = chance.choice(
        [b""] * 4 + [b"X: y\r\n", b"Content-Length: 9\r\n", b"X: y\n", b"GET /smuggled HTTP/1.1\r\n"]
    )
    return size + end + hidden + end + b"0" + end + trailer + chance.choice([b"\r\n"] * 5 + [b"\n", b""])
