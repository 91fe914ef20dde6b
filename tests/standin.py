"""A homeserver in memory on a loopback socket: what the service asks for, with the rules that matter to it.

A send with the same transaction id, user and device is one event; whoever is not in a room is forbidden to speak there;
a token it does not know is 401.  For what only Synapse can show there is Synapse.
"""

import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from circles.adapters.matrix.account import name_account, register
from circles.adapters.matrix.client import MatrixClient
from circles.core.ids import EventID, RoomID, UserID
from circles.testing import AI
from rows import MEI, NOW

Json = dict[str, Any]


@dataclass
class Place:
    """One room: its events in order, its present state."""

    events: list[Json] = field(default_factory=list[Json])
    state: dict[tuple[str, str], Json] = field(default_factory=dict[tuple[str, str], Json])

    def membership(self, user_id: str) -> str | None:
        """Return a person's membership, None if they never had one."""
        event = self.state.get(("m.room.member", user_id))
        return event["content"]["membership"] if event is not None else None


class Standin:
    """The rooms, and what was done to them."""

    def __init__(self) -> None:
        """Begin empty."""
        self.as_token = "as-token"
        self.url = ""
        self.users: set[str] = set()
        self.devices: set[str] = set()
        self.rooms: dict[str, Place] = {}
        self.aliases: dict[str, str] = {}
        self.done: dict[tuple[str, ...], str] = {}
        self._numbers = itertools.count(1)

    def forget(self) -> None:
        """Be a homeserver whose database was recreated."""
        for everything in (self.users, self.devices, self.rooms, self.aliases, self.done):
            everything.clear()

    def room(self, room_id: str, *people: str, name: str = "Garden") -> Place:
        """Make a room with the AI and people in it."""
        place = self.rooms[room_id] = Place()
        create = {"room_version": "11"}
        self.state(room_id, "m.room.create", "", create, sender=MEI)
        self.state(room_id, "m.room.power_levels", "", {"users": {MEI: 100}, "state_default": 50}, sender=MEI)
        self.state(room_id, "m.room.name", "", {"name": name}, sender=MEI)
        for user in (*people, AI):
            self.member(room_id, user, "join")
        return place

    def member(self, room_id: str, user_id: str, membership: str, *, sender: str | None = None) -> Json:
        """Let somebody come or go; return the event."""
        content = {"membership": membership, "displayname": user_id[1:].partition(":")[0].capitalize()}
        return self.state(room_id, "m.room.member", user_id, content, sender=sender or user_id)

    def state(self, room_id: str, type_: str, state_key: str, content: Json, *, sender: str) -> Json:
        """Write state; return the event."""
        event = self._event(room_id, type_, content, sender) | {"state_key": state_key}
        self.rooms[room_id].state[type_, state_key] = event
        return event

    def bodies(self, room_id: str) -> list[str]:
        """Return what the AI said in a room, in order."""
        return [
            str(event["content"].get("body"))
            for event in self.rooms[room_id].events
            if event["sender"] == AI and event["type"] == "m.room.message"
        ]

    def _event(self, room_id: str, type_: str, content: Json, sender: str) -> Json:
        event = {
            "event_id": f"$s{next(self._numbers)}",
            "room_id": room_id,
            "type": type_,
            "sender": sender,
            "origin_server_ts": NOW,
            "content": content,
        }
        self.rooms[room_id].events.append(event)
        return event

    # --- what is asked ----------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.headers.get("Authorization") != f"Bearer {self.as_token}":
            return _error(401, "M_UNKNOWN_TOKEN")
        user = request.query.get("user_id", "")
        parts = request.path.removeprefix("/_matrix/client/").split("/")[1:]
        body: Json = await request.json() if request.can_read_body else {}
        match request.method, parts:
            case "POST", ["register"]:
                made = f"@{body['username']}:{AI.partition(':')[2]}"
                if made in self.users:
                    return _error(400, "M_USER_IN_USE")
                self.users.add(made)
                return web.json_response({"user_id": made})
            case _ if user not in self.users:
                return _error(403, "M_FORBIDDEN")
            case "PUT", ["devices", device_id]:
                self.devices.add(device_id)
                return web.json_response({}, status=201)
            case _ if request.query.get("device_id", "") not in {"", *self.devices}:
                return _error(400, "M_UNKNOWN_DEVICE")
            case "GET", ["joined_rooms"]:
                joined = [room_id for room_id, place in self.rooms.items() if place.membership(user) == "join"]
                return web.json_response({"joined_rooms": joined})
            case _, ["profile" | "appservice", *_]:
                return web.json_response({})
            case "GET", ["directory", "room", alias]:
                known = self.aliases.get(alias)
                return web.json_response({"room_id": known}) if known else _error(404, "M_NOT_FOUND")
            case "POST", ["createRoom"]:
                return self._create(user, body)
            case _, ["rooms", room_id, *rest]:
                return self._in_room(request, user, room_id, rest, body)
            case _:
                return _error(404, "M_UNRECOGNIZED")

    def _create(self, user: str, body: Json) -> web.Response:
        alias = f"#{body['room_alias_name']}:{user.partition(':')[2]}"
        if alias in self.aliases:
            return _error(400, "M_ROOM_IN_USE")
        room_id = self.aliases[alias] = f"!made{next(self._numbers)}"
        self.rooms[room_id] = Place()
        self.member(room_id, user, "join")
        for invited in body.get("invite", []):
            self.member(room_id, invited, "invite", sender=user)
        return web.json_response({"room_id": room_id})

    def _in_room(self, request: web.Request, user: str, room_id: str, rest: list[str], body: Json) -> web.Response:
        place = self.rooms.get(room_id)
        membership = place.membership(user) if place is not None else None
        if place is None or membership is None:
            return _error(403, "M_FORBIDDEN")
        match request.method, rest:
            case "GET", ["state", type_, *key] if (
                event := place.state.get((type_, key[0] if key else ""))
            ) is not None:
                return web.json_response(event if request.query.get("format") == "event" else event["content"])
            case "GET", ["state", _, *_]:
                return _error(404, "M_NOT_FOUND")
            case "GET", ["state"]:
                return web.json_response(list(place.state.values()))
            case _ if membership != "join":
                return _error(403, "M_FORBIDDEN")
            case "PUT", ["send" | "redact" as verb, what, txn_id]:
                type_ = what if verb == "send" else "m.room.redaction"
                same = (verb, room_id, user, request.query.get("device_id", ""), txn_id)
                if same not in self.done:
                    content = body if verb == "send" else {"redacts": what}
                    self.done[same] = self._event(room_id, type_, content, user)["event_id"]
                return web.json_response({"event_id": self.done[same]})
            case "PUT", ["state", type_, *key]:
                return web.json_response(
                    {"event_id": self.state(room_id, type_, key[0] if key else "", body, sender=user)["event_id"]}
                )
            case "GET", ["joined_members"]:
                joined = {
                    key: {"display_name": event["content"].get("displayname")}
                    for (type_, key), event in place.state.items()
                    if type_ == "m.room.member" and event["content"]["membership"] == "join"
                }
                return web.json_response({"joined": joined})
            case "GET", ["messages"]:
                return web.json_response({"chunk": place.events[::-1]})
            case "GET", ["event", event_id]:
                found = next((event for event in place.events if event["event_id"] == event_id), None)
                return web.json_response(found) if found else _error(404, "M_NOT_FOUND")
            case _:
                return web.json_response({})


