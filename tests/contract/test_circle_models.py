"""Which model a circle's words reach, on real rows: the one its policy names, as far as every policy since allows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection

from circles.adapters.ai.circle_models import CircleModels
from circles.adapters.ai.clearance import SendClearance
from circles.adapters.store.database import SqlDatabase
from circles.core.ids import EventID, RoomID, UserID
from circles.core.permitted import permit
from circles.core.prompt import Completion, Prompt
from circles.core.settings import ModelPlace, Settings
from circles.errors import ModelMissing
from circles.facts import rooms
from circles.facts.tables import metadata, policies
from circles.testing import AI, NOON, ROOM, FakeClock, said
from circles_policies.content import to_content
from circles_policies.decision import Decision, Verdict
from circles_policies.model import Ceiling, Preset, Reach, preset

MEI: Final = UserID("@mei:home.example")
DIRECT: Final = RoomID("!direct:home.example")
PLACES: Final = {
    "house": ModelPlace("house-model", "house.example", Reach.LOCAL),
    "cloud": ModelPlace("cloud-model", "cloud.example", Reach.LISTED),
    "sky": ModelPlace("sky-model", "sky.example", Reach.LISTED),
}

Step = tuple[str | None, Reach]
"""A policy's model and how far it lets text go."""
steps = st.tuples(st.sampled_from((None, *PLACES, "gone")), st.sampled_from(Reach))
CLOUD: Final[Step] = ("cloud", Reach.LISTED)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlDatabase]:
    database = SqlDatabase(f"sqlite:///{tmp_path_factory.mktemp('models') / 'circles.db'}")
    metadata.create_all(database.writer)

    def settle(connection: Connection) -> None:
        rooms.save_room(connection, ROOM)
        rooms.save_room(connection, DIRECT, direct=True)
        for room_id in (ROOM, DIRECT):
            rooms.save_member(connection, room_id, MEI, since=0)

    asyncio.run(database.write(settle))
    yield database
    asyncio.run(database.close())


def agree(connection: Connection, agreed: list[Step]) -> None:
    """Write a room's policies, each a minute after the one before, the first from before the message on."""
    connection.execute(policies.delete())
    first = int(NOON.timestamp() * 1000) - 30_000
    for place, (model, reach) in enumerate(agreed):
        is_last = place == len(agreed) - 1
        connection.execute(
            policies.insert().values(
                room_id=ROOM,
                content=to_content(preset(Preset.ON_CALL, reach, model)),
                state="in_force" if is_last else "ended",
                asked_at=0,
                starts_at=first + 60_000 * place,
                ends_at=None if is_last else first + 60_000 * (place + 1),
                written=False,
            )
        )


class Endpoint:
    """Notes that the words of a prompt reached it; the decision on the way is the real one."""

    def __init__(
        self, name: str | None, reached: list[str | None], database: SqlDatabase, settings: Settings, last: Step | None
    ) -> None:
        self._name, self._reached, self._database, self._last = name, reached, database, last
        self._asks = SendClearance(database, FakeClock(NOON + timedelta(hours=1)), settings, name=name)

    async def complete(self, prompt: Prompt) -> Completion:
        last = self._last
        if last is not None:
            await self._database.write(lambda c: agree(c, [*self._agreed, last]))
        words = {message.event_id for message in (*prompt.talk, *([prompt.question] if prompt.question else []))}
        if words <= (await self._asks(prompt)).allowed:
            self._reached.append(self._name)
        return Completion("", None, "", 0)

    _agreed: tuple[Step, ...] = ()

    def after(self, agreed: list[Step]) -> Endpoint:
        self._agreed = tuple(agreed)
        return self

    async def aclose(self) -> None:
        """Nothing is open."""


async def reached(
    database: SqlDatabase,
    agreed: list[Step],
    last: Step | None = None,
    *,
    usual: Reach = Reach.LOCAL,
    ceiling: Reach = Reach.LISTED,
    asked_in: RoomID = ROOM,
) -> list[str | None]:
    """Return the models that a prompt about the room reaches; `last` is chosen when it is on its way."""
    settings = Settings(AI, "home.example", ceiling=Ceiling(send=ceiling), reach=usual, models=PLACES)
    names = [*([None] if usual is not Reach.NONE else []), *PLACES]
    found: list[str | None] = []
    endpoints = {name: Endpoint(name, found, database, settings, last).after(agreed) for name in names}
    await database.write(lambda c: agree(c, agreed))
    question = permit(
        Decision(Verdict.ALLOW),
        event_id=EventID("$question"),
        room_id=asked_in,
        sender=MEI,
        at=int(NOON.timestamp() * 1000),
        text="Who goes?",
        addressed=True,
    )
    prompt = Prompt("ask", ROOM, MEI, "Answer.", (said(MEI, "Off to Uncle"),), question, names={})
    await CircleModels(database, endpoints).complete(prompt)
    return found


@given(
    agreed=st.lists(steps, min_size=1, max_size=3),
    last=st.none() | steps,
    usual=st.sampled_from(Reach),
    ceiling=st.sampled_from(Reach),
)
@example(agreed=[CLOUD], last=None, usual=Reach.LOCAL, ceiling=Reach.LISTED)
@example(agreed=[CLOUD], last=("sky", Reach.LISTED), usual=Reach.LOCAL, ceiling=Reach.LISTED)
@example(agreed=[("house", Reach.LISTED), CLOUD], last=None, usual=Reach.LOCAL, ceiling=Reach.LISTED)
@example(agreed=[("house", Reach.LOCAL)], last=(None, Reach.LOCAL), usual=Reach.LOCAL, ceiling=Reach.LISTED)
def test_words_reach_the_model_of_their_circle_alone_and_go_no_farther_than_was_agreed_since(
    database: SqlDatabase, agreed: list[Step], last: Step | None, usual: Reach, ceiling: Reach
) -> None:
    """Whatever the policies were from the message until now, also where another is chosen in the last moment."""
    chosen = agreed[-1][0]
    place = ModelPlace("usual", "", usual) if chosen is None and usual is not Reach.NONE else PLACES.get(chosen or "")
    with pytest.raises(ModelMissing) if place is None else contextlib.nullcontext():
        found = asyncio.run(reached(database, agreed, last, usual=usual, ceiling=ceiling))
    if place is None:
        return

    since = [*agreed, *([last] if last is not None else [])]
    near_enough = all(place.reach <= reach for _, reach in since) and place.reach <= ceiling
    the_same = place.reach is Reach.LOCAL or all(model == chosen for model, _ in since)
    still = since[-1][0] == chosen
    assert found == ([chosen] if near_enough and the_same and still else [])


@pytest.mark.parametrize("model", [None, "house", "cloud"])
async def test_what_is_asked_in_private_goes_where_the_circles_words_go(
    database: SqlDatabase, model: str | None
) -> None:
    agreed = [(model, PLACES[model].reach if model else Reach.LOCAL)]

    assert await reached(database, agreed, asked_in=DIRECT) == [model]
