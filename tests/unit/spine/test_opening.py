"""Parked ciphertext: opened in its order, once, never against the policy, and holding up nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from circles.adapters.matrix.crypto.machine import MEGOLM, NO_OLM, Received, Session, Trouble, Withheld
from circles.adapters.store import journal
from circles.adapters.store.tables import journal as journal_table
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake
from circles.entrypoints.opening import KEPT, Keys, Opener, Wait
from circles.entrypoints.performing import Aftermath
from circles.facts import rooms
from circles.facts.tables import policies, wakes
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock
from circles_policies.content import to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Level, Member, Preset, preset
from rows import LI, MEI, NOW, Rows, message, opened


class FakeCrypto:
    """Keys as the test hands them out."""

    def __init__(self) -> None:
        self.caught_up = asyncio.Event()
        self.keys: set[str] = set()
        self.strange: set[str] = set()
        self.asked: list[str] = []
        self.inside: dict[str, dict[str, Any]] = {}

    async def decrypt(self, event: Any) -> dict[str, Any] | Trouble:
        self.asked.append(event["event_id"])
        session = event["content"]["session_id"]
        if session in self.strange:
            return Trouble.UNKNOWN_DEVICE
        return self.inside[event["event_id"]] if session in self.keys else Trouble.NO_KEY


@dataclass
class Parking:
    """An opener on real rows with made-up keys."""

    rows: Rows
    crypto: FakeCrypto
    intake: Intake
    opener: Opener
    clock: FakeClock
    heard: list[Aftermath]
    tried: dict[EventID, Wait]

    async def whisper(self, text: str, session: str, *, sender: UserID = MEI, at: int = NOW, **content: Any) -> EventID:
        """Deliver a message encrypted with a key."""
        event = self.sealed(text, session, sender=sender, at=at, **content)
        await self.intake.accept(event["event_id"], [event])
        return EventID(event["event_id"])

    def sealed(self, text: str, session: str, *, sender: UserID = MEI, at: int = NOW, **content: Any) -> dict[str, Any]:
        """Return a message encrypted with a key."""
        clear = message(text, sender=sender, at=at)
        clear["content"] |= content
        envelope: dict[str, Any] = {"algorithm": MEGOLM, "session_id": session, "ciphertext": "…"}
        if "m.relates_to" in content:
            envelope["m.relates_to"] = content["m.relates_to"]
        self.crypto.inside[clear["event_id"]] = clear
        return {**clear, "type": "m.room.encrypted", "content": envelope}

    async def come(self, *sessions: str) -> None:
        """Let keys come."""
        self.crypto.keys |= set(sessions)
        await self.opener.received(Received(keys={Session(ROOM, session) for session in sessions}))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for the opener to get somewhere."""
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.to_thread(lambda: None)

    async def state_of(self, event_id: EventID) -> str | None:
        """Return the state of an event's row."""
        query = select(journal_table.c.state).where(journal_table.c.event_id == event_id)
        return await self.rows.do(lambda c: c.execute(query).scalar())

    async def until_state(self, event_id: EventID, state: str | None) -> None:
        async with asyncio.timeout(60):
            while await self.state_of(event_id) != state:
                await asyncio.to_thread(lambda: None)

    async def pending(self) -> list[str]:
        """Return the words that wait for the worker, in the order in which it takes them."""
        found: list[str] = []
        seen: list[int] = []
        while (entry := await self.rows.do(lambda c: journal.next_of(c, ROOM, seen))) is not None:
            found.append(entry.event["content"]["body"])
            seen.append(entry.seq)
        return found


def choose(connection: Connection, key: Preset, starts_at: int) -> None:
    content = to_content(preset(key))
    connection.execute(
        policies.insert().values(
            room_id=ROOM, content=content, state="in_force", asked_at=starts_at, starts_at=starts_at
        )
    )


def chosen(connection: Connection) -> None:
    rooms.save_room(connection, ROOM, membership="join", filled=True, encrypted=True)
    choose(connection, Preset.ON_CALL, 0)
    for user in (MEI, LI):
        rooms.save_member(connection, ROOM, user, membership="join", since=0)


@pytest.fixture
async def parking(tmp_path: Path) -> AsyncIterator[Parking]:
    async with opened(tmp_path) as rows:
        await rows.do(chosen)
        settings = Settings(ai=AI, server_name="home.example")
        heard: list[Aftermath] = []
        clock, crypto = FakeClock(), FakeCrypto()
        openers: list[Opener] = []

        def after(aftermath: Aftermath) -> None:
            heard.append(aftermath)
            if aftermath.parked:
                openers[0].look()

        ghosts = re.compile("@ghost.*")
        intake = Intake(rows.database, rows.performer, settings, clock, Metrics(), after, ghosts)
        tried: dict[EventID, Wait] = {}
        opener = Opener(rows.database, crypto, intake, rows.performer, clock, after, timedelta(seconds=60), tried)
        openers.append(opener)
        opener.start()
        yield Parking(rows, crypto, intake, opener, clock, heard, tried)
        await opener.stop()


