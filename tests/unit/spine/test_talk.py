"""Looking back: how far, past forged clocks, through the decision; and what people and rooms are called."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.machine import MEGOLM, Trouble
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.adapters.matrix.direct import ENCRYPTION, DirectRooms
from circles.adapters.matrix.errors import raise_for
from circles.adapters.matrix.names import FRESH, MOST_ROOMS, Names
from circles.adapters.matrix.talk import MOST_EVENTS, PAGE, MatrixTalk
from circles.core.ids import EventID, RoomID, UserID
from circles.core.settings import Settings
from circles.errors import (
    MatrixBadRequest,
    MatrixError,
    MatrixForbidden,
    MatrixNotFound,
    MatrixRateLimited,
    MatrixUnavailable,
    MatrixUnknownToken,
)
from circles.facts import rooms
from circles.facts.tables import off_record, policies
from circles.ports import Window
from circles.testing import AI, ROOM, FakeClock
from circles_policies.content import to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Member, Policy, Preset, preset
from rows import LI, MEI, NOW, Rows, message, opened

HOUR = 3_600_000
REMOTE = UserID("@eve:far.example")


@dataclass
class FakeTimeline:
    """A room's timeline, newest first in pages, as the homeserver gives it."""

    user_id: UserID = AI
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    pages: int = 0
    endless: bool = False
    inside: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    opened: list[str] = field(default_factory=list[str])

    async def open(self, event: dict[str, Any]) -> dict[str, Any] | Trouble:
        """Decrypt: only what is asked for, and only where the key is known."""
        self.opened.append(event["event_id"])
        return self.inside.get(event["event_id"], Trouble.NO_KEY)

    def whisper(self, sender: str, text: str, hours_ago: float, *, known: bool = True, **content: Any) -> EventID:
        """Say something encrypted."""
        envelope = {"algorithm": MEGOLM, "session_id": "s", "ciphertext": "…"}
        clear = message(text, sender=sender, at=NOW - int(hours_ago * HOUR))
        if "m.relates_to" in content:
            envelope["m.relates_to"] = content["m.relates_to"]
        clear["content"] |= content
        self.events.append({**clear, "type": "m.room.encrypted", "content": envelope})
        if known:
            self.inside[clear["event_id"]] = clear
        return EventID(clear["event_id"])

    async def messages(self, _room_id: RoomID, start: str | None, limit: int) -> dict[str, Any]:
        self.pages += 1
        if self.endless:
            return {"chunk": [self.events[0]] * limit, "end": "more"}
        begin = int(start or 0)
        newest = list(reversed(self.events))[begin : begin + limit]
        more = begin + limit < len(self.events)
        return {"chunk": [dict(event) for event in newest], **({"end": str(begin + limit)} if more else {})}

    async def event(self, _room_id: RoomID, event_id: EventID) -> dict[str, Any]:
        found = next((event for event in self.events if event["event_id"] == event_id), None)
        if found is None:
            raise MatrixNotFound
        return found

    def say(self, sender: str, text: str, hours_ago: float, **changes: Any) -> EventID:
        event = {**message(text, sender=sender, at=NOW - int(hours_ago * HOUR)), **changes}
        self.events.append(event)
        return EventID(event["event_id"])


@dataclass
class Looking:
    """The reader of talk on real rows and a made-up timeline."""

    rows: Rows
    timeline: FakeTimeline
    talk: MatrixTalk

    async def texts(self, **bounds: Any) -> list[str]:
        return [each.text for each in (await self.talk.window(ROOM, Window(**bounds))).messages]


def in_force(connection: Connection, policy: Policy, since: int) -> None:
    connection.execute(
        policies.insert().values(
            room_id=ROOM, content=to_content(policy), state="in_force", asked_at=0, starts_at=since, written=False
        )
    )
    for user in (MEI, LI, REMOTE):
        rooms.save_choice(connection, ROOM, user, fold_choice(Member(since=None), Choice.TOLD, 0))


