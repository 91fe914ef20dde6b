"""A line to a server that can be cut and mended, as between homeservers whose network fails for a while."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Line:
    """Carries connections from one loopback port to another."""

    def __init__(self, port: int, server_port: int) -> None:
        """Take where to listen, and who is at the far end."""
        self._port = port
        self._server_port = server_port
        self._carried: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def mend(self) -> None:
        """Carry what comes from now on."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def cut(self) -> None:
        """End every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            for task in self._carried:
                task.cancel()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(carry(reader, writer, self._server_port))
        self._carried.add(task)
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task
        self._carried.discard(task)
        writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass bytes both ways between a connection and a loopback port until either end closes."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    try:
        ways = [asyncio.create_task(_pass(reader, back)), asyncio.create_task(_pass(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
    finally:
        back.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