async def test_what_was_taken_back_is_not_waited_for_and_its_place_may_be_anothers(parking: Parking) -> None:
    """A database may give the number of a row that went to a new one, which is tried like any other."""
    parking.crypto.caught_up.set()
    gone = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [gone])
    row = journal_table.c.event_id == gone
    seq = await parking.rows.do(lambda c: c.execute(select(journal_table.c.seq).where(row)).scalar())
    await parking.rows.do(lambda c: c.execute(journal_table.delete().where(row)))
    parking.crypto.keys.add("b")

    new = await parking.whisper("!circle policy", "b")

    assert (
        await parking.rows.do(
            lambda c: c.execute(select(journal_table.c.seq).where(journal_table.c.event_id == new)).scalar()
        )
        == seq
    )
    await parking.until_state(new, "pending")


async def test_nothing_is_tried_before_the_keys_that_waited_are_here(parking: Parking) -> None:
    """So what was said while we were away is opened in its order, whichever key is read first."""
    first = await parking.whisper("!circle help", "a")
    second = await parking.whisper("!circle policy", "b")
    await parking.come("b")
    await parking.come("a")
    assert parking.crypto.asked == []
    parking.crypto.caught_up.set()

    await parking.until_state(second, "pending")
    assert await parking.state_of(first) == "pending"
    assert await parking.pending() == ["!circle help", "!circle policy"]


async def test_what_was_never_delivered_is_opened_unless_its_writer_went_out_since(parking: Parking) -> None:
    """Read from the room in one go: to whom ciphertext speaks nobody can say yet, and whose it is everybody can."""
    envelope: dict[str, Any] = {"algorithm": MEGOLM, "session_id": "a", "ciphertext": "…"}
    said = [message("!circle help", sender=sender) for sender in (MEI, LI)]
    sealed = [{**each, "type": "m.room.encrypted", "content": envelope} for each in said]
    parking.crypto.inside = {each["event_id"]: each for each in said}
    parking.crypto.keys.add("a")

    await parking.intake.catch_up([*sealed, message("!circle out", sender=LI)])
    parking.crypto.caught_up.set()

    await parking.until_state(said[0]["event_id"], "pending")
    assert await parking.state_of(said[1]["event_id"]) == "settled"
    assert parking.crypto.asked == [said[0]["event_id"]]


async def test_what_waits_for_its_key_holds_up_nothing(parking: Parking) -> None:
    """It is opened when the key comes, at its place in the order, and the notice about it is void."""
    parking.crypto.caught_up.set()
    parking.crypto.keys.add("b")
    late = await parking.whisper("!circle help", "a")
    soon = await parking.whisper("!circle policy", "b")
    await parking.until_state(soon, "pending")
    assert await parking.state_of(late) == "parked"
    due = await parking.rows.do(lambda c: c.execute(select(wakes.c.feature, wakes.c.payload)).all())
    assert [(feature, payload["event"]) for feature, payload in due] == [("encryption", late)]
    unread = await Keys(parking.rows.database, _Device(), parking.tried).unread(ROOM, "a")
    assert unread is not None
    assert unread.count == 1

    await parking.come("a")

    await parking.until_state(late, "pending")
    assert await parking.pending() == ["!circle help", "!circle policy"]
    assert await Keys(parking.rows.database, _Device(), parking.tried).unread(ROOM, "a") is None


class _Device:
    async def shown(self) -> tuple[str, str, bool]:
        return "CIRCLES", "key", True


async def test_an_event_is_taken_in_once_however_often_it_is_delivered(parking: Parking) -> None:
    """Also while it is parked and after it was opened."""
    parking.crypto.caught_up.set()
    told = await parking.whisper("!circle help", "a")
    again = {
        **parking.crypto.inside[told],
        "type": "m.room.encrypted",
        "content": {"session_id": "a", "algorithm": MEGOLM},
    }
    await parking.intake.accept("again", [again])
    await parking.come("a")
    await parking.until_state(told, "pending")
    await parking.intake.accept("and again", [again])

    assert await parking.pending() == ["!circle help"]


async def test_talk_that_may_not_be_looked_at_leaves_no_words(parking: Parking) -> None:
    """Opened to see whether it is for the AI; it is not, so its row says nothing."""
    parking.crypto.caught_up.set()
    parking.crypto.keys.add("a")
    told = await parking.whisper("good morning, everyone", "a")

    await parking.until_state(told, "settled")
    payloads = await parking.rows.do(lambda c: c.execute(select(journal_table.c.payload)).scalars().all())
    assert payloads == [None]