@pytest.fixture
async def looking(tmp_path: Path) -> AsyncIterator[Looking]:
    async with opened(tmp_path) as rows:
        await rows.do(lambda c: in_force(c, preset(Preset.ON_CALL), NOW - 48 * HOUR))
        timeline = FakeTimeline()
        settings = Settings(ai=AI, server_name="home.example")
        ghosts = re.compile(r"@circle_.*:home\.example")
        client = cast("MatrixClient", timeline)
        talk = MatrixTalk(rows.database, client, FakeClock(), settings, ("Circle",), ghosts, timeline.open)
        yield Looking(rows, timeline, talk)


async def test_it_looks_back_as_far_as_the_policy_says(looking: Looking) -> None:
    """24 hours on call; oldest first; own posts, edits and deletions are no messages of their own."""
    for hours, text in ((30, "too old"), (23, "old"), (2, "newer"), (1, "newest")):
        looking.timeline.say(MEI, text, hours)
    looking.timeline.say(AI, "what the AI said", 0.5)
    looking.timeline.say(LI, "deleted", 0.4, content={})

    assert await looking.texts() == ["old", "newer", "newest"]


async def test_what_the_room_lets_stay_no_longer_is_not_looked_at(looking: Looking) -> None:
    """By the strictest that it said since, wherever the homeserver still shows it; nothing is said to be kept out."""
    old = looking.timeline.say(MEI, "old", 20)
    for hours, text in ((11, "under the strict one"), (3, "later"), (1, "now")):
        looking.timeline.say(LI, text, hours)

    def write(connection: Connection) -> None:
        spans = [[4 * HOUR, False, NOW - 48 * HOUR, NOW - 10 * HOUR], [12 * HOUR, False, NOW - 10 * HOUR, None]]
        rooms.save_room(connection, ROOM, retention=spans)

    await looking.rows.do(write)
    assert await looking.texts() == ["later", "now"]
    assert await looking.talk.event(ROOM, old) is None
    await looking.rows.do(lambda c: rooms.save_room(c, ROOM, retention=[[12 * HOUR, False, 0, None]]))
    talk = await looking.talk.window(ROOM, Window())
    assert [each.text for each in talk.messages] == ["under the strict one", "later", "now"]
    assert not talk.withheld


async def test_a_forged_clock_does_not_lift_a_message_over_the_start(looking: Looking) -> None:
    """What stands before an event whose time our own homeserver set is not newer than it."""
    looking.timeline.say(REMOTE, "said long before", 0.1)  # its server says: just now
    looking.timeline.say(MEI, "our server's clock", 30)
    looking.timeline.say(REMOTE, "said now, its server says: in a year", -24 * 365)

    assert await looking.texts() == ["said now, its server says: in a year"]


async def test_a_clock_set_back_hides_only_its_own_message(looking: Looking) -> None:
    """A server that says its message is old keeps us from looking at that one, and no other."""
    looking.timeline.say(MEI, "before", 3)
    looking.timeline.say(REMOTE, "set back", 24 * 400)
    looking.timeline.say(MEI, "after", 1)

    assert await looking.texts() == ["before", "after"]


async def test_what_is_off_the_record_is_not_looked_at(looking: Looking) -> None:
    """A thread whole, with the message it hangs on, and a room's hour; each from its rows, at every walk."""
    root = looking.timeline.say(MEI, "the root", 5)
    relation = {"rel_type": "m.thread", "event_id": root}
    inside = {"msgtype": "m.text", "m.relates_to": relation}
    looking.timeline.say(LI, "", 4, content={**inside, "body": "before the word"})
    looking.timeline.say(REMOTE, "in the hour", 2.5)
    looking.timeline.say(LI, "", 1, content={**inside, "body": "after it"})
    looking.timeline.say(MEI, "later", 0.5)
    assert await looking.texts() == ["the root", "before the word", "in the hour", "after it", "later"]

    def put_off(connection: Connection) -> None:
        row = {"room_id": ROOM, "by": LI, "since": NOW - 3 * HOUR}
        connection.execute(off_record.insert().values(event_id="$a", thread=root, until=None, **row))
        connection.execute(off_record.insert().values(event_id="$b", thread=None, until=NOW - 2 * HOUR, **row))

    await looking.rows.do(put_off)
    talk = await looking.talk.window(ROOM, Window())
    assert [each.text for each in talk.messages] == ["later"]
    assert talk.withheld
    assert await looking.talk.event(ROOM, root) is None


