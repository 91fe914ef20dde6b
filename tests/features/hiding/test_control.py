"""🙈 against rows: hidden at once, counted a day, taken off by who may."""

from __future__ import annotations

import pytest

from circles.core import effects as fx
from circles.core.call import Fire
from circles.core.effects import Effect, Post, Private
from circles.core.ids import EventID, UserID
from circles.core.settings import Settings
from circles.facts import rooms
from circles.facts.tables import posts
from circles.feature import Control, Effects
from circles.features.hiding import handler, store, strings
from circles.features.hiding.control import control
from circles.features.hiding.decide import Unhide
from circles.ports import Ports
from circles.testing import AI, NOON, ROOM, FakeTalk, a_call, a_room, some_ports
from circles_policies.events import Classified, Kind
from circles_policies.events import Control as Why
from circles_policies.model import Mark
from circles_policies.words import ControlWord

ANNA, LI, MEI, UNCLE = (UserID(f"@{name}:home.example") for name in ("anna", "li", "mei", "uncle"))
SETTINGS = Settings(ai=AI, server_name="home.example", marks_per_day=2)
DAY = 24 * 3_600_000


class World:
    """Rows, and a message of Anna's."""

    def __init__(self) -> None:
        self.talk = FakeTalk()
        self.ports: Ports = some_ports(talk=self.talk, settings=SETTINGS)
        self.message = self.talk.say(ANNA, "the surprise")
        self.events = 0

    async def happens(self, classified: Classified, by: UserID, *, decides: bool = False) -> Effects:
        """Let a control event happen."""
        self.events += 1
        event = Control(
            event=classified,
            room=a_room(),
            sender=by,
            event_id=EventID(f"$event{self.events}"),
            at=classified.at,
            now=classified.at,
            content={},
            state_key=None,
            words=None,
            language="en",
            decides=decides,
        )
        return await self.ports.database.write(lambda c: control(event, c, SETTINGS))

    async def monkey(self, by: UserID, on: str | None = None, *, now: int = DAY, key: str = "🙈") -> Effects:
        """Put 🙈 on a message, Anna's if not told otherwise."""
        target = on or self.message
        return await self.happens(Classified(Kind.REACTION, now, Why.REACTION, reacts_to=target, reaction_key=key), by)

    async def redacts(self, number: int, by: UserID, *, decides: bool = False) -> Effects:
        """Redact the event of that number."""
        what = Classified(Kind.REDACTION, DAY, Why.REDACTION, redacts=f"$event{number}")
        return await self.happens(what, by, decides=decides)

    async def says(self, word: ControlWord, by: UserID, reply_to: str | None) -> Effects:
        """Say a word, as a reply."""
        return await self.happens(Classified(Kind.MESSAGE, DAY, Why.WORD, word=word, reply_to=reply_to), by)

    async def unhides(self, by: UserID, *, decides: bool = False, reply_to: EventID | None = None) -> str:
        """Say `unhide` as a reply, write what follows, and return what is answered in private."""
        call = a_call("unhide", asker=by, decides=decides, reply_to=reply_to or self.message)
        return await self.told(await handler.unhide(call, self.ports))

    async def told(self, effects: tuple[Effect, ...]) -> str:
        """Write effects and return the private words among them."""
        await self.write(effects)
        (private,) = [effect for effect in effects if isinstance(effect, Private)]
        return private.post.words.body

    async def write(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Unhide):
                await self.ports.database.write(lambda c, effect=effect: store.write(c, effect))  # type: ignore[misc]

    async def mark(self, message: str | None = None) -> Mark:
        """Return the mark on a message."""
        event_id = EventID(message or self.message)
        return await self.ports.database.read(lambda c: rooms.mark(c, ROOM, event_id))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("key", ["🙈", "🙈\ufe0f"])
async def test_a_monkey_hides_and_takes_back_what_was_made(world: World, key: str) -> None:
    effects = await world.monkey(LI, key=key)

    assert effects == (fx.TakeBack(ROOM, (world.message,), by=LI),)
    assert await world.mark() is Mark.HIDDEN


@pytest.mark.parametrize("key", ["👍", "🙉", ""])
async def test_no_other_reaction_hides(world: World, key: str) -> None:
    assert await world.monkey(LI, key=key) == ()
    assert await world.mark() is Mark.NONE


async def test_on_the_ais_own_words_it_hides_nothing(world: World) -> None:
    row = {"effect_id": "post", "room_id": ROOM, "about": ROOM, "event_id": "$post", "kind": "answer", "feature": "ask"}
    await world.ports.database.write(lambda c: c.execute(posts.insert().values(at=1, **row)))

    assert await world.monkey(LI, "$post") == ()
    assert await world.mark("$post") is Mark.NONE


