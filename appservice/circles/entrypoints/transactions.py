"""The door: what the homeserver pushes (spec "Application Service API", `/_matrix/app/v1`).

A transaction gets its 200 after the commit and never before.  Any other answer is repeated for ever and stops all
rooms, so only a wrong token, a body that is too large, stalls or is no transaction, and our own database refusing to
commit get one; each says so in the log.  One event that cannot be read never holds up the others.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web

from circles.entrypoints.bodies import events_of
from circles.entrypoints.deliveries import Deliveries
from circles.entrypoints.intake import Intake
from circles.metrics import Metrics
from circles.troubles import Trouble, Troubles

log = logging.getLogger(__name__)

PREFIX: Final = "/_matrix/app/v1"
READ_SECONDS: Final = 120
"""A body that is not here by then never comes: whoever sends it is gone, or holds us up."""


class _Refused(Exception):
    """A delivery that is not taken: with which status, and why, as a code."""

    def __init__(self, status: int, errcode: str, outcome: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.errcode = errcode
        self.outcome = outcome


def door(
    intake: Intake,
    hs_token: str,
    metrics: Metrics,
    max_bytes: int,
    troubles: Troubles,
    heard: Callable[[], None] = lambda: None,
    deliveries: Deliveries | None = None,
    read_seconds: float = READ_SECONDS,
) -> web.Application:
    """Return the application the homeserver talks to.

    Args:
        deliveries: what each delivery passes through, and may have to wait for.
        heard: told that the homeserver is there, with each delivery.
        max_bytes: the largest body; aiohttp's own 1 MiB would turn a big transaction into an endless retry.
        read_seconds: how long a body may take.
    """
    expected = f"Bearer {hs_token}".encode()
    passage = deliveries or Deliveries()

    @web.middleware
    async def authorise(request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, expected):
            metrics.transaction("unauthorised", 0)
            if troubles.begin(Trouble.HS_TOKEN):
                log.error(
                    "Someone knocks with another hs_token than ours. If it is the homeserver, nothing is lost, and "
                    "nothing is delivered until both have the same: see `circles check`.",
                    extra={"action": "hs_token_refused"},
                )
            return _error(403, "M_FORBIDDEN", "Bad hs_token.")
        troubles.end(Trouble.HS_TOKEN)
        return cast("web.StreamResponse", await handler(request))

    async def read(request: web.Request) -> list[object]:
        if (request.content_length or 0) > max_bytes:
            raise _Refused(413, "M_TOO_LARGE", "too_large")
        try:
            async with asyncio.timeout(read_seconds):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise _Refused(413, "M_TOO_LARGE", "too_large") from None
        except TimeoutError:
            raise _Refused(408, "M_UNKNOWN", "stalled") from None
        events = events_of(body)
        if events is None:
            raise _Refused(400, "M_NOT_JSON", "unreadable")
        return events

    async def transaction(request: web.Request) -> web.Response:
        started = time.perf_counter()
        try:
            events = await read(request)
        except _Refused as refused:
            metrics.transaction(refused.outcome, time.perf_counter() - started)
            if troubles.begin(Trouble.DELIVERY):
                log.error(  # noqa: TRY400  # whose fault it is stands in the reason
                    "A delivery was refused. The homeserver keeps it and sends it again, and all that comes after "
                    "waits behind it: see `circles check`.",
                    extra={
                        "action": "delivery_refused",
                        "reason": refused.outcome,
                        "bytes": request.content_length,
                        "limit": max_bytes,
                    },
                )
            response = _error(refused.status, refused.errcode, "Not taken.")
            response.force_close()  # What is left of the body is not waited for.
            return response
        heard()
        try:
            async with passage.one():
                await intake.accept(request.match_info["txn_id"], events)
        except Exception as error:  # noqa: BLE001  # the homeserver must retry, and its log must show no traceback of ours
            log.error(  # noqa: TRY400  # the traceback may carry text
                "A transaction could not be committed.",
                extra={"action": "transaction_failed", "error": type(error).__name__},
            )
            metrics.transaction("failed", time.perf_counter() - started)
            troubles.begin(Trouble.DATABASE)
            return _error(503, "M_UNKNOWN", "Not stored; try again.")
        troubles.end(Trouble.DATABASE)
        troubles.end(Trouble.DELIVERY)
        metrics.transaction("stored", time.perf_counter() - started)
        return web.json_response({})

    async def ping(_request: web.Request) -> web.Response:
        return web.json_response({})

    async def unknown(_request: web.Request) -> web.Response:
        return _error(404, "M_NOT_FOUND", "There is no such user or alias here.")

    app = web.Application(client_max_size=max_bytes, middlewares=[authorise])
    app.add_routes(
        [
            web.put(f"{PREFIX}/transactions/{{txn_id}}", transaction),
            web.post(f"{PREFIX}/ping", ping),
            web.get(f"{PREFIX}/users/{{user_id}}", unknown),
            web.get(f"{PREFIX}/rooms/{{alias}}", unknown),
        ]
    )
    return app


def _error(status: int, errcode: str, message: str) -> web.Response:
    return web.json_response({"errcode": errcode, "error": message}, status=status)
