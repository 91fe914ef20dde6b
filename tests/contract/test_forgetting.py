"""Taking back: the words and all that was made from them go in one commit, and no byte of them stays.

On SQLite no byte in its files; on PostgreSQL no value that a query can show.
"""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, update

from circles.adapters.store import journal, kept, outbox
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.tables import messages
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.facts import rooms
from circles.facts.tables import posts, sources
from circles.feature import Feature, Held
from circles.testing import NOON, ROOM
from circles_policies.model import Member
from rows import LI, MEI, NOW, Rows, a_post, opened

CANARY, CANARY_ZH = "zebraumbrella", "斑马雨伞"
WORDS = f"Meet me by the {CANARY} at nine, 在{CANARY_ZH}那里。 " * 3
OTHER = RoomID("!other")


@dataclass
class Remembers:
    """A feature that keeps something, and was told to forget."""

    events: list[tuple[EventID, ...]] = field(default_factory=list[tuple[EventID, ...]])
    people: list[tuple[UserID, RoomID | None]] = field(default_factory=list[tuple[UserID, RoomID | None]])
    rooms: list[RoomID] = field(default_factory=list[RoomID])

    def forget(self, _connection: Connection, event_ids: tuple[EventID, ...]) -> tuple[fx.Effect, ...]:
        self.events.append(event_ids)
        return (fx.CancelWake("fake", "rests on it"),)

    def held(self, _connection: Connection, *_: object) -> tuple[Held, ...]:
        return (Held("of theirs", 0 if self.events else 1),)

    def forget_person(self, _connection: Connection, user_id: UserID, room_id: RoomID | None) -> tuple[fx.Effect, ...]:
        self.people.append((user_id, room_id))
        return (fx.CancelWake("fake", "theirs"),)

    def forget_room(self, _connection: Connection, room_id: RoomID) -> None:
        self.rooms.append(room_id)

    @property
    def feature(self) -> Feature:
        return Feature(
            "fake",
            "fake",
            forget=self.forget,
            forget_person=self.forget_person,
            forget_room=self.forget_room,
            held=self.held,
        )


@pytest.fixture
def remembers() -> Remembers:
    return Remembers()


@pytest.fixture
async def rows(tmp_path: Path, store_url: str, remembers: Remembers) -> AsyncIterator[Rows]:
    async with opened(tmp_path, (remembers.feature,), store_url) as store:
        yield store


async def generation(rows: Rows, room_id: RoomID = ROOM) -> int:
    return await rows.do(lambda c: rooms.generation(c, room_id))


async def found(rows: Rows, words: str) -> int:
    return len(await rows.do(lambda c: kept.matching(c, words)))


# --- one message --------------------------------------------------------------------------------------------------


async def test_a_message_taken_back_takes_all_that_rests_on_it(rows: Rows, remembers: Remembers) -> None:
    """Journal, kept message and index, outbox, posts, what features keep; and an answer in the making is made anew."""
    event_id = await rows.keep(WORDS)
    question = await rows.ask(WORDS)
    standing, standing_event = await rows.post(a_post("stands", rests_on=[event_id], remake={"how": 1}))
    edit = fx.Edit(ROOM, standing, fx.Words("stands, edited"))
    await rows.perform(edit, fx.WakeAt("fake", "rests on it", ROOM, NOON), a_post("waits", rests_on=[event_id]))
    await rows.carry_out()
    await rows.perform(a_post("waits too", rests_on=[event_id], remake={"how": 2}))
    waiting = (await rows.waiting())[-1]
    before = await generation(rows)

    after = await rows.perform(fx.TakeBack(ROOM, (event_id, question)))

    assert await rows.journal_of(question) == ("settled", None)
    assert await found(rows, CANARY) == 0
    assert remembers.events == [(event_id, question)]
    assert standing_event in await rows.redacted()
    assert len(await rows.redacted()) == 3, "the post, its edit, and the one without a remake"
    assert [row.kind for row in await rows.waiting()] == ["redact"] * 3
    assert set(await rows.wakes()) == {f"remake:{standing}", f"remake:{waiting.id}"}
    assert await generation(rows) > before
    assert ROOM in after.interrupted
    assert ROOM in after.lanes
    assert after.woken


