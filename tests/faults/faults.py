"""The table of faults: what a proxy does to connections and answers instead of passing them on."""

import asyncio
import struct

HTTP, POSTGRES = "HTTP", "PostgreSQL"
MEBIBYTE = bytes(1024 * 1024)


class Fault:
    """No fault: what the upstream answers arrives. `answer` gets a whole HTTP answer, or a piece of what
    PostgreSQL sends."""

    name = "none"
    speaks = (HTTP, POSTGRES)
    # Whether new connections are accepted, whether anyone speaks on them, and with which certificate.
    listens, greets, certificate = True, True, "good"
    # Whether connections that are open end when the fault begins.
    cuts = False

    async def answer(self, link, data):
        await link.send(data)


class Slow(Fault):
    name = "slow: 0.4 s an answer"

    async def answer(self, link, data):
        await asyncio.sleep(0.4)
        await link.send(data)


class Late(Fault):
    name = "late: 3 s an answer"

    async def answer(self, link, data):
        await asyncio.sleep(3)
        await link.send(data)


class Loss(Fault):
    name = "loss: half of the answers, and what follows on their connections"

    async def answer(self, link, data):
        if link.chance.random() < 0.5:
            await link.silence()
        await link.send(data)


class Refused(Fault):
    name = "refused"
    listens, cuts = False, True


class Reset(Fault):
    name = "reset in the middle of an answer"

    async def answer(self, link, data):
        await link.send(data[: len(data) // 2])
        await asyncio.sleep(0.02)
        link.reset()


class Cut(Fault):
    name = "closed in the middle of an answer"

    async def answer(self, link, data):
        await link.send(data[: len(data) // 2])
        link.close()


class HalfClosed(Fault):
    name = "half-closed in the middle of an answer, and still reading"

    async def answer(self, link, data):
        await link.send(data[: len(data) // 2])
        link.half_close()
        await link.silence()


class HalfOpen(Fault):
    name = "half-open: requests are acknowledged, answers never come"

    async def answer(self, link, data):
        await link.silence()


class Mute(Fault):
    name = "mute: accepted, and never a word"
    greets, cuts = False, True


class Trickle(Fault):
    name = "one byte a second"

    async def answer(self, link, data):
        for number in range(len(data)):
            await link.send(data[number : number + 1])
            await asyncio.sleep(1)


class Garbage(Fault):
    name = "garbage"

    async def answer(self, link, data):
        garbage = link.chance.randbytes(max(64, len(data)))
        # sqlx takes room for as much as a message of PostgreSQL says: with a random length 2 GiB on average.
        await link.send(b"\0" + garbage if link.speaks == POSTGRES else garbage)


class Truncated(Fault):
    name = "half of the body, in a valid answer"
    speaks = (HTTP,)

    async def answer(self, link, data):
        body = body_of(data)
        await link.send(answer("200 OK", body[: len(body) // 2]))


class TooLong(Fault):
    name = "a length beyond the end"

    async def answer(self, link, data):
        if link.speaks == POSTGRES:
            await link.send(with_length(data, +1000))
        else:
            body = body_of(data)
            await link.send(answer("200 OK", body, length=len(body) + 1000))
        await link.silence()


class TooShort(Fault):
    name = "a length before the end"

    async def answer(self, link, data):
        if link.speaks == POSTGRES:
            await link.send(with_length(data, -1))
        else:
            body = body_of(data)
            await link.send(answer("200 OK", body, length=len(body) // 2))


class Unavailable(Fault):
    name = "bursts of 503"

    async def answer(self, link, data):
        if link.chance.random() < 0.2:
            await link.send(data)
        elif link.speaks == POSTGRES:
            await link.send(error("53300", "sorry, too many clients already"))
            link.close()
        else:
            await link.send(answer("503 Service Unavailable", b"<h1>Busy</h1>"))


class Huge(Fault):
    name = "a body of 300 MiB"
    speaks = (HTTP,)  # sqlx takes what it is sent.

    async def answer(self, link, data):
        await link.send(answer("200 OK", b'{"a":"', length=300 * len(MEBIBYTE)))
        for _ in range(300):
            await link.send(MEBIBYTE)


class Redirect(Fault):
    name = "redirects to another server"
    speaks = (HTTP,)

    async def answer(self, link, data):
        where = f"Location: {link.elsewhere}\r\n"
        await link.send(answer(link.chance.choice(["302 Found", "307 Temporary Redirect"]), b"", where))


class BadCertificate(Fault):
    cuts = True

    def __init__(self, certificate):
        self.certificate, self.name = certificate, f"TLS: {certificate}"


def answer(status, body, headers="", length=None):
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
    return head.encode() + body


def body_of(data):
    return data.partition(b"\r\n\r\n")[2]


def with_length(data, more):
    """The first message of PostgreSQL, with another length."""
    if len(data) < 5:
        return data
    (length,) = struct.unpack(">I", data[1:5])
    return data[:1] + struct.pack(">I", max(0, length + more)) + data[5:]


def error(code, message):
    fields = b"SFATAL\0VFATAL\0C" + code.encode() + b"\0M" + message.encode() + b"\0\0"
    return b"E" + struct.pack(">I", len(fields) + 4) + fields


NONE = Fault()
FAULTS = [
    *(fault() for fault in [Slow, Late, Loss, Refused, Reset, Cut, HalfClosed, HalfOpen, Mute, Trickle]),
    *(fault() for fault in [Garbage, Truncated, TooLong, TooShort, Unavailable, Huge, Redirect]),
    *(BadCertificate(name) for name in ["expired", "wrong name", "unknown authority"]),
]


def of(speaks):
    return [fault for fault in FAULTS if speaks in fault.speaks]


