"""Contact with the homeserver: one connection, which shows whether the homeserver was there all the time.

A homeserver that ends, closes its connections.  However soon it is back, the next request then needs a new one; that
shows an absence which no failed request does, because it fell between two requests or because this process did not run
meanwhile (a laptop that slept, a machine that was moved).
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Final

from aiohttp import (
    ClientConnectionError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    HttpVersion11,
    ServerDisconnectedError,
    TCPConnector,
    TraceConfig,
    TraceConnectionCreateEndParams,
    TraceRequestEndParams,
)

from circles.adapters.matrix.client import MatrixClient

KEPT_SECONDS: Final = 75
"""Longer than any pause between two requests, so that we are never the one who closes the connection."""


class Contact(MatrixClient):
    """Requests over a single connection.

    Attributes:
        anew: set when a connection is opened that the homeserver had not told us to expect, before anything is asked
            over it; whoever makes contact clears it. A proxy that closes after each answer says so in it (RFC 9112,
            9.6), and then shows nothing by it.
    """

    anew: asyncio.Event
    _is_closing: bool = False

    async def open(self) -> None:
        """Prepare the connection; the first request opens it."""
        self.anew = asyncio.Event()
        trace = TraceConfig()
        trace.on_connection_create_end.append(self._note_new)
        trace.on_request_end.append(self._note_closing)
        self._nio.client_session = ClientSession(
            connector=TCPConnector(limit=1, keepalive_timeout=KEPT_SECONDS),
            timeout=ClientTimeout(total=self._timeout),
            trust_env=False,
            trace_configs=[trace],
            middlewares=(_without_second_try,),
        )

    async def _note_new(
        self, _session: ClientSession, _context: SimpleNamespace, _params: TraceConnectionCreateEndParams
    ) -> None:
        if not self._is_closing:
            self.anew.set()
        self._is_closing = False

    async def _note_closing(
        self, _session: ClientSession, _context: SimpleNamespace, params: TraceRequestEndParams
    ) -> None:
        response = params.response
        is_old = response.version is not None and response.version < HttpVersion11
        self._is_closing = is_old or response.headers.get("Connection", "").casefold() == "close"


async def _without_second_try(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Tell at once of a connection that broke off under a request: aiohttp asks again by itself otherwise."""
    try:
        return await handler(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise ClientConnectionError from error
