"""GET /health and GET /metrics on an address of their own: counts and states, no words and no ids."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from circles.errors import MachineFailed
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
    """Listen, and return the runner, whose `cleanup()` ends it.

    Raises:
        MachineFailed: the address cannot be had.
    """
    runner = web.AppRunner(health_app(health, metrics, look), access_log=None)
    await listen(runner, host, port, "health")
    return runner


async def listen(runner: web.AppRunner, host: str, port: int, section: str) -> None:
    """Open an application's address, which a section of the configuration names.

    Raises:
        MachineFailed: another program listens there, or the address is not this machine's.
    """
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        if error.errno != errno.EADDRINUSE:
            raise MachineFailed(
                f"Circles cannot start: {section}.host {host} is no address of this machine that it may listen on."
            ) from None
        raise MachineFailed(
            f"Circles cannot start: another program listens on {host} port {port}. "
            f"End it, or choose another {section}.port."
        ) from None
