"""The digest over fakes: set, due, at once, again, with and without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from circles.core.call import Fire, Remake, Room, Said, Tap
from circles.core.coming import Coming, Confirmed, Unsaid
from circles.core.effects import Effect, Post, WakeAt
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.permitted import Talk
from circles.core.prompt import Completion, Prompt
from circles.core.settings import Settings
from circles.errors import BudgetSpent, MatrixUnavailable, ModelUnavailable
from circles.facts.tables import members, posts
from circles.features.digest import FEATURE, handler, store
from circles.features.digest.decide import Digest
from circles.ports import Ports, Window
from circles.testing import (
    AI,
    NOON,
    ROOM,
    FakeClock,
    FakeItems,
    FakeNames,
    FakeTalk,
    QueueModel,
    a_call,
    a_room,
    some_ports,
)
from circles_policies.model import Preset, Reach, preset

MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
TONIGHT = datetime(2027, 2, 1, 19, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    """Stand at noon."""
    return FakeClock()


@pytest.fixture
def talk() -> FakeTalk:
    """Make a room where nothing was said."""
    return FakeTalk()


@pytest.fixture
def items() -> FakeItems:
    """Offer nothing yet."""
    return FakeItems()


@pytest.fixture
def ports(clock: FakeClock, talk: FakeTalk, items: FakeItems) -> Ports:
    """Make ports without a model."""
    return some_ports(clock=clock, talk=talk, items=items, names=FakeNames({MEI: "Mei", LI: "Li"}))


async def carry_out(effects: Sequence[Effect], ports: Ports) -> list[Post]:
    """Write our own effects as the outbox would, and return what is said."""

    def work(connection: Connection) -> None:
        for effect in effects:
            if type(effect) in FEATURE.writers:
                FEATURE.writers[type(effect)](connection, effect)

    await ports.database.write(work)
    return [effect for effect in effects if isinstance(effect, Post)]


async def set_it(ports: Ports) -> None:
    """Set a daily digest at 20:00."""
    await carry_out(await handler.configure(a_call("digest", "daily at 20:00", decides=True), ports), ports)


def a_notebook(**changes: Any) -> Room:
    """Make a room whose talk is looked at as it is said, so that a digest that comes by itself may tell of it."""
    return a_room(**{"policy": preset(Preset.NOTEBOOK), **changes})


async def fire(ports: Ports, **room: Any) -> list[Post]:
    """Let its wake fire now, in a notebook if nothing else is said."""
    now = ports.clock.now()
    return await carry_out(await handler.fire(Fire(a_notebook(**room), ROOM, {}, now, now), ports), ports)


async def the_row(ports: Ports) -> Digest | None:
    """Return what is kept."""
    return await ports.database.read(lambda c: store.digest(c, ROOM))


def chat(talk: FakeTalk, at: datetime = NOON + timedelta(hours=1)) -> list[EventID]:
    """Let people say something worth telling."""
    return [
        talk.say(LI, "Dinner is at our house on Sunday at six o'clock", at),
        talk.say(MEI, "I will bring dumplings and a salad on Sunday", at + timedelta(minutes=1)),
    ]


async def test_from_setting_to_the_first_and_second_digest(ports: Ports, clock: FakeClock, talk: FakeTalk) -> None:
    """The first tells what was said since it was set; the second only what came after."""
    talk.say(LI, "Before the digest nobody talked about boats", NOON - timedelta(hours=1))
    await set_it(ports)
    said = chat(talk)
    clock.instant = TONIGHT
    (post,) = await fire(ports)

    assert "Li: Dinner is at our house" in post.words.body
    assert "boats" not in post.words.body
    assert {source.event_id for source in post.sources} == set(said)

    clock.advance(timedelta(days=1))

    assert await fire(ports) == []

    kept = await the_row(ports)
    assert kept is not None
    assert kept.last_sent == TONIGHT


async def test_a_wake_that_fires_twice_posts_once(ports: Ports, clock: FakeClock, talk: FakeTalk) -> None:
    """The row was moved on with the post: what fires again is only armed anew."""
    await set_it(ports)
    chat(talk)
    clock.instant = TONIGHT

    assert len(await fire(ports)) == 1

    again = await handler.fire(Fire(a_notebook(), ROOM, {}, TONIGHT, TONIGHT), ports)

    assert [type(effect) for effect in again] == [WakeAt]


@pytest.mark.parametrize("policy", [preset(Preset.RESTING), None])
async def test_resting_says_nothing_and_goes_on_later(
    ports: Ports, clock: FakeClock, items: FakeItems, policy: object
) -> None:
    """Nothing is lost: the next one covers this span too."""
    await set_it(ports)
    items.things.append(Confirmed(NOON + timedelta(hours=1), "We meet on Sunday"))
    clock.instant = TONIGHT

    assert await fire(ports, policy=policy) == []

    clock.advance(timedelta(days=1))
    (post,) = await fire(ports)

    assert "☑ We meet on Sunday" in post.words.body


class Untouchable(FakeTalk):
    """Talk that nobody may look at."""

    async def window(self, room_id: RoomID, window: Window) -> Talk:
        """Fail the test."""
        raise AssertionError(f"looked at the talk of {room_id}")


@pytest.mark.parametrize("key", [Preset.ADDRESSED, Preset.ON_CALL, Preset.AGREED])
async def test_a_digest_that_comes_by_itself_looks_at_no_talk_where_it_must_be_called(
    ports: Ports, clock: FakeClock, items: FakeItems, key: Preset
) -> None:
    """It is made of dates and confirmed things alone, asks no model, and says nothing of what was kept out."""
    talk, model = Untouchable(), QueueModel()
    unseeing = with_model(replace(ports, talk=talk), model)
    await set_it(unseeing)
    first, _ = chat(talk)
    talk.kept_out.add(first)
    items.dates.append(Coming(TONIGHT + timedelta(hours=5), "dentist", Source(EventID("$d"), LI), LI))
    items.things.append(Confirmed(NOON + timedelta(hours=1), "We meet at the station"))
    clock.instant = TONIGHT
    (post,) = await fire(unseeing, policy=preset(key))
    again = await handler.remake(Remake(a_room(policy=preset(key)), posted(post), None, clock.now()), unseeing)

    for each in (post, *again):
        assert isinstance(each, Post)
        assert "dentist" in each.words.body
        assert "☑ We meet at the station" in each.words.body
        assert "Talked about" not in each.words.body
        assert "kept out" not in each.words.body
        assert {source.event_id for source in each.sources} == {"$d"}
    assert len(again) == 1
    assert model.prompts == []


@pytest.mark.parametrize("key", [Preset.ADDRESSED, Preset.ON_CALL, Preset.AGREED])
async def test_talk_alone_brings_no_digest_where_it_must_be_called(
    ports: Ports, clock: FakeClock, talk: FakeTalk, key: Preset
) -> None:
    """However much was said, nothing is posted for it."""
    await set_it(ports)
    chat(talk)
    clock.instant = TONIGHT

    assert await fire(ports, policy=preset(key)) == []


@pytest.mark.parametrize(
    ("key", "looks"),
    [(Preset.ADDRESSED, False), (Preset.ON_CALL, True), (Preset.AGREED, True), (Preset.NOTEBOOK, True)],
)
async def test_now_is_a_call_and_so_is_what_is_made_of_it_again(
    ports: Ports, clock: FakeClock, talk: FakeTalk, items: FakeItems, key: Preset, looks: bool
) -> None:
    """Whoever says it calls the AI, and talk is looked back at where the room lets it be; a remake answers them too."""
    chat(talk, NOON - timedelta(hours=2))
    items.dates.append(Coming(NOON + timedelta(hours=5), "dentist"))
    room = a_room(policy=preset(key))
    call = a_call("digest", "now", asker=LI, room=room)
    (post,) = await handler.configure(call, ports)
    assert isinstance(post, Post)
    (again,) = await handler.remake(Remake(room, posted(post), None, clock.now()), ports)

    for each in (post, again):
        assert isinstance(each, Post)
        assert "dentist" in each.words.body
        assert ("Li: Dinner is at our house" in each.words.body) is looks


async def test_something_kept_out_is_said_without_a_count(ports: Ports, clock: FakeClock, talk: FakeTalk) -> None:
    """The one fixed sentence, and nothing of the message."""
    await set_it(ports)
    first, _ = chat(talk)
    talk.kept_out.add(first)
    clock.instant = TONIGHT
    (post,) = await fire(ports)

    assert "Some messages were kept out." in post.words.body
    assert "Dinner" not in post.words.body
    assert first not in {source.event_id for source in post.sources}


def with_model(ports: Ports, model: QueueModel) -> Ports:
    """Put a local model in."""
    return replace(ports, model=model, settings=Settings(ai=AI, server_name="home.example", reach=Reach.LOCAL))


async def test_a_model_writes_it_with_links(ports: Ports, clock: FakeClock, talk: FakeTalk) -> None:
    """Its points carry the links of the lines they name; the host is charged."""
    model = QueueModel()
    model.put(data={"points": [{"text": "They eat on Sunday at six", "messages": [1]}]})
    modelled = with_model(ports, model)
    await set_it(modelled)
    first, _ = chat(talk)
    clock.instant = TONIGHT
    (post,) = await fire(modelled)

    assert "• They eat on Sunday at six [1]" in post.words.body
    assert [source.event_id for source in post.sources] == [first]
    assert (model.prompts[0].asker, model.prompts[0].purpose) == (MEI, "digest")
    assert post.mark == {"model": "fake"}


@pytest.mark.parametrize("answer", ["down", "spent", "unlinked"])
async def test_a_failing_model_leaves_the_quotes(ports: Ports, clock: FakeClock, talk: FakeTalk, answer: str) -> None:
    """Down, out of budget, or without a checked link: the digest comes all the same."""

    class Failing(QueueModel):
        async def complete(self, prompt: Prompt) -> Completion:
            if answer == "spent":
                raise BudgetSpent
            if answer == "down":
                raise ModelUnavailable
            return Completion("", {"points": [{"text": "Mars", "messages": [9]}]}, "fake", 1)

    modelled = with_model(ports, Failing())
    await set_it(modelled)
    chat(talk)
    clock.instant = TONIGHT
    (post,) = await fire(modelled)

    assert "Quoted, without a model." in post.words.body
    assert "Dinner is at our house" in post.words.body


async def test_now_is_for_everyone_and_changes_nothing(ports: Ports, talk: FakeTalk) -> None:
    """It answers the asker, and the rhythm stays as it is."""
    (nothing,) = await handler.configure(a_call("digest", "now"), ports)
    assert isinstance(nothing, Post)
    assert "Nothing new since yesterday" in nothing.words.body

    chat(talk, NOON - timedelta(hours=2))
    call = a_call("digest", "now", asker=LI)
    (post,) = await handler.configure(call, ports)

    assert isinstance(post, Post)
    assert "Asked for by Li." in post.words.body
    assert (post.answers, post.reply_to) == (call.event_id, call.event_id)
    assert await the_row(ports) is None


def posted(post: Post) -> Said:
    """Return a digest as it stands in the room."""
    return Said(
        EffectID("e1"),
        EventID("$post"),
        "digest",
        "digest",
        "",
        ROOM,
        ROOM,
        None,
        post.answers,
        None,
        post.remake,
        "en",
        "final",
    )


async def test_it_is_made_again_over_the_same_span(ports: Ports, clock: FakeClock, talk: FakeTalk) -> None:
    """Without what was taken back, and without what was said since."""
    await set_it(ports)
    first, _ = chat(talk)
    clock.instant = TONIGHT
    (post,) = await fire(ports)
    talk.kept_out.add(first)
    talk.say(LI, "After the digest somebody bought a piano for the hall", TONIGHT + timedelta(hours=1))
    said = posted(post)
    (again,) = await handler.remake(Remake(a_notebook(), said, None, clock.now()), ports)

    assert isinstance(again, Post)
    assert again.words.body.startswith("Posted again")
    assert "dumplings" in again.words.body
    assert "Dinner" not in again.words.body
    assert "piano" not in again.words.body
    assert await handler.remake(Remake(a_notebook(), replace(said, remake=None), None, clock.now()), ports) == ()


def a_tap(key: str, asker: UserID, *, subject: str = "asks") -> Tap:
    """Tap the digest's post."""
    said = Said(
        EffectID("e1"), EventID("$post"), "digest", "digest", subject, ROOM, ROOM, None, None, None, None, "en", "final"
    )
    return Tap(a_room(), asker, EventID("$tap"), NOON, key, said, "en", False)