async def test_the_walk_ends_where_nothing_can_be_looked_at(looking: Looking) -> None:
    """An old room costs a page, and a hostile one no more than the most."""
    for number in range(PAGE * 5):
        looking.timeline.say(MEI, f"old {number}", 100)
    looking.timeline.say(MEI, "new", 1)
    assert await looking.texts() == ["new"]
    assert looking.timeline.pages == 1

    looking.timeline.pages, looking.timeline.endless = 0, True
    looking.timeline.events = [message("again", sender=REMOTE, at=NOW - 400 * 24 * HOUR)]
    assert await looking.texts() == []
    assert looking.timeline.pages <= MOST_EVENTS // PAGE


async def test_windows_are_counted_before_anything_is_withheld(looking: Looking) -> None:
    """So that an asker cannot tell out from silent."""
    await looking.rows.do(
        lambda c: rooms.save_choice(c, ROOM, LI, fold_choice(rooms.member(c, ROOM, LI), Choice.OUT, NOW - 40 * HOUR))
    )
    for sender, text in ((MEI, "one"), (LI, "hidden"), (MEI, "two"), (LI, "hidden"), (MEI, "three")):
        looking.timeline.say(sender, text, 1)
    talk = await looking.talk.window(ROOM, Window(last=4))

    assert [each.text for each in talk.messages] == ["two", "three"]
    assert talk.withheld
    assert not talk.few
    assert (await looking.talk.window(ROOM, Window(last=3))).few


async def test_looking_at_a_few_messages_costs_the_same_however_somebody_stands(looking: Looking) -> None:
    """As many requests, and the same word about the window: neither time nor wording tells out from silent."""
    standing = await looking.rows.do(lambda c: rooms.member(c, ROOM, LI))
    for sender, text in ((REMOTE, "one"), (MEI, "two"), (LI, "three")):
        looking.timeline.say(sender, text, 1)
    found: list[tuple[object, ...]] = []
    for member in (
        standing,
        standing.model_copy(update={"kept_out": True}),
        *(fold_choice(standing, choice, NOW) for choice in (Choice.IN, Choice.OUT, Choice.NOT_AT_ALL)),
    ):
        await looking.rows.do(partial(rooms.save_choice, room_id=ROOM, user_id=LI, choice=member))
        for last in (1, 2, 3):
            looking.timeline.pages = 0
            talk = await looking.talk.window(ROOM, Window(last=last, asker=MEI))
            found.append((last, talk.few, looking.timeline.pages, looking.timeline.opened[:]))

    assert found == [(last, True, 1, []) for last in (1, 2, 3)] * 5


async def test_what_came_after_the_question_is_not_looked_at(looking: Looking) -> None:
    """The asking event and all behind it are left out."""
    looking.timeline.say(MEI, "before", 2)
    question = looking.timeline.say(MEI, "Circle: what is new?", 1)
    looking.timeline.say(LI, "after", 0.5)

    assert await looking.texts(until=question) == ["before"]


async def test_an_edit_counts_by_its_last_words_and_only_by_its_author(looking: Looking) -> None:
    """Somebody else's edit of it is nothing."""
    target = looking.timeline.say(MEI, "on Sunday", 3)
    for sender, text, hours in ((MEI, "on Monday", 2), (MEI, "on Tuesday", 1), (LI, "never", 0.5)):
        relation = {"rel_type": "m.replace", "event_id": target}
        new = {"msgtype": "m.text", "body": text}
        looking.timeline.say(sender, text, hours, content={**new, "m.new_content": new, "m.relates_to": relation})

    question = looking.timeline.say(LI, "when?", 0.4)
    relation = {"rel_type": "m.replace", "event_id": target}
    new = {"msgtype": "m.text", "body": "on Friday"}
    assert await looking.texts(until=question) == ["on Tuesday"]
    looking.timeline.say(MEI, "later", 0.3, content={**new, "m.new_content": new, "m.relates_to": relation})
    assert await looking.texts(until=question) == ["on Friday"], "also where the edit came after the question"


