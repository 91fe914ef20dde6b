"""What stands before several processes of one AI: the one address that the homeserver knows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from circles_harness.line import carry
from circles_harness.service import Service

LOOK_SECONDS = 0.25


class Balancer:
    """Carries connections to the service that says "ok", and ends those to one that does not say so any more."""

    def __init__(self, port: int, services: Sequence[Service]) -> None:
        """Take where to listen, and between whom to choose."""
        self._port = port
        self._services = services
        self._chosen: Service | None = None
        self._carried: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._looking.cancel()
        self._end_all()
        await self._server.wait_closed()

    async def _look(self) -> None:
        while True:
            if self._chosen is None or await self._chosen.health() != "ok":
                self._end_all()
                said = [await each.health() for each in self._services]
                self._chosen = next((each for each, now in zip(self._services, said, strict=True) if now == "ok"), None)
            await asyncio.sleep(LOOK_SECONDS)

    def _end_all(self) -> None:
        for task in self._carried:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._carried.add(task)
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task
        self._carried.discard(task)
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._chosen is None:
            return
        await carry(reader, writer, self._chosen.config["appservice"]["port"])