async def test_an_edit_by_its_author_takes_what_was_made_from_the_old_words(rows: Rows, remembers: Remembers) -> None:
    """Posts are said again, what features keep goes and its owner is told; nobody else's edit does anything."""
    event_id = await rows.ask("a question", sender=MEI)
    root, standing = await rows.post(a_post("stands", rests_on=[event_id], remake={"how": 1}))
    await rows.perform(a_post("waits", rests_on=[event_id]))
    for by, room_id in ((LI, ROOM), (MEI, OTHER)):
        await rows.perform(fx.TakeBackWords(room_id, event_id, by))
    assert (remembers.events, await rows.redacted()) == ([], set())

    await rows.perform(fx.TakeBackWords(ROOM, event_id, MEI))

    assert remembers.events == [(event_id,)]
    assert await rows.redacted() == {standing}
    assert list(await rows.wakes()) == [f"remake:{root}"]
    told = [(row.lane, row.payload["body"]) for row in await rows.waiting() if row.kind == "post"]
    assert [(lane, text.partition(",")[0]) for lane, text in told] == [
        (MEI, "You changed a message that I had kept something from")
    ]


async def test_receipts_keep_ids_only(rows: Rows) -> None:
    """What was used stays known by its id, so that `why` can say that something was taken back."""
    event_id = await rows.keep(WORDS)
    root, _ = await rows.post(a_post("stands", rests_on=[event_id]))
    await rows.perform(fx.TakeBack(ROOM, (event_id,)))

    ids = await rows.do(
        lambda c: list(c.execute(select(sources.c.event_id).where(sources.c.effect_id == root)).scalars())
    )
    assert ids == [event_id]


async def test_of_many_posts_taken_back_together_the_newest_of_each_kind_comes_again(rows: Rows) -> None:
    """All are withdrawn at once; how many there were is not to be counted in new posts (decision 0030)."""
    event_id = await rows.keep(WORDS)
    stood = [
        await rows.post(a_post(f"{at}", rests_on=[event_id], remake={"how": at}, kind=kind, language=language))
        for at, (kind, language) in enumerate((("answer", "en"), ("answer", "en"), ("summary", "en"), ("answer", "zh")))
    ]
    oldest, newest, summary, chinese = (effect for effect, _ in stood)
    await rows.do(lambda c: c.execute(update(posts).where(posts.c.effect_id == oldest).values(at=NOW - 1)))

    await rows.perform(fx.TakeBack(ROOM, (event_id,)))

    assert await rows.redacted() == {event for _, event in stood}
    assert set(await rows.wakes()) == {f"remake:{each}" for each in (newest, summary, chinese)}


async def test_a_second_source_taken_back_withdraws_nothing_twice(rows: Rows) -> None:
    """The post is gone already; the remake still to come reads what is left."""
    one, two = await rows.keep("one"), await rows.keep("two")
    root, _ = await rows.post(a_post("both", rests_on=[one, two], remake={"how": 1}))
    await rows.perform(fx.TakeBack(ROOM, (one,)))
    await rows.perform(fx.TakeBack(ROOM, (two,)))

    assert len(await rows.waiting()) == 1
    assert list(await rows.wakes()) == [f"remake:{root}"]


async def test_an_answer_goes_with_its_question_and_does_not_come_back(rows: Rows) -> None:
    """Also when the question itself was among what it rested on, and when the answer was not sent yet."""
    question = await rows.ask("a question")
    root, event_id = await rows.post(a_post("answer", answers=question, rests_on=[question], remake={"how": 1}))
    await rows.perform(a_post("waiting answer", answers=question))
    await rows.perform(fx.TakeBack(ROOM, (question,)))

    assert await rows.state_of(root) == "gone"
    assert await rows.redacted() == {event_id}
    assert len(await rows.waiting()) == 1
    assert await rows.wakes() == {}


async def test_who_took_back_is_told_in_private_what_was_done(rows: Rows) -> None:
    """Only where an answer had used it."""
    used, unused = await rows.keep("used"), await rows.keep("unused")
    await rows.post(a_post("answer", rests_on=[used]))
    await rows.perform(fx.TakeBack(ROOM, (unused,), by=LI))
    assert await rows.waiting() == []

    await rows.perform(fx.TakeBack(ROOM, (used,), by=LI))
    told = [row for row in await rows.waiting() if row.lane == LI]
    assert [row.payload["body"].partition(".")[0] for row in told] == ["Taken back"]