async def test_one_message_is_looked_at_by_the_same_rules(looking: Looking) -> None:
    """Too old, deleted, unknown: None."""
    new, old = looking.timeline.say(MEI, "new", 1), looking.timeline.say(MEI, "old", 40)
    deleted = looking.timeline.say(MEI, "deleted", 1, content={})
    found = [await looking.talk.event(ROOM, EventID(event)) for event in (new, old, deleted, "$nowhere")]

    assert [each.text if each else None for each in found] == ["new", None, None, None]


async def test_when_somebody_last_wrote(looking: Looking) -> None:
    """To the others: neither a command to the AI nor an edit is a word to them; as far back as the policy allows."""
    looking.timeline.say(MEI, "long ago", 40)
    target = looking.timeline.say(MEI, "last", 5)
    new = {"msgtype": "m.text", "body": "!circle summary"}
    relation = {"rel_type": "m.replace", "event_id": target}
    looking.timeline.say(MEI, "!circle reminders", 4)
    looking.timeline.say(MEI, "", 3, content={**new, "m.new_content": new, "m.relates_to": relation})
    looking.timeline.say(LI, "other", 2)
    question = looking.timeline.say(MEI, "Circle: summary", 1)

    last = await looking.talk.last_words(ROOM, MEI, question)
    assert last is not None
    assert int(last.timestamp() * 1000) == NOW - 5 * HOUR
    assert await looking.talk.last_words(ROOM, MEI, None) == last
    assert await looking.talk.last_words(ROOM, REMOTE, question) is None


# --- names --------------------------------------------------------------------------------------------------------


class FakeMembers:
    """Whose members are asked for, and how often."""

    def __init__(self) -> None:
        self.user_id = AI
        self.joined: dict[str, Any] = {MEI: {"display_name": "Mei"}, AI: {"display_name": "Circle"}}
        self.asked = 0
        self.go: asyncio.Event | None = None
        self.title: str | None = None

    async def joined_members(self, _room_id: RoomID) -> dict[str, Any]:
        self.asked += 1
        answer = dict(self.joined)
        if self.go is not None:
            await self.go.wait()
        return answer

    async def state_event(self, _room_id: RoomID, type_: str) -> dict[str, Any]:
        if self.title is None or type_ != "m.room.name":
            raise MatrixNotFound
        return {"name": self.title}


async def test_names_are_asked_once_and_anew_when_someone_comes_or_time_passes() -> None:
    """Kept in memory only, and not for long."""
    members, clock = FakeMembers(), FakeClock()
    names = Names(cast("MatrixClient", members), clock)
    for _ in range(3):
        assert await names.people(ROOM) == {MEI: "Mei", AI: "Circle"}
    assert members.asked == 1

    names.forget(ROOM)
    members.joined[LI] = {"display_name": None}
    assert (await names.people(ROOM))[LI] == "li"
    clock.advance(FRESH)
    await names.people(ROOM)
    assert members.asked == 3


async def test_who_comes_while_we_ask_is_not_missed() -> None:
    """An answer that was on its way when someone came is not kept."""
    members = FakeMembers()
    names = Names(cast("MatrixClient", members), FakeClock())
    members.go = asyncio.Event()
    asking = asyncio.create_task(names.people(ROOM))
    await asyncio.sleep(0)
    members.joined[LI] = {"display_name": "Li"}
    names.forget(ROOM)
    members.go.set()

    assert LI not in await asking
    assert LI in await names.people(ROOM)


