"""Every way of taking back, and every place where words may stand: what goes, by bytes, also when the power goes next.

The table of docs/explanation/taking_back.md.
"""

import re
import shutil
from collections.abc import Awaitable, Callable, Set
from pathlib import Path

import pytest
from sqlalchemy import Connection

from circles.adapters.store import journal, kept
from circles.adapters.store.database import SqlDatabase
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints.gathering import WhatIsHeld
from circles.entrypoints.intake import Intake
from circles.facts import rooms, upgrades
from circles.facts.tables import policies
from circles.features.notes.store import notes
from circles.features.reminders.store import reminder_pending, reminders
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock
from circles_bench.leaks.canary import Canary, Flock
from circles_docs import ROOT
from circles_policies import Choice, Member, Preset, fold_choice, preset, to_content
from rows import LI, MEI, NOW, Rows, a_post, an_edit, message, opened

TALK, IN_THREAD, ASKED = EventID("$talk"), EventID("$in_thread"), EventID("$asked")
PLACES: tuple[str, ...] = (
    "kept message",
    "kept in a thread",
    "note",
    "reminder",
    "reminder asked back",
    "waiting",
    "unsent answer",
    "answer",
)
"""Where words may stand (docs/reference/data.md), and an answer that stands in the room."""
TALKS: set[str] = {"kept message", "kept in a thread"}
ANSWERS: set[str] = {"unsent answer", "answer"}
"""They rest on talk."""


async def plant(rows: Rows) -> dict[str, Canary]:
    """Put a word of Mei's, one that is nowhere else, into each place."""
    flock = Flock()
    words = {place: flock.new() for place in PLACES}

    def said(place: str) -> str:
        return f"The ladder is with {words[place].word}."

    common = {"event_id": TALK, "room_id": ROOM, "sender": MEI, "at": NOW, "until": NOW + 1, "reply_to": None}
    thread = {**common, "event_id": IN_THREAD, "thread": EventID("$root")}
    note = {"id": "n", "room_id": ROOM, "number": 1, "author": MEI, "source_event": ASKED, "source_sender": MEI}
    wish = {"id": "r", "room_id": ROOM, "owner": MEI, "source_event": ASKED}
    due = {
        "number": 1,
        "rule": {"repeat": "days", "at": "09:00:00", "zone": "UTC", "every": 1},
        "zone": "UTC",
        "next_due": NOW,
        "created_at": NOW,
    }
    waiting = message(said("waiting"), event_id="$waiting")
    came = [(event_id, ROOM, MEI, NOW, None) for event_id in (TALK, IN_THREAD, ASKED)]
    await rows.do(lambda c: journal.note(c, came, NOW))
    await rows.do(lambda c: kept.keep(c, body=said("kept message"), thread=None, **common))  # type: ignore[arg-type]
    await rows.do(lambda c: kept.keep(c, body=said("kept in a thread"), **thread))  # type: ignore[arg-type]
    values = {**note, "asked_event": ASKED, "at": NOW, "kept_at": NOW, "text": said("note")}
    await rows.do(lambda c: c.execute(notes.insert().values(**values)))
    await rows.do(lambda c: c.execute(reminders.insert().values(**wish, **due, text=said("reminder"))))
    back = {**wish, "text": said("reminder asked back"), "options": list[str](), "asked_at": NOW}
    await rows.do(lambda c: c.execute(reminder_pending.insert().values(**back)))
    await rows.do(lambda c: journal.add(c, waiting, at=NOW, received_at=NOW, pending=True))
    await rows.post(a_post(said("answer"), rests_on=[TALK]))
    await rows.post(a_post(said("unsent answer"), rests_on=[TALK]), sent=False)
    return words


def effect(*effects: fx.Effect) -> Callable[[Rows], Awaitable[object]]:
    """Return the way that these effects are."""
    return lambda rows: rows.perform(*effects)


def intake_of(rows: Rows) -> Intake:
    """Return what takes events in."""
    settings, ghosts = Settings(ai=AI, server_name="home.example"), re.compile("@c_.*")
    return Intake(rows.database, rows.performer, settings, FakeClock(), Metrics(), lambda _: None, ghosts)


async def edit(rows: Rows) -> None:
    """Let Mei say something else in the place of all that she said."""
    edits = [an_edit(event_id, "It is nowhere.") for event_id in (TALK, IN_THREAD, ASKED, "$waiting")]
    await intake_of(rows).accept("edits", edits)


async def upgrade(rows: Rows) -> None:
    """Let the room go on in another one, where a policy stands."""
    new = RoomID("!onward:home.example")

    def write(connection: Connection) -> None:
        create = {"sender": MEI, "content": {"predecessor": {"room_id": ROOM}}}
        rooms.save_room(connection, new, membership="join", create=create)
        in_force(connection, new)
        upgrades.note(connection, upgrades.Upgrade(ROOM, new, EventID("$tombstone"), MEI, NOW, followed=False))

    await rows.do(write)
    await rows.perform(fx.Hush(ROOM), fx.Follow(new))


async def retention(rows: Rows) -> None:
    """Let the room say that nothing stays."""
    event = message() | {"type": "m.room.retention", "state_key": "", "content": {"max_lifetime": 0}}
    await intake_of(rows).accept("retention", [event])