@pytest.mark.parametrize("level", [Choice.OUT, Choice.NOT_AT_ALL])
async def test_nobody_asks_for_the_key_of_what_is_closed(parking: Parking, level: Choice) -> None:
    """Not on arrival, and not where the choice came while it waited: then it is dropped."""
    parking.crypto.caught_up.set()
    waits = await parking.whisper("!circle help", "a", sender=LI)
    await parking.until(lambda: parking.crypto.asked == [waits])
    out = fold_choice(Member(since=0), level, NOW)
    await parking.rows.do(lambda c: rooms.save_choice(c, ROOM, LI, out))
    parking.opener.judge_again()

    await parking.until_state(waits, "settled")
    closed = await parking.whisper("!circle help", "a", sender=LI)
    await parking.come("a")

    assert await parking.state_of(closed) is None
    assert parking.crypto.asked == [waits]


async def test_what_a_stricter_policy_closes_while_it_waits_is_dropped(parking: Parking) -> None:
    parking.crypto.caught_up.set()
    waits = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [waits])
    await parking.rows.do(lambda c: choose(c, Preset.RESTING, NOW + 1))
    parking.clock.advance(timedelta(seconds=1))
    parking.opener.judge_again()

    await parking.until_state(waits, "settled")
    await parking.come("a")
    assert parking.crypto.asked == [waits]


async def test_what_is_redacted_while_it_waits_is_never_opened(parking: Parking) -> None:
    parking.crypto.caught_up.set()
    told = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [told])
    await parking.rows.perform(fx.TakeBack(ROOM, (told,)))
    await parking.come("a")
    marker = await parking.whisper("!circle policy", "a")

    await parking.until_state(marker, "pending")
    assert await parking.state_of(told) == "settled"
    assert await parking.pending() == ["!circle policy"]


async def test_after_seven_days_it_is_given_up(parking: Parking) -> None:
    parking.crypto.caught_up.set()
    told = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [told])
    parking.clock.advance(KEPT + timedelta(seconds=1))
    parking.opener.look()

    await parking.until_state(told, "settled")


async def test_an_unknown_device_is_tried_again_when_devices_change(parking: Parking) -> None:
    parking.crypto.caught_up.set()
    parking.crypto.keys.add("a")
    parking.crypto.strange.add("a")
    told = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [told])
    parking.crypto.strange.clear()

    await parking.opener.received(Received(devices=True))

    await parking.until_state(told, "pending")


async def test_a_device_that_is_not_there_is_asked_for_once(parking: Parking) -> None:
    """And not with each message it wrote; what another says under its key is another question."""
    parking.crypto.caught_up.set()
    parking.crypto.strange.add("a")
    first = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [first])

    await parking.whisper("!circle help", "a")
    other = await parking.whisper("!circle help", "a", sender=LI)

    await parking.until(lambda: parking.crypto.asked == [first, other])


async def test_a_room_is_told_so_long_after_the_first(parking: Parking) -> None:
    """Else whoever goes on writing would never hear that nothing of it is read."""
    parking.crypto.caught_up.set()
    parking.crypto.keys.add("b")

    async def said() -> tuple[EventID, list[tuple[str, int]]]:
        waits = await parking.whisper("!circle help", "a")
        await parking.until_state(await parking.whisper("!circle policy", "b"), "pending")
        due = await parking.rows.do(lambda c: c.execute(select(wakes.c.payload, wakes.c.due)).all())
        parking.clock.advance(timedelta(seconds=50))
        return waits, [(payload["event"], at) for payload, at in due]

    first, armed = await said()
    assert armed == [(first, NOW + 60_000)]
    _, armed = await said()
    assert armed == [(first, NOW + 60_000)]
    third, armed = await said()
    assert armed == [(third, NOW + 160_000)]


async def test_three_days_away_are_taken_in_as_they_were_said(parking: Parking) -> None:
    """In their order though the keys come in another: what tightens is obeyed, what is a day old asks for nothing."""
    away, step = timedelta(days=3), timedelta(hours=1)
    parking.clock.advance(away)
    said: list[EventID] = []
    for number in range(72):
        at = NOW + int(step.total_seconds() * 1000) * (number + 1)
        words = "!circle out" if number == 60 else f"!circle ask {number}"
        said.append(await parking.whisper(words, f"s{number // 10}", sender=(MEI, LI)[number % 2], at=at))
    assert await parking.rows.do(lambda c: rooms.member(c, ROOM, MEI).level) is Level.NONE
    await parking.come(*(f"s{number}" for number in reversed(range(8))))
    parking.crypto.caught_up.set()

    await parking.until_state(said[-1], "pending")

    assert await parking.rows.do(lambda c: rooms.member(c, ROOM, MEI).level) is Level.OUT
    assert parking.crypto.asked == [event_id for number, event_id in enumerate(said) if number % 2 or number <= 60]
    assert (await parking.pending())[:2] == ["!circle ask 47", "!circle ask 48"]


