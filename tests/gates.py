"""A homeserver whose gate forwards to a recorder, and the AI's hands: for tests that judge the homeserver alone."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import aiohttp
from aiohttp import web

from circles_harness import Homeserver, Person
from circles_harness.service import registration
from circles_policies import Preset, preset, to_content

POLICY = "io.github.matrix_circles.policy"
GATE = "/_synapse/client/circles/gate"
NOTEBOOK, ON_CALL = (to_content(preset(key)) for key in (Preset.NOTEBOOK, Preset.ON_CALL))
TOLD = {"level": "none", "kept_out": False, "since": 0, "consented_since": None, "addressed_since": 0}
"""Somebody who was told, and has chosen nothing."""


@dataclass
class Recorder:
    """A service that takes every transaction and keeps its bytes. `broken`: answers 500 instead."""

    bodies: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    broken: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take a transaction."""
        if self.broken:
            return web.json_response({}, status=500)
        assert request.headers["Authorization"] == f"Bearer {'service-hs-' * 4}"
        self.bodies.append(await request.text())
        self.names.append(request.match_info["txn"])
        self.came.set()
        return web.json_response({})

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that came, in order."""
        return [event for body in self.bodies for event in json.loads(body)["events"]]

    async def until(self, text: str) -> None:
        """Wait until some bytes hold a text."""
        async with asyncio.timeout(60):
            while text not in json.dumps(self.events, ensure_ascii=False):
                self.came.clear()
                await self.came.wait()


@dataclass
class Ai:
    """The AI's hands: requests through the gate, as a service makes them; `base`: at another address of its port."""

    homeserver: Homeserver
    recorder: Recorder
    session: aiohttp.ClientSession
    user_id: str
    token: str = "service-as-" * 4
    base: str | None = None

    async def request(
        self, method: str, path: str, body: object = None, *, user_id: str | None = None, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """Ask the gate; returns status and JSON."""
        query = {"user_id": user_id or self.user_id, "device_id": "CIRCLES"} | options.pop("query", {})
        if not options.pop("device", True):
            del query["device_id"]
        headers = {"Authorization": f"Bearer {options.pop('token', self.token)}"} | options.pop("headers", {})
        base = options.pop("base", self.base or self.homeserver.gate_url)
        url = f"{base}{GATE}/hs{path}"
        async with self.session.request(method, url, json=body, params=query, headers=headers) as answer:
            found = await answer.json(content_type=None)
            return answer.status, cast("dict[str, Any]", found) if isinstance(found, dict) else {"list": found}

    async def say(self, room: str, text: str) -> str:
        """Say something as the AI."""
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/{secrets.token_hex(8)}"
        status, found = await self.request("PUT", path, {"msgtype": "m.notice", "body": text})
        assert status == 200, found
        return str(found["event_id"])

    async def bodies(self, room: str, call: str | None = None) -> list[str]:
        """Return what the gate shows of a room's timeline, the newest first."""
        headers = {"Circles-Call": f"{room} {call}"} if call is not None else {}
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/messages"
        status, found = await self.request("GET", path, query={"dir": "b", "limit": "100"}, headers=headers)
        assert status == 200, found
        assert all(set(event.get("unsigned", {})) <= {"invite_room_state"} for event in found["chunk"])
        return [event["content"]["body"] for event in found["chunk"] if "body" in event["content"]]

    async def stand(self, room: str, person: Person, because: str | None = None, **member: Any) -> int:
        """Tell the gate a standing; returns the status."""
        path = f"/_circles/v1/rooms/{quote(room, safe='')}/standings/{quote(person.user_id, safe='')}"
        return (await self.request("PUT", path, {"member": TOLD | member, "because": because}))[0]

    async def refused(self, room: str, *people: Person) -> list[str]:
        """Tell the gate that people were told; returns of whom it does not believe that."""
        path = f"/_circles/v1/rooms/{quote(room, safe='')}/standings"
        claims = [{"user_id": person.user_id, "member": TOLD, "because": None} for person in people]
        status, answer = await self.request("POST", path, {"standings": claims})
        assert status == 200
        junk = {"user_id": "@li", "member": {"level": "loud"}}
        assert (await self.request("POST", path, {"standings": [junk]}))[0] == 400
        return list(answer["refused"])


@asynccontextmanager
async def behind_the_gate(homeserver: Homeserver) -> AsyncGenerator[Ai]:
    """Start a homeserver made with `gate_listener=True`, and what its gate forwards to; close both."""
    recorder = Recorder()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_put("/_matrix/app/v1/transactions/{txn}", recorder.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    registered = registration(server_name=homeserver.server_name, url=f"{homeserver.gate_url}{GATE}")
    homeserver.add_appservice(registered)
    for name, token in (("as", "service-as-" * 4), ("hs", "service-hs-" * 4)):
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
    user_id = f"@circle:{homeserver.server_name}"
    try:
        async with asyncio.timeout(90):
            await homeserver.start()
        async with aiohttp.ClientSession() as session:
            made = Ai(homeserver, recorder, session, user_id)
            register = {"type": "m.login.application_service", "username": "circle"}
            status, answer = await made.request("POST", "/_matrix/client/v3/register", register, device=False)
            assert status == 200, answer
            assert "access_token" not in answer, "registering gave the real homeserver's token away"
            status, answer = await made.request("PUT", "/_matrix/client/v3/devices/CIRCLES", {}, device=False)
            assert status in (200, 201), answer
            yield made
    finally:
        await homeserver.close()
        await runner.cleanup()


async def opened(ai: Ai, people: tuple[Person, Person], room: str, policy: dict[str, object] = NOTEBOOK) -> None:
    """Put a policy in force and let the AI say so to both."""
    await people[0].set_state(room, POLICY, policy)
    await ai.say(room, "banner")
    for person in people:
        assert await ai.stand(room, person) == 200