async def test_hide_is_said_as_a_reply(world: World) -> None:
    assert await world.says(ControlWord.HIDE, LI, None) == ()
    await world.says(ControlWord.HIDE, LI, world.message)

    assert await world.mark() is Mark.HIDDEN
    call = a_call("hide", asker=LI, reply_to=world.message)
    assert await world.told(await handler.confirm_hidden(call, world.ports)) == strings.hidden("en").body
    nothing = a_call("hide", asker=LI)
    assert await world.told(await handler.confirm_hidden(nothing, world.ports)) == strings.hide_what("en").body


async def test_the_days_number_is_counted_and_the_next_is_refused_in_private(world: World) -> None:
    await world.monkey(LI, "$one")
    await world.monkey(LI, "$two")

    refused = await world.monkey(LI, "$three")

    assert isinstance(refused[0], Private)
    assert "are used up, so that one is not hidden" in refused[0].post.words.body
    assert await world.mark("$three") is Mark.NONE
    assert await world.monkey(UNCLE, "$three")
    await world.monkey(LI, "$four", now=2 * DAY + 1)
    assert await world.mark("$four") is Mark.HIDDEN


# --- and is taken off


async def test_taking_ones_own_monkey_off_undoes_it(world: World) -> None:
    await world.monkey(LI)

    assert await world.redacts(1, LI) == ()
    assert await world.mark() is Mark.NONE


async def test_another_members_redaction_undoes_nothing(world: World) -> None:
    await world.monkey(LI)

    assert await world.redacts(1, UNCLE) == ()
    assert await world.mark() is Mark.HIDDEN


@pytest.mark.parametrize(("by", "left"), [(LI, Mark.NONE), (ANNA, Mark.HIDDEN)])
async def test_a_moderators_redaction_lifts_all_but_the_authors_own(world: World, by: UserID, left: Mark) -> None:
    """Who wrote the message is asked of the homeserver, so it is done a moment later."""
    await world.monkey(by)

    (wake,) = await world.redacts(1, MEI, decides=True)

    assert isinstance(wake, fx.WakeAt)
    assert await world.mark() is Mark.HIDDEN
    await world.write(await handler.fire(Fire(a_room(), wake.key, wake.payload, NOON, NOON), world.ports))
    assert await world.mark() is left


@pytest.mark.parametrize(
    ("marked_by", "asker", "decides", "said", "left"),
    [
        ((LI,), ANNA, False, strings.unhidden("en"), Mark.NONE),
        ((LI,), MEI, True, strings.unhidden("en"), Mark.NONE),
        ((LI,), LI, False, strings.unhidden("en"), Mark.NONE),
        ((LI,), UNCLE, False, strings.not_yours("en"), Mark.HIDDEN),
        ((ANNA,), MEI, True, strings.not_yours("en"), Mark.HIDDEN),
        ((LI, UNCLE), LI, False, strings.still_hidden("en"), Mark.HIDDEN),
        ((), ANNA, False, strings.not_hidden("en"), Mark.NONE),
    ],
)
async def test_unhide_is_said_as_a_reply(
    world: World, marked_by: tuple[UserID, ...], asker: UserID, decides: bool, said: fx.Words, left: Mark
) -> None:
    for by in marked_by:
        await world.monkey(by)

    assert await world.unhides(asker, decides=decides) == said.body
    assert await world.mark() is left


async def test_unhide_that_answers_nothing_is_explained(world: World) -> None:
    assert await world.told(await handler.unhide(a_call("unhide"), world.ports)) == strings.unhide_what("en").body


async def test_of_a_message_nobody_can_find_only_ones_own_mark_is_lifted(world: World) -> None:
    await world.monkey(LI, "$gone")

    assert await world.unhides(MEI, decides=True, reply_to=EventID("$gone")) == strings.not_yours("en").body
    assert await world.unhides(LI, reply_to=EventID("$gone")) == strings.unhidden("en").body


def test_a_strange_effect_is_a_bug() -> None:
    with pytest.raises(TypeError, match="TakeBack"):
        store.write(None, fx.TakeBack(ROOM, ()))  # type: ignore[arg-type]  # it is refused before the rows


def test_the_answers_are_private() -> None:
    """Nothing of this file is said in the room."""
    assert not isinstance(a_call("hide").in_private(strings.hidden("en"), feature="hiding"), Post)
