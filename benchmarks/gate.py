"""What the gate costs a delivery: `benchmarks/gate.py`.

A real Synapse with the gate, in a room whose 500 members have a standing each.  The same transactions of 1, 10 and 100
events that the room holds are delivered in turns to the gate, which forwards them, and straight to what it forwards to.
Prints a table and a RESULT line with the milliseconds that the gate adds at the median; exits non-zero only when it
cannot measure.
"""

import asyncio
import json
import secrets
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from circles_bench.measure import cpu_seconds, say, show_result, show_table
from circles_harness import Homeserver
from circles_harness.service import registration
from circles_policies import Preset, preset, to_content

GATE = "/_synapse/client/circles/gate"
POLICY = "io.github.matrix_circles.policy"
MEMBERS = 500
SIZES = (1, 10, 100)
TURNS = 40
TOKENS = {"as": "gate-as-token-" * 3, "hs": "gate-hs-token-" * 3}


async def sink() -> tuple[web.AppRunner, int]:
    """Start what takes every transaction and does nothing."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({})

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_put("/_matrix/app/v1/transactions/{txn}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, int(runner.addresses[0][1])


def prepared(port: int) -> tuple[Homeserver, Mapping[str, Any]]:
    """Return a homeserver whose gate forwards to a port, and its registration."""
    homeserver = Homeserver(gate_listener=True)
    registered = registration(server_name=homeserver.server_name, url=f"{homeserver.gate_url}{GATE}")
    homeserver.add_appservice(registered)
    for name, token in TOKENS.items():
        (homeserver.directory / name).write_text(token)
    gate = {
        "port": homeserver.gate_port,
        "registration": str(homeserver.registration_path("circle")),
        "service_url": f"http://127.0.0.1:{port}",
        "as_token_file": str(homeserver.directory / "as"),
        "hs_token_file": str(homeserver.directory / "hs"),
        "homeserver_url": homeserver.base_url,
    }
    homeserver.modules.append({"module": "circles_plugin.CirclesModule", "config": {"ai_user": "circle", "gate": gate}})
    return homeserver, registered


async def furnished(homeserver: Homeserver, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    """Make the room, its policy, the standings and 100 messages; return these as a homeserver delivers them."""
    ai = f"@circle:{homeserver.server_name}"
    back = f"{homeserver.gate_url}{GATE}/hs"
    headers = {"Authorization": f"Bearer {TOKENS['as']}"}

    async def ask(method: str, path: str, body: object, **query: str) -> None:
        async with session.request(
            method, back + path, json=body, params={"user_id": ai, **query}, headers=headers
        ) as answer:
            if answer.status not in (200, 201):
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")

    await ask("POST", "/_matrix/client/v3/register", {"type": "m.login.application_service", "username": "circle"})
    await ask("PUT", "/_matrix/client/v3/devices/CIRCLES", {})
    mei = await homeserver.person("mei")
    room = await mei.create_room("Garden", invite=[ai])
    here = f"/_matrix/client/v3/rooms/{quote(room, safe='')}"
    await ask("POST", f"{here}/join", {})
    await mei.set_state(room, POLICY, to_content(preset(Preset.NOTEBOOK)))
    told = {"msgtype": "m.notice", "body": "banner"}
    await ask("PUT", f"{here}/send/m.room.message/{secrets.token_hex(8)}", told, device_id="CIRCLES")
    member = {"level": "none", "kept_out": False, "since": 0, "consented_since": None, "addressed_since": 0}
    for user in (mei.user_id, *(f"@member{n}:{homeserver.server_name}" for n in range(MEMBERS))):
        standing = f"/_circles/v1/rooms/{quote(room, safe='')}/standings/{quote(user, safe='')}"
        await ask("PUT", standing, {"member": member, "because": None})
    ids = [await mei.say(room, f"message number {n} about the garden party on Sunday") for n in range(max(SIZES))]
    events = [dict(await mei.event(room, event_id)) for event_id in ids]
    await mei.close()
    return events


async def deliver(session: aiohttp.ClientSession, base: str, token: str, events: list[dict[str, Any]]) -> float:
    """Deliver one transaction; return how long it took in ms."""
    body = json.dumps({"events": events}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    begun = time.perf_counter()
    url = f"{base}/_matrix/app/v1/transactions/{secrets.token_hex(6)}"
    async with session.put(url, data=body, headers=headers) as answer:
        await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{base} answered {answer.status}")
    return (time.perf_counter() - begun) * 1000


async def main() -> int:
    """Measure; return the exit code."""
    runner, port = await sink()
    homeserver, registered = prepared(port)
    rows: list[tuple[str, ...]] = []
    added: dict[int, float] = {}
    try:
        await homeserver.start()
        async with aiohttp.ClientSession() as session:
            events = await furnished(homeserver, session)
            ways = {
                "gate": (f"{homeserver.gate_url}{GATE}", str(registered["hs_token"])),
                "direct": (f"http://127.0.0.1:{port}", "none"),
            }
            for size in SIZES:
                took: dict[str, list[float]] = {name: [] for name in ways}
                used = 0.0
                for turn in range(TURNS + 5):
                    if turn == 5:
                        used = -cpu_seconds(homeserver.pid or 0)
                    for name, (base, token) in ways.items():
                        elapsed = await deliver(session, base, token, events[:size])
                        if turn >= 5:
                            took[name].append(elapsed)
                used += cpu_seconds(homeserver.pid or 0)
                p50 = {name: statistics.median(each) for name, each in took.items()}
                added[size] = p50["gate"] - p50["direct"]
                rows.append(
                    (
                        str(size),
                        f"{p50['direct']:.1f}",
                        f"{p50['gate']:.1f}",
                        f"{added[size]:.1f}",
                        f"{used / TURNS * 1000:.1f}",
                    )
                )
    except (RuntimeError, OSError, aiohttp.ClientError) as error:
        say(f"cannot measure: {error}")
        return 1
    finally:
        await homeserver.close()
        await runner.cleanup()
    show_table(("events", "direct p50 ms", "gate p50 ms", "added ms", "Synapse CPU ms each"), rows)
    show_result({"added_ms_p50_1": round(added[1], 1), "added_ms_p50_100": round(added[100], 1)})
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
