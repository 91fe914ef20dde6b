"""The creation of circles: cut short anywhere, the next attempt finishes the same room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.creation import AI_LEVEL, Creation, power_levels
from circles.core.ids import RoomID, UserID
from circles.errors import MatrixBadRequest, MatrixForbidden, MatrixNotFound, MatrixUnavailable
from circles.ports import NewRoom
from circles.testing import AI
from circles_policies import POLICY_TYPE, Power

MEI = UserID("@mei:home.example")
ASKED = NewRoom("$asked", "Trip", "Trip to Rome", MEI, 4821)


class Homeserver(MatrixClient):
    """A few rooms in memory, and a line that breaks after so many requests, once the request was carried out."""

    def __init__(self) -> None:
        self.user_id = AI
        self.rooms: dict[str, dict[str, Any]] = {}
        self.users: set[str] = set()
        self.left_until_break: int | None = None
        self.requests = 0

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        content_type: str = "application/json",
        user_id: UserID | None = None,
    ) -> dict[str, Any]:
        """Carry a request out, and perhaps not live to tell."""
        content: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        answer = self._answer(method, path, content, user_id or AI)
        self.requests += 1
        if self.left_until_break is not None:
            self.left_until_break -= 1
            if self.left_until_break < 0:
                self.left_until_break = None
                raise MatrixUnavailable
        return answer

    def _answer(self, method: str, path: str, body: Mapping[str, Any], user: UserID) -> dict[str, Any]:
        if path.endswith("/register"):
            if body["username"] in self.users:
                raise MatrixBadRequest(errcode="M_USER_IN_USE")
            self.users.add(body["username"])
            return {}
        if path.endswith("/createRoom"):
            if any(room["alias"] == body["room_alias_name"] for room in self.rooms.values()):
                raise MatrixBadRequest(errcode="M_ROOM_IN_USE")
            room_id = f"!room{len(self.rooms)}"
            members = {user: "join"}
            alias = body["room_alias_name"]
            self.rooms[room_id] = {"alias": alias, "create": body, "by": user, "members": members, "calls": []}
            return {"room_id": room_id}
        if "/directory/room/" in path:
            alias = unquote(path.rsplit("/", 1)[1])[1:].partition(":")[0]
            return {"room_id": next(key for key, room in self.rooms.items() if room["alias"] == alias)}
        _, _, _, _, _, room_id, verb, *rest = path.partition("?")[0].split("/")
        return self._in_room(self.rooms[unquote(room_id)], verb, rest, body, user)

    def _in_room(
        self, room: dict[str, Any], verb: str, rest: list[str], body: Mapping[str, Any], user: UserID
    ) -> dict[str, Any]:
        members: dict[str, str] = room["members"]
        if verb == "state" and rest[0] == "m.room.create":
            return {"sender": room["by"], "content": room["create"]["creation_content"]}
        if verb == "state":
            whose = unquote(rest[1])
            if whose not in members:
                raise MatrixNotFound
            return {"membership": members[whose]}
        room["calls"].append((verb, user))
        if verb == "invite":
            if members[user] != "join":
                raise MatrixForbidden
            members[body["user_id"]] = "invite"
        elif verb == "join":
            members[user] = "join"
        elif verb == "leave":
            members[user] = "leave"
        return {}


def creation(server: Homeserver) -> Creation:
    """Make the adapter as after a restart."""
    return Creation(server, "home.example", "circle-", "circle_")


async def test_the_founder_leaves_the_asker_in_charge() -> None:
    """Mei is a creator, the AI is none; the founder is gone."""
    server = Homeserver()
    made = creation(server)
    room_id = await made.create(ASKED)

    room = server.rooms[room_id]
    assert room["members"] == {made.founder: "leave", AI: "join", MEI: "invite"}
    assert room["create"]["creation_content"]["additional_creators"] == [MEI]
    assert room["by"] == made.founder


async def test_cut_short_anywhere_the_next_attempt_finishes_it() -> None:
    """Whichever request was the last one, there is one room, each step done once."""
    whole = Homeserver()
    await creation(whole).create(ASKED)
    for after in range(whole.requests):
        server = Homeserver()
        server.left_until_break = after
        with pytest.raises(MatrixUnavailable):
            await creation(server).create(ASKED)

        room_id = await creation(server).create(ASKED)

        assert list(server.rooms) == [room_id]
        assert server.rooms[room_id]["members"] == whole.rooms[room_id]["members"]
        assert sorted(server.rooms[room_id]["calls"]) == sorted(whole.rooms[room_id]["calls"])


async def test_made_again_it_is_the_same_room() -> None:
    """Who declined meanwhile is not invited again."""
    server = Homeserver()
    room_id = await creation(server).create(ASKED)
    server.rooms[room_id]["members"][MEI] = "leave"

    assert await creation(server).create(ASKED) == room_id
    assert server.rooms[room_id]["members"][MEI] == "leave"


async def test_a_number_of_another_circle_is_refused() -> None:
    """Whether we made it for someone else, or a stranger has the alias."""
    server = Homeserver()
    await creation(server).create(ASKED)

    with pytest.raises(MatrixBadRequest) as refused:
        await creation(server).create(NewRoom("$other", "x", "x", MEI, 4821))
    assert refused.value.errcode == "M_ROOM_IN_USE"

    server.rooms["!room0"]["by"] = MEI
    with pytest.raises(MatrixBadRequest):
        await creation(server).create(ASKED)


def test_the_ai_has_the_least_power() -> None:
    """The policy and its pinned banner, no more; who decides is above it."""
    content = {"additional_creators": [MEI]}
    power = Power.of(content, "@circle_founder:home.example", power_levels(AI), "12")

    assert power.level(AI) == AI_LEVEL
    assert {type_ for type_ in power.events if power.may_set_state(AI, type_)} == {POLICY_TYPE, "m.room.pinned_events"}
    assert not any(power.may(AI, action) for action in ("ban", "kick", "redact"))
    assert power.may_set_policy(MEI)
    assert not power.may_set_policy("@li:far.example")


@pytest.mark.parametrize(("rule", "is_open"), [("public", True), ("invite", False), ("knock", False), (None, None)])
async def test_a_door(rule: str | None, is_open: bool | None) -> None:
    """Open only if whoever has the link can join; unknown where it may not be seen."""

    class Rules(Homeserver):
        async def state_event(self, room_id: RoomID, type_: str, state_key: str = "") -> dict[str, Any]:
            if rule is None:
                raise MatrixForbidden
            return {"join_rule": rule}

    assert await creation(Rules()).is_open(RoomID("!any")) is is_open
