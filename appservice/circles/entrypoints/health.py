"""GET /health and GET /metrics on an address of their own: counts and states, no words and no ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from circles.metrics import Metrics

PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is.

    Attributes:
        ok: whether it does its work; a supervisor restarts it if this stays false.
        status: what it does, where it is ok.
        parts: what an operator wants to see besides: numbers, and codes of ours such as "up".
    """

    ok: bool
    parts: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])
    status: str = "ok"


async def _nothing() -> None:
    return


def health_app(
    health: Callable[[], Health], metrics: Metrics, look: Callable[[], Awaitable[None]] = _nothing
) -> web.Application:
    """Return the application; `health` is asked at each request and must not wait for anything.

    `look` brings the gauges up to now before they are shown.
    """

    async def show_health(_request: web.Request) -> web.Response:
        now = health()
        body = {"status": now.status if now.ok else "failing", **now.parts}
        return web.json_response(body, status=200 if now.ok else 503)

    async def show_metrics(_request: web.Request) -> web.Response:
        await look()
        return web.Response(body=metrics.text(), headers={"Content-Type": PROMETHEUS})

    app = web.Application()
    app.add_routes([web.get("/health", show_health), web.get("/metrics", show_metrics)])
    return app


async def serve_health(
    host: str,
    port: int,
    health: Callable[[], Health],
    metrics: Metrics,
    look: Callable[[], Awaitable[None]] = _nothing,
) -> web.AppRunner:
    """Listen, and return the runner, whose `cleanup()` ends it. Raises OSError where the port is taken."""
    runner = web.AppRunner(health_app(health, metrics, look), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
