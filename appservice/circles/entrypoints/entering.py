"""Entering a room: read its state once, write the facts, let the features begin, and fetch what was said before we
came.

Synapse never pushes what is sent between an invite and the join (measured), and Element sends the first "out" of a
direct message
exactly there.  So after joining a direct message it is read once, from the invite on, through the gate like any event.
What was delivered since the join keeps its place behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.direct import KIND_KEY
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.entrypoints.intake import ENCRYPTED, Intake
from circles.entrypoints.retaining import NOTHING_SAID, hold_to
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.facts import events as event_facts
from circles.facts import rooms, upgrades
from circles.feature import Entered, Feature
from circles.ports import Database, Ports
from circles.registry import FEATURES
from circles_policies.acl import may_take_part
from circles_policies.content import POLICY_TYPE
from circles_policies.retention import RETENTION_TYPE

Json = Mapping[str, Any]
PAGES: Final = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of entering a room: whether we are in it, and what the features do there.

    That its state was read is noted in the commit of these effects: a crash before it enters the room again.
    """

    here: bool
    effects: tuple[fx.Effect, ...] = ()


class Entering:
    """Enters rooms."""

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        intake: Intake,
        ports: Ports,
        features: tuple[Feature, ...] = FEATURES,
    ) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._client = client
        self._intake = intake
        self._ports = ports
        self._features = features

    async def enter(self, room_id: RoomID) -> Entry:
        """Read a room's state, write what it says, and return what the features do there. Safe to repeat.

        Raises:
            MatrixError: the homeserver did not answer; to be tried again.
        """
        heard = await self._database.read(lambda c: rooms.memberships(c, room_id))
        try:
            state = await self._client.state(room_id)
        except (MatrixForbidden, MatrixNotFound):
            return Entry(here=False)  # Not any more, or not yet: what is said there is not for us.
        if not self._is_in(state):
            return Entry(here=False)  # Whoever left may still read the state as it was then.
        entered = await self._database.write(lambda c: self._write_facts(c, room_id, state, heard))
        if entered is None:
            return Entry(here=True)
        if entered.room.direct:
            await self._read_before_join(room_id)
        effects: list[fx.Effect] = []
        for feature in self._features:
            if feature.entered is not None:
                effects += await feature.entered(entered, self._ports)
        return Entry(here=True, effects=tuple(effects))

    def _is_in(self, state: list[dict[str, Any]]) -> bool:
        ai = self._ports.settings.ai
        own = (event for event in state if event.get("type") == "m.room.member" and event.get("state_key") == ai)
        return any(cast("Json", event.get("content", {})).get("membership") == "join" for event in own)

    def _write_facts(
        self, connection: Connection, room_id: RoomID, state: list[dict[str, Any]], heard: Mapping[UserID, str]
    ) -> Entered | None:
        before = rooms.room_facts(connection, room_id)
        if before is not None and (before.filled or before.membership in ("leave", "ban")):
            return None
        if before is not None and before.invited_as_direct:
            # What was said before is read below, from the invite on: nothing is lost by not having believed it.
            rooms.save_room(connection, room_id, direct=True)
        now = int(self._ports.clock.now().timestamp() * 1000)
        ai = self._ports.settings.ai
        policy: dict[str, Any] | None = None
        found: dict[UserID, str] = {}
        shut_out, retention = False, NOTHING_SAID
        for event in state:
            type_, content = event.get("type"), cast("Json", event.get("content", {}))
            match type_:
                case "m.room.create" if content.get(KIND_KEY) == "control":
                    rooms.save_room(connection, room_id, direct=True)
                    return None  # Our own room for kicks: nobody is in it.
                case "m.room.create":
                    event_facts.created(connection, room_id, str(event.get("sender")), content)
                    if content.get(KIND_KEY) == "direct":
                        rooms.save_room(connection, room_id, direct=True)
                case "m.room.power_levels":
                    rooms.save_room(connection, room_id, levels=dict(content))
                case "m.room.encryption":
                    rooms.save_room(connection, room_id, encrypted=True)
                case "m.room.server_acl":
                    shut_out = not may_take_part(content, self._ports.settings.server_name)
                case _ if type_ == RETENTION_TYPE and event.get("state_key") == "":
                    retention = content
                case "m.room.member":
                    found[UserID(str(event.get("state_key")))] = str(content.get("membership"))
                case _ if type_ == POLICY_TYPE and event.get("state_key") == "":
                    policy = event
                case _:
                    pass
        # Who came or went while the state was read is what was delivered since, not what stood in it: else somebody
        # who joined in that moment would be no member here, and be heard only from their next word on.
        since = rooms.memberships(connection, room_id)
        found |= {user: membership for user, membership in since.items() if heard.get(user) != membership}
        event_facts.found_there(connection, room_id, found, now)
        people = sum(membership in ("join", "invite") and user != ai for user, membership in found.items())
        upgrade = upgrades.into(connection, room_id)
        if people > 1:
            rooms.save_room(connection, room_id, direct=False)
        elif upgrade is not None and rooms.is_direct(connection, upgrade.old):
            rooms.save_room(connection, room_id, direct=True)  # Upgraded, it is invited to as any other room.
        rooms.save_room(connection, room_id, membership="join", shut_out=shut_out)
        hold_to(connection, room_id, retention, at=now, now=now)
        facts, room = (
            rooms.room_facts(connection, room_id),
            rooms.view(connection, room_id, self._ports.settings.language),
        )
        if facts is None or room is None:
            return None
        if facts.direct:
            self._note_direct(connection, room_id, ai)
        if upgrade is not None:
            # Before anything here can be looked at: who was out there is out here.
            upgrades.carry_choices(connection, upgrade, now)
        return Entered(
            room=room,
            encrypted=facts.encrypted,
            inviter=_asker(connection, room_id) or facts.inviter,
            policy=cast("Json", policy["content"]) if policy is not None else None,
            policy_sender=UserID(str(policy.get("sender"))) if policy is not None else None,
            policy_event=EventID(str(policy.get("event_id"))) if policy is not None else None,
            now=self._ports.clock.now(),
        )

    def _note_direct(self, connection: Connection, room_id: RoomID, ai: UserID) -> None:
        for user in rooms.joined(connection, room_id):
            if user != ai:
                rooms.save_person(connection, user, direct_room=room_id)

    async def _read_before_join(self, room_id: RoomID) -> None:
        """Take in what was written from the invite to the join, oldest first."""
        facts = await self._database.read(lambda c: rooms.room_facts(c, room_id))
        if facts is None or facts.invited_at is None:
            return
        found: list[dict[str, Any]] = []
        start: str | None = None
        for _ in range(PAGES):
            page = await self._client.messages(room_id, start, 50)
            chunk = cast("list[dict[str, Any]]", page.get("chunk", []))
            for event in chunk:
                if event.get("event_id") == facts.invite_event or event.get("origin_server_ts", 0) < facts.invited_at:
                    start = None
                    break
                found.append(event)
            else:
                start = page.get("end")
            if not start:
                break
        messages = [event for event in reversed(found) if event.get("type") in ("m.room.message", ENCRYPTED)]
        await self._intake.said_before(room_id, [{**event, "room_id": room_id} for event in messages])


def _asker(connection: Connection, room_id: RoomID) -> UserID | None:
    """Return who asked for a circle that our founder made, None for a room others made."""
    create = rooms.created_with(connection, room_id)
    creators = create.get("additional_creators")
    if create.get(KIND_KEY) != "circle" or not isinstance(creators, list):
        return None
    return next((UserID(each) for each in cast("list[object]", creators) if isinstance(each, str)), None)