async def test_names_of_many_rooms_do_not_pile_up() -> None:
    """The oldest go."""
    names = Names(cast("MatrixClient", FakeMembers()), FakeClock())
    for number in range(MOST_ROOMS + 10):
        await names.people(RoomID(f"!r{number}"))

    assert len(vars(names)["_people"]) == MOST_ROOMS


@pytest.mark.parametrize(("title", "called"), [("Family\n2\u202e", "Family 2"), ("  ", "Mei"), (None, "Mei")])
async def test_a_room_is_called_by_its_name_or_its_members(title: str | None, called: str) -> None:
    """In one line, without signs that turn the text around."""
    members = FakeMembers()
    members.title = title

    assert await Names(cast("MatrixClient", members), FakeClock()).room(ROOM) == called


# --- answers that are none ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, {"errcode": "M_FORBIDDEN"}, MatrixForbidden),
        (403, {"errcode": "ORG.MATRIX.INVITE_BLOCKED"}, MatrixForbidden),
        (404, {"errcode": "M_NOT_FOUND"}, MatrixNotFound),
        (401, {"errcode": "M_UNKNOWN_TOKEN"}, MatrixUnknownToken),
        (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, MatrixRateLimited),
        (429, {}, MatrixRateLimited),
        (400, {"errcode": "M_DUPLICATE_ANNOTATION"}, MatrixBadRequest),
        (413, {}, MatrixBadRequest),
        (500, {"errcode": "M_UNKNOWN"}, MatrixUnavailable),
        (502, {}, MatrixUnavailable),
        (404, {}, MatrixUnavailable),  # a proxy whose homeserver is not there yet
        (403, "<html>", MatrixUnavailable),
    ],
)
def test_what_an_answer_means(status: int, body: object, kind: type[MatrixError]) -> None:
    """By its errcode, else by its status; what no homeserver said is a homeserver that is away."""
    with pytest.raises(kind) as caught:
        raise_for(status, body)

    assert caught.type is kind
    assert caught.value.status == status
    if body == {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}:
        assert caught.value.retry_after == timedelta(seconds=1.5)


# --- direct messages ----------------------------------------------------------------------------------------------