async def test_taking_back_nothing_changes_nothing(rows: Rows) -> None:
    """No event, no effect."""
    before = await generation(rows)
    await rows.perform(fx.TakeBack(ROOM, ()))

    assert await generation(rows) == before


# --- one person ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [ROOM, None], ids=["here", "everywhere"])
async def test_out_takes_a_persons_talk_and_leaves_what_they_asked(
    rows: Rows, remembers: Remembers, where: RoomID | None
) -> None:
    """Out is about talk, not about taking part: what they said to the AI counts, what they asked to keep stays."""
    theirs, others = await rows.keep(f"theirs {CANARY}", sender=LI), await rows.keep("otterpaw", sender=MEI)
    question = await rows.ask("a question", sender=LI)
    used, used_event = await rows.post(a_post("used", rests_on=[theirs], sender=LI, remake={"how": 1}))
    _, unused_event = await rows.post(a_post("not used", rests_on=[others], sender=MEI))
    before = await generation(rows)

    await rows.perform(fx.TakeBackPerson(LI, where, held=False))

    assert await rows.redacted() == {used_event}
    assert unused_event not in await rows.redacted()
    assert list(await rows.wakes()) == [f"remake:{used}"]
    assert (await found(rows, CANARY), await found(rows, "otterpaw")) == (0, 1)
    assert (await rows.journal_of(question) or ("",))[0] == "pending"
    assert remembers.people == []
    assert await generation(rows) > before


async def test_forget_me_takes_what_is_held_too(rows: Rows, remembers: Remembers) -> None:
    """What they asked to keep, and what they asked just now."""
    question = await rows.ask("a question", sender=LI)
    await rows.perform(fx.WakeAt("fake", "theirs", ROOM, NOON), fx.TakeBackPerson(LI, None, held=True))

    assert remembers.people == [(LI, None)]
    assert await rows.journal_of(question) == ("settled", None)
    assert await rows.wakes() == {}


async def test_out_in_one_circle_leaves_another_alone(rows: Rows) -> None:
    """Their talk there still counts."""
    theirs = await rows.keep("otterpaw", sender=LI)
    root, _ = await rows.post(a_post("used", rests_on=[theirs], sender=LI))
    await rows.perform(fx.TakeBackPerson(LI, OTHER, held=False))

    assert await rows.state_of(root) == "final"
    assert await found(rows, "otterpaw") == 1


async def test_leaving_a_room_makes_features_forget_it(rows: Rows, remembers: Remembers) -> None:
    """Kept messages and their index go as well."""
    await rows.keep(WORDS)
    await rows.perform(fx.Depart(ROOM))

    assert remembers.rooms == [ROOM]
    assert await found(rows, CANARY) == 0


# --- bytes --------------------------------------------------------------------------------------------------------


async def test_no_byte_of_what_was_taken_back_stays(rows: Rows) -> None:
    """Neither in the file nor in its log: many messages of all sizes, kept, asked, answered, waiting; then none."""
    events: list[EventID] = []
    for number in range(60):
        words = f"{number} {WORDS * (1 + number % 40)}"  # from one page to many overflow pages
        events += [await rows.keep(words), await rows.ask(words)]
        await rows.perform(a_post(words, rests_on=events[-2:]), fx.Private(MEI, a_post(words, rests_on=events[-2:])))
        if number % 3 == 0:
            await rows.carry_out()
        if number % 20 == 0:
            await rows.clean()
    there = await rows.bytes()
    assert CANARY.encode() in there
    assert CANARY_ZH.encode() in there

    await rows.perform(fx.TakeBack(ROOM, tuple(events)))
    await rows.clean()

    left = await rows.bytes()
    for word in (CANARY, CANARY.upper(), CANARY_ZH, CANARY_ZH[:2]):
        assert word.encode() not in left, word


