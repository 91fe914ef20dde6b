"""The door: what the homeserver pushes (spec "Application Service API", `/_matrix/app/v1`).

A transaction gets its 200 after the commit and never before.  Only a wrong token, a body that is not JSON, or our own
database refusing to commit get another answer: any other refusal would be retried for ever and stop all rooms.
"""

from __future__ import annotations

import hmac
import json
import logging
import time
from collections.abc import Callable
from typing import Any, Final, cast

import orjson
from aiohttp import web

from circles.entrypoints.deliveries import Deliveries
from circles.entrypoints.intake import Intake
from circles.metrics import Metrics

log = logging.getLogger(__name__)

PREFIX: Final = "/_matrix/app/v1"


def door(
    intake: Intake,
    hs_token: str,
    metrics: Metrics,
    max_bytes: int,
    heard: Callable[[], None] = lambda: None,
    deliveries: Deliveries | None = None,
) -> web.Application:
    """Return the application the homeserver talks to.

    Args:
        deliveries: what each delivery passes through, and may have to wait for.
        heard: told that the homeserver is there, with each delivery.
        max_bytes: the largest body; aiohttp's own 1 MiB would turn a big transaction into an endless retry.
    """
    expected = f"Bearer {hs_token}".encode()
    passage = deliveries or Deliveries()

    @web.middleware
    async def authorise(request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, expected):
            return _error(403, "M_FORBIDDEN", "Bad hs_token.")
        return cast("web.StreamResponse", await handler(request))

    async def transaction(request: web.Request) -> web.Response:
        started = time.perf_counter()
        try:
            body = _parsed(await request.read())
        except (ValueError, RecursionError):
            metrics.transaction("refused", time.perf_counter() - started)
            return _error(400, "M_NOT_JSON", "The body is not JSON.")
        events = cast("dict[str, Any]", body).get("events") if isinstance(body, dict) else None
        if not isinstance(events, list):
            metrics.transaction("refused", time.perf_counter() - started)
            return _error(400, "M_BAD_JSON", "A transaction has a list of events.")
        heard()
        try:
            async with passage.one():
                await intake.accept(request.match_info["txn_id"], cast("list[object]", events))
        except Exception as error:  # noqa: BLE001  # the homeserver must retry, and its log must show no traceback of ours
            log.error(  # noqa: TRY400  # the traceback may carry text
                "A transaction could not be committed.",
                extra={"action": "transaction_failed", "error": type(error).__name__},
            )
            metrics.transaction("failed", time.perf_counter() - started)
            return _error(503, "M_UNKNOWN", "Not stored; try again.")
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


def _parsed(body: bytes) -> object:
    """Read JSON. What the fast parser refuses (half a surrogate pair in a string) the standard library's may take:

    a body refused here would come again for ever, and hold up every room behind it.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


def _error(status: int, errcode: str, message: str) -> web.Response:
    return web.json_response({"errcode": errcode, "error": message}, status=status)