async def test_taps(ports: Ports) -> None:
    """Who may not end it gets one kind line, once; its host ends it; a tap after that does nothing."""
    await set_it(ports)
    (line,) = await carry_out(await handler.tapped(a_tap("❌", LI), ports), ports)
    assert "works for everyone" in line.words.body
    kept = {"effect_id": "n", "room_id": ROOM, "about": ROOM, "kind": line.kind, "feature": "digest", "at": 0}
    await ports.database.write(lambda c: c.execute(insert(posts).values(**kept, subject=line.subject)))
    assert await handler.tapped(a_tap("❌", LI), ports) == ()

    (ended,) = await carry_out(await handler.tapped(a_tap("❌", MEI), ports), ports)
    assert ended.words.body == "The digest is off."
    assert await the_row(ports) is None
    assert await handler.tapped(a_tap("❌", MEI), ports) == ()
    assert await fire(ports) == []


async def test_while_the_homeserver_is_silent_it_is_tried_again_but_not_for_ever(
    ports: Ports, clock: FakeClock, talk: FakeTalk
) -> None:
    """For some hours the wake comes back; then the next digest covers this span too, and nothing ends for good."""
    await set_it(ports)
    chat(talk)

    class Silent(FakeTalk):
        async def window(self, room_id: RoomID, window: Window) -> Talk:
            raise MatrixUnavailable

    silent = replace(ports, talk=Silent())
    with pytest.raises(MatrixUnavailable):
        await handler.fire(Fire(a_notebook(), ROOM, {}, TONIGHT, TONIGHT + timedelta(hours=1)), silent)
    effects = await handler.fire(Fire(a_notebook(), ROOM, {}, TONIGHT, TONIGHT + timedelta(hours=7)), silent)
    await carry_out(effects, ports)

    assert [effect.due for effect in effects if isinstance(effect, WakeAt)] == [TONIGHT + timedelta(days=1)]

    clock.instant = TONIGHT + timedelta(days=1)
    (post,) = await fire(ports)

    assert "Dinner is at our house" in post.words.body