@asynccontextmanager
async def standing_in() -> AsyncGenerator[Standin]:
    """Open a homeserver that knows the AI."""
    standin = Standin()
    standin.users.add(AI)
    standin.devices.add("CIRCLES")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", standin.answer)
    async with TestServer(app) as server:
        standin.url = str(server.make_url("")).rstrip("/")
        yield standin


def _error(status: int, errcode: str) -> web.Response:
    return web.json_response({"errcode": errcode, "error": "No."}, status=status)


class PlainSealing:
    """Sealing where nothing is encrypted."""

    def __init__(self, client: MatrixClient) -> None:
        self._client = client

    async def is_encrypted(self, _room_id: RoomID) -> bool:
        return False

    async def is_secret(self, _effect_id: str) -> bool:
        return False

    async def has_devices(self, _user_id: UserID) -> bool:
        return False

    async def send(self, room_id: RoomID, content: Mapping[str, Any], txn_id: str, *, encrypted: bool) -> EventID:
        assert not encrypted
        return await self._client.send(room_id, "m.room.message", content, txn_id)


async def known_again(client: MatrixClient) -> None:
    """Make the account and its device, as each start does."""
    await register(client, "circle")
    await client.request("PUT", "/_matrix/client/v3/devices/CIRCLES", {}, user_id=UserID(client.user_id))
    client.device_id = "CIRCLES"
    await name_account(client, "circle", "Circle")