EVERYTHING = set(PLACES)
WAYS: dict[str, tuple[Callable[[Rows], Awaitable[object]], Set[str]]] = {
    "redaction, 🙈": (
        effect(fx.TakeBack(ROOM, (TALK, IN_THREAD, ASKED, EventID("$waiting")), by=MEI)),
        EVERYTHING,
    ),
    "edit": (edit, EVERYTHING),
    "off-record thread": (effect(fx.TakeBackTalk(ROOM, 0, EventID("$root"))), {"kept in a thread"}),
    "off-record hour": (effect(fx.TakeBackTalk(ROOM, 0, None)), TALKS | ANSWERS),
    "out, not at all": (effect(fx.TakeBackPerson(MEI, ROOM, held=False)), TALKS | ANSWERS),
    "kept out": (effect(fx.TakeBackPerson(MEI, ROOM, held=False, silent=True)), TALKS),
    "forget me": (effect(fx.TakeBackPerson(MEI, None, held=True)), EVERYTHING),
    "a week after leaving": (effect(fx.TakeBackPerson(MEI, ROOM, held=True, silent=True)), EVERYTHING - ANSWERS),
    "tightened policy": (effect(fx.TrimKept(ROOM, NOW + 1, None)), TALKS),
    "retention": (lambda rows: rows.do(lambda c: kept.drop_expired(c, NOW + 1)), TALKS),
    "`m.room.retention`": (retention, TALKS),
    "the AI leaves": (effect(fx.Depart(ROOM)), EVERYTHING - {"answer"}),
    "room upgrade": (upgrade, {"reminder asked back", "waiting", "unsent answer"}),
    "somebody else's forget me": (effect(fx.TakeBackPerson(UserID(LI), None, held=True)), set()),
}
"""Of each way, what it does to the rows, and from where words go."""


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_takes_what_it_says_from_every_place_and_nothing_else(tmp_path: Path, way: str) -> None:
    """What is looked at is the files as a power cut right after the commit leaves them, after the next start."""
    do, goes = WAYS[way]
    lived, revived = tmp_path / "lived", tmp_path / "revived"
    lived.mkdir()
    async with opened(lived) as rows:
        words = await plant(rows)
        assert Flock(len(words)).found_in(await rows.bytes()) >= set(words.values())
        await do(rows)
        withdrawn = await rows.redacted()
        shutil.copytree(lived, revived)

    database = SqlDatabase(f"sqlite:///{revived / 'circles.db'}")
    assert await database.wipe()
    left = Flock(len(words)).found_in(b"".join(file.read_bytes() for file in revived.iterdir()))
    await database.close()

    in_rows = {place for place in PLACES if place != "answer" and words[place] not in left}
    assert in_rows | ({"answer"} if withdrawn else set()) == goes


@pytest.mark.parametrize(
    ("said", "edited", "waits"),
    [
        ("!circle ask where is the boat?", "!circle ask where is the bike?", "!circle ask where is the bike?"),
        ("!circle ask where is the boat?", "never mind", None),
        ("!circle ask where is the boat?", "!circle out", None),
        ("!circle out", "!circle in", "!circle out"),
    ],
)
async def test_a_question_that_waits_asks_what_its_edit_says(
    tmp_path: Path, said: str, edited: str, waits: str | None
) -> None:
    """Nothing, if that is no question; and what was obeyed when it came is not said otherwise later."""
    async with opened(tmp_path) as rows:
        await rows.do(in_force)
        await intake_of(rows).accept("said", [message(said, event_id="$asked")])
        await intake_of(rows).accept("others", [an_edit("$asked", "not mine to say", sender=LI)])
        assert await waiting(rows) == said
        await intake_of(rows).accept("edited", [an_edit("$asked", edited)])
        assert await waiting(rows) == waits


def in_force(connection: Connection, room_id: RoomID = ROOM) -> None:
    """Put a notebook in force, of which both were told."""
    content = to_content(preset(Preset.NOTEBOOK))
    row = {"room_id": room_id, "content": content, "state": "in_force", "asked_at": 0, "starts_at": 0, "written": False}
    connection.execute(policies.insert().values(row))
    for user in (MEI, LI):
        rooms.save_member(connection, room_id, user, membership="join")
        rooms.save_choice(connection, room_id, user, fold_choice(Member(since=None), Choice.TOLD, 0))


async def waiting(rows: Rows) -> str | None:
    """Return the words of what waits."""
    entry = await rows.do(lambda c: journal.next_of(c, ROOM, ()))
    return str(entry.event["content"]["body"]) if entry is not None else None


@pytest.mark.parametrize("membership", ["join", "leave"])
async def test_what_is_held_is_shown_whole_also_to_whoever_left(tmp_path: Path, membership: str) -> None:
    """Every planted word of theirs that stays, and nobody else sees one; what waits is gone in a moment."""
    async with opened(tmp_path) as rows:
        words = await plant(rows)
        await rows.do(lambda c: rooms.save_member(c, ROOM, MEI, membership=membership))
        shown = {
            (who, room_id): await WhatIsHeld(rows.database)(who, room_id, "en", whole=True)
            for who in (MEI, LI)
            for room_id in (None, ROOM)
        }

    found = {asked: Flock(len(words)).found_in(repr(held).encode()) for asked, held in shown.items()}
    stays = {words[place] for place in PLACES if place not in ANSWERS | {"waiting"}}
    assert found == {(MEI, None): stays, (MEI, ROOM): stays, (LI, None): set(), (LI, ROOM): set()}


def test_the_page_says_the_same() -> None:
    """One row for each way, one mark for each place."""
    page = (ROOT / "docs/explanation/taking_back.md").read_text(encoding="utf-8")
    rows = {cells[0]: cells[1:] for line in page.splitlines() if (cells := re.findall(r"(?<=\| )[^|]+?(?= \|)", line))}

    assert tuple(rows["way"]) == PLACES
    for way, (_, goes) in WAYS.items():
        assert rows[way] == ["goes" if place in goes else "–" for place in PLACES], way