@pytest.mark.parametrize("since", [None, NOW - 1, NOW + 1])
async def test_sealed_everywhere_is_sealed_in_each_room(rows: Rows, since: int | None) -> None:
    """One statement for all rooms does what one for each does, and what was chosen for all circles stands."""
    choice = Member(since=since, consented_since=since, addressed_since=since or 0)
    other, third = UserID("@other:home.example"), UserID("@third:home.example")

    def write(connection: Connection) -> tuple[Member, ...]:
        for user in (MEI, other, third):
            for room_id in (ROOM, OTHER, rooms.EVERYWHERE):
                rooms.save_choice(connection, room_id, user, choice)
        rooms.save_room(connection, OTHER, membership="join")
        rooms.seal_everywhere(connection, MEI, NOW)
        for room_id in (ROOM, OTHER):
            rooms.seal(connection, room_id, other, NOW)
        return tuple(
            rooms.member(connection, room_id, user)
            for user in (MEI, other, third)
            for room_id in (ROOM, OTHER, rooms.EVERYWHERE)
        )

    found = await rows.do(write)
    assert found[:3] == found[3:6]
    assert found[6:] == (choice,) * 3, "nobody else"
    before = await generation(rows), await generation(rows, OTHER)
    await rows.do(lambda c: rooms.tighten_with(c, MEI))
    assert (await generation(rows), await generation(rows, OTHER)) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("how", ["forget", "depart", "expired", "settled", "quarantined", "sent", "refused"])
async def test_no_byte_stays_however_it_went(rows: Rows, how: str) -> None:
    """Every way in which a row loses its words loses them for good."""
    await rows.keep(WORDS, until=NOW + 1)
    await rows.ask(WORDS)
    entry = await rows.do(lambda c: journal.next_of(c, ROOM, ()))
    assert entry is not None
    seq = entry.seq
    await rows.perform(a_post(WORDS))
    assert CANARY.encode() in await rows.bytes()
    match how:
        case "depart":
            await rows.perform(fx.Depart(ROOM))
        case "forget":
            await rows.perform(fx.TakeBackPerson(MEI, None, held=True))
            await rows.carry_out()
        case _:
            await rows.do(lambda c: kept.drop_expired(c, NOW + 1))
            for _ in range(3):
                await rows.do(
                    lambda c: journal.failed(c, seq, "ref") if how == "quarantined" else journal.settle(c, seq)
                )
            if how == "refused":
                for row in await rows.waiting():
                    await rows.do(lambda c, row=row: outbox.refused(c, row))  # type: ignore[misc]
            else:
                await rows.carry_out()
    await rows.clean()

    left = await rows.bytes()
    assert CANARY.encode() not in left
    assert CANARY_ZH.encode() not in left


async def test_the_log_of_a_killed_run_is_emptied_by_the_next(tmp_path: Path) -> None:
    """The next start cleans even if it writes nothing of its own."""
    killed, revived = tmp_path / "killed", tmp_path / "revived"
    killed.mkdir()
    async with opened(killed) as store:
        event_id = await store.keep(WORDS)
        await store.perform(fx.TakeBack(ROOM, (event_id,)))
        shutil.copytree(killed, revived)  # as a power cut leaves it: nothing was closed
    path = revived / "circles.db"
    assert CANARY.encode() in (revived / "circles.db-wal").read_bytes()
    database = SqlDatabase(f"sqlite:///{path}")
    assert await database.wipe()
    left = b"".join(file.read_bytes() for file in revived.iterdir())
    await database.close()

    assert CANARY.encode() not in left


async def test_the_index_finds_what_is_kept_and_nothing_else(rows: Rows) -> None:
    """Also a Chinese word of two characters; a message is kept once."""
    event_id = await rows.keep(WORDS)
    assert await found(rows, CANARY) == 1
    assert await found(rows, "雨伞") == 1
    count = select(func.count()).select_from(messages)
    await rows.do(
        lambda c: kept.keep(
            c, event_id=event_id, room_id=ROOM, sender=MEI, at=NOW, until=None, body="again", thread=None, reply_to=None
        )
    )
    assert await rows.do(lambda c: c.execute(count).scalar()) == 1
    assert await rows.do(lambda c: kept.count_from(c, MEI, ROOM)) == 1
    assert await rows.do(lambda c: kept.count_from(c, LI, None)) == 0