async def test_what_was_never_delivered_is_opened_too(parking: Parking) -> None:
    """Read back after a long time away it waits for its key as anything delivered, and nothing else is made of it."""
    parking.crypto.caught_up.set()
    await parking.intake.catch_up([parking.sealed("!circle help", "a"), parking.sealed("!circle policy", "b")])
    parking.opener.look()
    await parking.come("b", "a")

    async with asyncio.timeout(60):
        while await parking.pending() != ["!circle help", "!circle policy"]:
            await asyncio.to_thread(lambda: None)


async def test_a_refused_key_is_noted_with_its_code(parking: Parking) -> None:
    parking.crypto.caught_up.set()
    told = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [told])
    await parking.opener.received(Received(withheld=[Withheld(MEI, Session(ROOM, "a"), "m.unverified")]))

    about = await Keys(parking.rows.database, _Device(), parking.tried).about(ROOM)
    assert about.encrypted
    assert [(each.count, each.code) for each in about.unread] == [(1, "m.unverified")]
    other = await Keys(parking.rows.database, _Device(), parking.tried).about(RoomID("!other"))
    assert other.unread == ()


async def refusals(parking: Parking) -> dict[int, tuple[str | None, str]]:
    """Return why what waits cannot be read, by how many wait for the same key."""
    about = await Keys(parking.rows.database, _Device(), parking.tried).about(ROOM)
    return {each.count: (each.code, each.reason) for each in about.unread}


async def test_nobody_says_why_a_key_of_somebody_else_is_missing(parking: Parking) -> None:
    """Not another member of the room, and of a key that nothing waits for no stranger to it."""
    parking.crypto.caught_up.set()
    told = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [told])
    stranger = UserID("@eve:far.example")
    await parking.opener.received(
        Received(
            withheld=[
                Withheld(LI, Session(ROOM, "a"), "m.blacklisted"),
                Withheld(stranger, Session(ROOM, "a"), "m.blacklisted"),
                Withheld(stranger, Session(ROOM, "later"), "m.blacklisted"),
                Withheld(LI, Session(ROOM, "of li"), "m.unverified"),
            ]
        )
    )

    assert await refusals(parking) == {1: (None, "no_key")}
    codes = [
        await parking.rows.do(partial(journal.why_withheld, room_id=ROOM, session=session))
        for session in ("a", "later", "of li")
    ]
    assert codes == [None, None, "m.unverified"]


async def test_who_could_not_write_to_us_is_the_cause_of_all_that_waits_from_them(parking: Parking) -> None:
    """Said without naming a key: of what waits already, and of what comes before one of their keys does."""
    parking.crypto.caught_up.set()
    first = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [first])
    await parking.opener.received(Received(withheld=[Withheld(MEI, None, NO_OLM)]))
    assert await refusals(parking) == {1: (NO_OLM, "no_key")}

    second = [await parking.whisper("!circle policy", "b"), await parking.whisper("!circle policy", "b")]
    await parking.until(lambda: parking.crypto.asked == [first, *second])
    await parking.until(lambda: len(parking.tried) == 3)
    async with asyncio.timeout(60):
        while (await refusals(parking)).get(2) != (NO_OLM, "no_key"):
            await asyncio.to_thread(lambda: None)
    await parking.come("b")
    third = [await parking.whisper("!circle why", "c") for _ in range(3)]
    await parking.until(lambda: parking.crypto.asked[-3:] == third)
    await parking.until_state(second[1], "pending")

    assert (await refusals(parking))[3] == (None, "no_key")


async def test_what_is_left_parked_is_tried_at_the_next_start(parking: Parking) -> None:
    """A crash between key and opening loses nothing."""
    parking.crypto.caught_up.set()
    told = await parking.whisper("!circle help", "a")
    await parking.until(lambda: parking.crypto.asked == [told])
    await parking.opener.stop()
    parking.crypto.keys.add("a")
    again = Opener(
        parking.rows.database, parking.crypto, parking.intake, parking.rows.performer, parking.clock, lambda _: None,
        timedelta(seconds=60), {},
    )  # fmt: skip
    again.start()

    await parking.until_state(told, "pending")
    await again.stop()


async def test_a_request_to_compare_emoji_is_declined_and_is_no_question(parking: Parking) -> None:
    """It would else be taken for words to answer."""
    parking.crypto.caught_up.set()
    parking.crypto.keys.add("a")
    await parking.rows.do(lambda c: rooms.save_room(c, ROOM, direct=True))
    told = await parking.whisper("wants to verify you", "a", msgtype="m.key.verification.request", to=AI)

    await parking.until_state(told, "settled")
    due = await parking.rows.do(lambda c: c.execute(select(wakes.c.key)).scalars().all())
    assert due == [f"verify:{told}"]
