"""The decision on SEND, asked for each message right before a request leaves: what was allowed a moment ago may not
be now.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, select

from circles.adapters.ai.openai_client import Clearance
from circles.core.ids import EventID, RoomID
from circles.core.permitted import Permitted
from circles.core.prompt import Prompt
from circles.core.settings import Settings
from circles.facts import rooms
from circles.facts.tables import policies
from circles.ports import Database, TellsTime
from circles_policies.decision import Decision
from circles_policies.engine import decide
from circles_policies.model import Reach, Right
from circles_policies.request import Request, Scopes
from circles_policies.retention import NO_RETENTION, retention_at


class SendClearance:
    """Implements `openai_client.AsksToSend` on our own rows."""

    def __init__(
        self,
        database: Database,
        clock: TellsTime,
        settings: Settings,
        denied: Callable[[str, str], None] = lambda _reason, _right: None,
        *,
        name: str | None = None,
    ) -> None:
        """Take the rows to ask; `denied` counts what may not leave, by reason and right.

        `name` is that of the model that is about to be asked, None for the one that serves where a room chose none.
        """
        self._name = name
        self._denied = denied
        self._database = database
        self._clock = clock
        self._settings = settings

    async def __call__(self, prompt: Prompt) -> Clearance:
        """Ask for every message of the talk, and for the question."""
        return await self._database.read(lambda connection: self._ask(connection, prompt))

    def _ask(self, connection: Connection, prompt: Prompt) -> Clearance:
        allowed = {message.event_id for message in prompt.talk if self._may_send(connection, message)}
        question = prompt.question
        if question is not None and self._may_send(connection, question):
            allowed.add(question.event_id)
        facts = rooms.room_facts(connection, prompt.room_id)
        policy_id = connection.execute(
            select(policies.c.id).where(policies.c.room_id == prompt.room_id, policies.c.state == "in_force")
        ).scalar()
        if not all(self._serves(connection, room_id) for room_id in rooms_of(prompt)):
            allowed.clear()  # Another model was chosen meanwhile.
        return Clearance(frozenset(allowed), facts.generation if facts is not None else 0, policy_id)

    def _serves(self, connection: Connection, room_id: RoomID) -> bool:
        """Say whether this is the model of a room now. Private words go where those of the circle go they are about."""
        facts = rooms.room_facts(connection, room_id)
        return (facts is not None and facts.direct) or rooms.model(connection, room_id) == self._name

    def _may_send(self, connection: Connection, message: Permitted) -> Decision:
        room_id, event_id = message.room_id, EventID(message.event_id)
        facts, place = rooms.room_facts(connection, room_id), self._settings.place(self._name)
        scopes = Scopes(
            room=rooms.policies_since(connection, room_id, message.at),
            member=rooms.member(connection, room_id, message.sender),
            mark=rooms.mark(connection, room_id, event_id),
            operator=self._settings.ceiling,
            retention=retention_at(facts.retention, message.at) if facts is not None else NO_RETENTION,
        )
        now = int(self._clock.now().timestamp() * 1000)
        decision = decide(
            scopes,
            Request(
                right=Right.SEND,
                at=message.at,
                now=now,
                addressed=message.addressed,
                called=True,
                reach=place.reach if place is not None else Reach.LISTED,
                model=None if facts is not None and facts.direct else self._name,
            ),
        )
        for reason in () if decision else decision.reasons:
            self._denied(reason.value, Right.SEND.value)
        return decision


def rooms_of(prompt: Prompt) -> frozenset[RoomID]:
    """Return the rooms whose words a prompt holds, and the one it is about."""
    told = (*prompt.talk, *((prompt.question,) if prompt.question is not None else ()))
    return frozenset({prompt.room_id, *(message.room_id for message in told)})
