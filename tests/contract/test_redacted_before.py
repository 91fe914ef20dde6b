"""A redaction that is heard before what it names, on both databases: nothing of that is said, kept or counted after."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, select

from circles.adapters.store import redactions
from circles.adapters.store.tables import messages
from circles.adapters.store.tables import redactions as redactions_table
from circles.core.ids import RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake
from circles.facts import rooms
from circles.facts.tables import marks, policies, posts
from circles.features.consent.store import approvals
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock
from circles_policies import Choice, Level, Member, Preset, fold_choice, preset, to_content
from rows import LI, MEI, NOW, Rows, a_post, an_edit, message, opened

CANARY = "zebraumbrella"
OTHER = RoomID("!other:home.example")
KIM, EVE = UserID("@kim:home.example"), UserID("@eve:far.example")
DAY_MS = 86_400_000

Json = dict[str, Any]


@pytest.fixture
async def rows(tmp_path: Path, store_url: str) -> AsyncIterator[Rows]:
    async with opened(tmp_path, url=store_url) as store:
        await store.do(furnish)
        yield store


def furnish(connection: Connection) -> None:
    """Two rooms that keep what is said; Mei may redact there, and Li, whose server is another, too. Eve may not."""
    for room_id in (ROOM, OTHER):
        levels = {"users": {MEI: 100, LI: 50}}
        create = {"sender": MEI, "content": {"room_version": "11"}}
        rooms.save_room(connection, room_id, membership="join", filled=True, version="11", create=create, levels=levels)
        content = to_content(preset(Preset.NOTEBOOK))
        values = {"content": content, "state": "in_force", "asked_at": 0, "starts_at": 0, "written": False}
        connection.execute(policies.insert().values(room_id=room_id, **values))
        for user in (AI, MEI, LI, KIM, EVE):
            rooms.save_member(connection, room_id, user, membership="join")
            rooms.save_choice(connection, room_id, user, fold_choice(Member(since=None), Choice.TOLD, 0))


class Heard:
    """What comes in, each event in a transaction of its own."""

    def __init__(self, rows: Rows) -> None:
        settings, ghosts = Settings(ai=AI, server_name="home.example"), re.compile("@c_.*")
        none = rows.performer
        self.intake = Intake(rows.database, none, settings, FakeClock(), Metrics(), lambda _: None, ghosts)
        self._rows = rows

    async def __call__(self, *events: Json) -> None:
        for event in events:
            await self.intake.accept(None, [event])

    async def count(self, table: Table) -> int:
        return await self._rows.do(lambda c: int(c.execute(select(func.count()).select_from(table)).scalar_one()))


@pytest.fixture
def hear(rows: Rows) -> Heard:
    return Heard(rows)


def redaction(of: Json, *, sender: str | None = None, room_id: str = ROOM) -> Json:
    event = message(sender=sender or of["sender"])
    return event | {"type": "m.room.redaction", "room_id": room_id, "content": {}, "redacts": of["event_id"]}


def tap(on: str, key: str, sender: str) -> Json:
    relation = {"rel_type": "m.annotation", "event_id": on, "key": key}
    return message(sender=sender) | {"type": "m.reaction", "content": {"m.relates_to": relation}}


@pytest.mark.parametrize("words", [CANARY, f"!circle ask where is the {CANARY}?"])
async def test_words_that_were_taken_back_before_they_came_are_written_nowhere(
    rows: Rows, hear: Heard, words: str
) -> None:
    """Neither kept nor waiting, also when a copy comes later, alone or among others; and nothing waits for it then."""
    said = message(words)
    await hear(redaction(said))
    assert await hear.count(redactions_table) == 1

    await hear(said, said)
    await hear.intake.accept("copies", [message("good morning"), said])

    assert await hear.count(messages) == 1, "good morning"
    assert await rows.journal_of(said["event_id"]) == ("settled", None)
    assert CANARY.encode() not in await rows.bytes()
    assert await hear.count(redactions_table) == 0


async def test_ciphertext_that_was_taken_back_before_it_came_is_never_opened(rows: Rows, hear: Heard) -> None:
    said: Json = message()
    said |= {"type": "m.room.encrypted", "content": {"algorithm": "x", "session_id": "s", "ciphertext": "c"}}
    await hear(redaction(said), said)

    assert await rows.journal_of(said["event_id"]) == ("settled", None)


@pytest.mark.parametrize(
    ("by", "room_id", "counts"),
    [(MEI, ROOM, True), (LI, ROOM, True), (KIM, ROOM, True), (EVE, ROOM, False), (MEI, OTHER, False)],
    ids=["author", "moderator from afar", "same server", "nobody", "another room"],
)
async def test_only_a_redaction_that_a_homeserver_would_apply_counts(
    hear: Heard, by: UserID, room_id: RoomID, *, counts: bool
) -> None:
    """By somebody with the level, or of the author's server; and where the event stands, for ids are no secret."""
    said = message("good morning")
    await hear(redaction(said, sender=by, room_id=room_id), said)

    assert await hear.count(messages) == (0 if counts else 1)