async def test_it_ends_when_its_host_has_left(ports: Ports, clock: FakeClock) -> None:
    """One sentence, and the row is gone."""
    await set_it(ports)
    await ports.database.write(
        lambda c: c.execute(insert(members).values(room_id=ROOM, user_id=MEI, membership="leave"))
    )
    clock.instant = TONIGHT
    (post,) = await fire(ports)

    assert "has left" in post.words.body
    assert await the_row(ports) is None


async def test_what_was_left_unsaid_is_a_line_of_the_next_digest(
    ports: Ports, clock: FakeClock, talk: FakeTalk, items: FakeItems
) -> None:
    """With the link to what it rests on, if that may still be looked at; it is reason enough for a digest."""
    await set_it(ports)
    shown, gone = talk.say(MEI, "who brings tea?"), talk.say(LI, "who brings cake?")
    talk.kept_out.add(gone)
    for text, source in (("A question is still open.", shown), ("Another one is.", gone)):
        items.left.append(Unsaid(NOON + timedelta(hours=1), text, (Source(source, MEI),)))
    clock.advance(timedelta(hours=7))

    (post,) = await fire(ports)

    assert "By the way" in post.words.body
    assert "A question is still open. [1]" in post.words.body
    assert "Another one is." not in post.words.body
    assert [source.event_id for source in post.sources] == [shown]
    items.left.clear()
    again = await handler.remake(Remake(room=a_room(), said=posted(post), asked=None, now=clock.now()), ports)
    assert again == (), "nothing is left of it"


async def test_of_many_left_unsaid_the_rest_is_a_number(ports: Ports, clock: FakeClock, items: FakeItems) -> None:
    await set_it(ports)
    items.left += [Unsaid(NOON + timedelta(minutes=number), f"line {number}") for number in range(25)]
    clock.advance(timedelta(hours=7))

    (post,) = await fire(ports)

    assert [line for line in post.words.body.splitlines() if line.startswith("• ")] == [
        f"• line {n}" for n in range(10)
    ]
    assert "… and 15 more like these." in post.words.body
