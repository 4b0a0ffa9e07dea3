"""A TCP proxy in front of an upstream. It ends TLS, and its current fault decides about every answer."""

import asyncio
import contextlib
import random
import socket
import struct

from faults import HTTP, NONE, POSTGRES

BROKEN = (OSError, EOFError, asyncio.LimitOverrunError, ValueError, asyncio.CancelledError)
PORTS = range(20_000, 32_000)  # Linux gives none of these to a client that connects.


def free_port():
    """A port that nobody listens on, and that stays ours while the proxy refuses connections."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


class Link:
    """A client's connection, as faults see it."""

    def __init__(self, proxy, reader, writer):
        self.reader, self.writer, self.speaks = reader, writer, proxy.speaks
        self.chance, self.elsewhere, self.streams = proxy.chance, proxy.elsewhere, False

    async def send(self, data):
        self.writer.write(data)
        await asyncio.sleep(0)  # A lost connection is noticed between two turns only.
        await self.writer.drain()

    async def silence(self):
        """Acknowledges what comes, until the client gives up."""
        if self.streams:
            await asyncio.Event().wait()  # The other way reads, and ends this one.
        while await self.reader.read(65536):
            pass
        raise EOFError

    def socket(self):
        return self.writer.get_extra_info("socket")

    def reset(self):
        self.socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise EOFError

    def half_close(self):
        self.socket().shutdown(socket.SHUT_WR)

    def close(self):
        raise EOFError


class Proxy:
    def __init__(self, target, contexts, chance, elsewhere, speaks=HTTP):
        self.target, self.contexts, self.speaks = target, contexts, speaks
        self.chance, self.elsewhere = chance, elsewhere
        self.port, self.fault, self.links, self.server = free_port(), NONE, set(), None

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def set(self, fault):
        self.fault = fault
        if fault.listens and not self.server:
            await self.start()
        elif not fault.listens and self.server:
            self.server.close()
            self.server = None
        if fault.cuts:
            for link in list(self.links):
                link.writer.transport.abort()

    async def serve(self, reader, writer):
        link = Link(self, reader, writer)
        self.links.add(link)
        with contextlib.suppress(*BROKEN):
            try:
                if not self.fault.greets:
                    await link.silence()
                if self.speaks == POSTGRES:
                    await reader.readexactly(8)  # It asks for TLS.
                    await link.send(b"S")
                await writer.start_tls(self.contexts[self.fault.certificate])
                await (self.messages(link) if self.speaks == HTTP else self.stream(link))
            finally:
                self.links.discard(link)
                writer.close()

    async def messages(self, link):
        """HTTP: one request after the other; each reaches the upstream, whatever becomes of its answer."""
        while request := await message(link.reader):
            reader, writer = await asyncio.open_connection(*self.target)
            try:
                writer.write(request)
                answer = await message(reader, has_body=not request.startswith(b"HEAD "))
            finally:
                writer.close()
            await self.fault.answer(link, answer)

    async def stream(self, link):
        reader, writer = await asyncio.open_connection(*self.target)
        link.streams = True

        async def forward():
            while data := await link.reader.read(65536):
                writer.write(data)

        async def back():
            while data := await reader.read(65536):
                await self.fault.answer(link, data)

        both = [asyncio.create_task(way()) for way in [forward, back]]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in both:
                way.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.close()


async def message(reader, has_body=True):
    """A whole HTTP message; empty when the other side has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
    if not has_body or head.split(b" ", 2)[1] in (b"204", b"304"):
        return head
    if b"chunked" not in fields.get(b"transfer-encoding", b""):
        return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        body += line + await reader.readexactly(int(line, 16) + 2)
        if int(line, 16) == 0:
            return head + body