class FakeRooms:
    """A homeserver with one room a person, by alias."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.invited: list[str] = []
        self.taken: dict[str, RoomID] = {}
        self.membership = "leave"
        self.devices = False
        self.encrypted: set[RoomID] = set()
        self.locked = False

    async def has_devices(self, _user_id: UserID) -> bool:
        return self.devices

    async def is_encrypted(self, room_id: RoomID) -> bool:
        return room_id in self.encrypted

    async def put_state(self, room_id: RoomID, type_: str, _key: str, content: dict[str, Any]) -> None:
        assert (type_, content) == ("m.room.encryption", ENCRYPTION)
        if self.locked:
            raise MatrixForbidden
        self.encrypted.add(room_id)

    async def request(self, _method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/createRoom"):
            localpart = str(body["room_alias_name"])
            if localpart in self.taken:
                raise MatrixBadRequest(errcode="M_ROOM_IN_USE", status=400)
            self.made.append(localpart)
            self.taken[localpart] = RoomID(f"!dm{len(self.made)}")
            if body["initial_state"]:
                self.encrypted.add(self.taken[localpart])
            return {"room_id": self.taken[localpart]}
        self.invited.append(str(body["user_id"]))
        return {}

    async def alias_room(self, alias: str) -> RoomID:
        return self.taken[alias[1:].partition(":")[0]]

    async def state_event(self, _room_id: RoomID, _type: str, _key: str) -> dict[str, Any]:
        return {"membership": self.membership}


async def test_a_direct_message_is_made_once_and_found_again(tmp_path: Path) -> None:
    """Also after a crash between making and noting it; whoever left is invited back."""
    async with opened(tmp_path) as rows:
        server = FakeRooms()
        client, sealing = cast("MatrixClient", server), cast("Sealing", server)
        direct = DirectRooms(rows.database, client, sealing, "home.example", "circle-")
        first = await direct.room_for(LI)
        assert await direct.room_for(LI) == first
        await rows.do(lambda c: rooms.save_person(c, LI, direct_room=None))

        assert await direct.room_for(LI) == first
        assert len(server.made) == 1
        assert set(server.invited) == {LI}


async def test_what_is_said_encrypted_is_looked_at_like_the_rest(looking: Looking) -> None:
    """Decrypted after the decision, edits too; without its key it counts as withheld."""
    timeline = looking.timeline
    timeline.whisper(MEI, "dinner at six", 3)
    first = timeline.whisper(LI, "bring tea", 2)
    edited: dict[str, Any] = {
        "m.new_content": {"body": "bring rice"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": first},
    }
    timeline.whisper(LI, "* bring rice", 1.5, **edited)

    talk = await looking.talk.window(ROOM, Window())
    assert [each.text for each in talk.messages] == ["dinner at six", "bring rice"]
    assert not talk.withheld

    timeline.whisper(MEI, "no key for this", 1, known=False)
    talk = await looking.talk.window(ROOM, Window())
    assert [each.text for each in talk.messages] == ["dinner at six", "bring rice"]
    assert talk.withheld


async def test_whoever_is_out_is_not_decrypted_either(looking: Looking) -> None:
    """Looking back asks the policy before it asks for the key."""
    closed = looking.timeline.whisper(LI, "between us", 2)
    await looking.rows.do(lambda c: rooms.save_choice(c, ROOM, LI, fold_choice(Member(), Choice.OUT, NOW - 3 * HOUR)))

    talk = await looking.talk.window(ROOM, Window())
    assert (talk.messages, talk.withheld) == ((), True)
    assert await looking.talk.event(ROOM, closed) is None
    assert looking.timeline.opened == []


@pytest.mark.parametrize(("devices", "secret"), [(False, False), (True, False), (False, True)])
async def test_a_new_direct_message_is_encrypted_where_it_can_be_or_must(
    tmp_path: Path, *, devices: bool, secret: bool
) -> None:
    """Who has keys gets them used; what is about an encrypted room is never said in a plain one."""
    async with opened(tmp_path) as rows:
        server = FakeRooms()
        server.devices = devices
        direct = DirectRooms(
            rows.database, cast("MatrixClient", server), cast("Sealing", server), "home.example", "circle-"
        )

        room = await direct.room_for(LI, secret=secret)

        assert (room in server.encrypted) is (devices or secret)


@pytest.mark.parametrize("locked", [False, True])
async def test_a_plain_direct_message_is_encrypted_before_a_secret_is_said(tmp_path: Path, *, locked: bool) -> None:
    """Where the AI may not do that, it takes a room of its own."""
    async with opened(tmp_path) as rows:
        server = FakeRooms()
        direct = DirectRooms(
            rows.database, cast("MatrixClient", server), cast("Sealing", server), "home.example", "circle-"
        )
        await rows.do(lambda c: rooms.save_room(c, ROOM, direct=True, membership="join"))
        await rows.do(lambda c: rooms.save_member(c, ROOM, LI, membership="join"))
        await rows.do(lambda c: rooms.save_person(c, LI, direct_room=ROOM))
        assert await direct.room_for(LI) == ROOM
        assert ROOM not in server.encrypted
        server.locked = locked

        found = await direct.room_for(LI, secret=True)

        assert (found == ROOM) is not locked
        assert found in server.encrypted


@pytest.mark.parametrize("change", [{"membership": "leave"}, {"direct": False}])
async def test_a_room_that_is_private_no_more_is_not_used(tmp_path: Path, change: dict[str, object]) -> None:
    """We were put out of it, or others came into it."""
    async with opened(tmp_path) as rows:
        server = FakeRooms()
        client, sealing = cast("MatrixClient", server), cast("Sealing", server)
        direct = DirectRooms(rows.database, client, sealing, "home.example", "circle-")
        await rows.do(lambda c: rooms.save_room(c, ROOM, **{"direct": True, **change}))
        await rows.do(lambda c: rooms.save_person(c, LI, direct_room=ROOM))

        assert await direct.room_for(LI) != ROOM