async def test_out_stands_though_the_line_was_removed_and_in_does_not(rows: Rows, hear: Heard) -> None:
    """Who says it and tidies up means it; what loosens is heard, or it never was."""

    async def level() -> Level:
        return (await rows.do(lambda c: rooms.member(c, ROOM, KIM))).level

    before = await level()
    for word, expected in (("!circle in", before), ("!circle out", Level.OUT), ("!circle in", Level.OUT)):
        said = message(word, sender=KIM)
        await hear(redaction(said), said)
        assert await level() is expected
        assert await rows.journal_of(said["event_id"]) == ("settled", None)


async def test_a_tap_that_was_taken_back_before_it_came_agrees_to_nothing(rows: Rows, hear: Heard) -> None:
    """And a 🙈 that a moderator removed is judged as ever: the author's own stays."""

    def ask(connection: Connection) -> None:
        asked = {"content": to_content(preset(Preset.ON_CALL)), "state": "waiting", "asked_at": 0, "by": MEI}
        values = {"room_id": ROOM, "written": True, **asked}
        number = connection.execute(policies.insert().values(values).returning(policies.c.id)).scalar_one()
        connection.execute(posts.update().values(kind="loosening", feature="consent", subject=str(number)))

    _, notice = await rows.post(a_post("from tomorrow on"))
    await rows.do(ask)
    thumb = tap(notice, "👍", KIM)
    await hear(redaction(thumb), thumb)
    assert await hear.count(approvals) == 0
    await hear(tap(notice, "👍", KIM))
    assert await hear.count(approvals) == 1, "one that stands does"

    said = message("not for the AI", sender=KIM)
    own, others = tap(said["event_id"], "🙈", KIM), tap(said["event_id"], "🙈", LI)
    await hear(said, redaction(own, sender=MEI), own, redaction(others), others)
    assert await rows.do(lambda c: c.execute(select(marks.c.by)).scalars().all()) == [KIM]


async def test_a_policy_whose_state_was_redacted_before_it_came_is_none(rows: Rows, hear: Heard) -> None:
    said = message() | {
        "type": "io.github.matrix_circles.policy",
        "state_key": "",
        "content": to_content(preset(Preset.ADDRESSED)),
    }
    await hear(redaction(said), said)

    states = await rows.do(lambda c: c.execute(select(policies.c.state).where(policies.c.room_id == ROOM)).scalars())
    assert "in_force" not in list(states)


@pytest.mark.parametrize("first", ["edit", "redaction"])
async def test_the_words_of_an_edit_that_was_taken_back_are_kept_no_longer(rows: Rows, hear: Heard, first: str) -> None:
    """The message's own went when the edit came; a later edit stays when an earlier one is removed."""
    said = message("the key is under the mat")
    edit, again = (an_edit(said["event_id"], words) for words in (f"the key is with {CANARY}", "the key is with Li"))
    await hear(said, *((edit, redaction(edit)) if first == "edit" else (redaction(edit), edit)))
    assert await hear.count(messages) == 0

    other = message("the boat")
    edit, again = (an_edit(other["event_id"], words) for words in ("the bike", "the bus"))
    await hear(other, edit, again, redaction(edit))
    assert await rows.do(lambda c: c.execute(select(messages.c.text)).scalars().all()) == ["the bus"]


async def test_what_never_comes_is_forgotten_with_time(rows: Rows, hear: Heard) -> None:
    await hear(redaction(message()))
    for days, left in ((redactions.KEEP_DAYS, 1), (redactions.KEEP_DAYS + 1, 0)):
        now = NOW + days * DAY_MS
        await rows.do(lambda c, now=now: redactions.drop_old(c, now))  # type: ignore[misc]
        assert await hear.count(redactions_table) == left
