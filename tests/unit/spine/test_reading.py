"""Calls read as the rows stand: how much a whole room may ask, what came late, what names another room's events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from circles.adapters.store import journal
from circles.adapters.store.quota import AnswerLimits
from circles.adapters.store.tables import messages
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints.reading import ROOM_FACTOR, Ignored, Rates, Reader
from circles.facts import rooms
from circles.facts.tables import policies
from circles.features.consent.decide import Choose
from circles.features.consent.store import approvals
from circles.testing import AI, ROOM, FakeNames, some_ports
from circles_policies.content import read_content
from circles_policies.model import Policy
from knocks import Knocks, in_force, knocking
from rows import LI, MEI, NOW, message

OTHER = RoomID("!other")
KIM, UNCLE = UserID("@kim:home.example"), UserID("@uncle:home.example")
PER_MINUTE = 2
MINUTE = timedelta(minutes=1)
UNKNOWN = "I don't know that word. “help” shows what I do."
TOO_FAST = "That's a lot at once. Give me a minute."


@dataclass
class Asking:
    """People who say things, and a reader that answers what waits."""

    knocks: Knocks
    reader: Reader

    async def say(self, who: UserID, words: str, *, room_id: RoomID = ROOM, late: timedelta = timedelta()) -> list[str]:
        """Deliver what somebody said so long ago, and return what the AI says to it."""
        sent = int((self.knocks.clock.now() - late).timestamp() * 1000)
        await self.deliver({**message(words, sender=who, at=sent), "room_id": room_id})
        return await self.answers(room_id)

    async def deliver(self, event: dict[str, Any]) -> None:
        """Hand over one event as the homeserver does."""
        assert (await self.knocks.put(str(event["event_id"]), event)).status == 200

    async def answers(self, room_id: RoomID = ROOM) -> list[str]:
        """Answer what waits in a room, and return the words."""
        said: list[str] = []
        rows = self.knocks.rows
        ports = some_ports(database=rows.database, clock=self.knocks.clock)
        while entry := await rows.do(lambda c: journal.next_of(c, room_id, ())):
            read = await self.reader.read(entry)
            assert not isinstance(read, Ignored)
            said += [each.words.body for each in await read.handle(ports) if isinstance(each, fx.Post)]
            seq = entry.seq
            await rows.do(lambda c, seq=seq: journal.settle(c, seq))  # type: ignore[misc]  # its default is an int
        return said

    async def policy(self) -> tuple[Policy, list[str]]:
        """Return the policy in force and the states of all that were asked for."""
        found = await self.knocks.rows.do(lambda c: c.execute(select(policies.c.state, policies.c.content)).all())
        (content,) = [row.content for row in found if row.state == "in_force"]
        policy = read_content(content)
        assert isinstance(policy, Policy)
        return policy, [row.state for row in found]

    async def kept(self) -> list[str]:
        """Return the messages that are kept."""
        return await self.knocks.rows.do(lambda c: sorted(c.execute(select(messages.c.event_id)).scalars()))


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    """A circle of four people with a notebook, of which Mei decides; and another room of them all."""
    async with knocking(tmp_path) as knocks:
        rows = knocks.rows

        def furnish(connection: Any) -> None:
            for room_id in (ROOM, OTHER):
                levels = {"users": {MEI: 100}, "users_default": 0, "state_default": 50}
                rooms.save_room(connection, room_id, membership="join", filled=True, version="10", levels=levels)
                for user in (AI, MEI, LI, KIM, UNCLE):
                    rooms.save_member(connection, room_id, user, membership="join")

        await rows.do(furnish)
        rates = Rates(PER_MINUTE, 1_000, AnswerLimits(1_000, 1_000))
        settings = Settings(ai=AI, server_name="home.example")
        yield Asking(knocks, Reader(rows.database, knocks.intake, FakeNames(), settings, knocks.clock, rates))


# --- the pace of a room -------------------------------------------------------------------------------------------


async def test_a_whole_room_may_ask_three_times_as_often_as_one_person(asking: Asking) -> None:
    """However many people it has; it is told once, in the room, and a minute later it goes on."""
    people = (MEI, LI, KIM, UNCLE)
    said = [await asking.say(who, "!circle xyzzy") for who in people for _ in range(PER_MINUTE)]

    most = PER_MINUTE * ROOM_FACTOR
    assert said == [[UNKNOWN]] * most + [[TOO_FAST]] + [[]] * (PER_MINUTE * len(people) - most - 1)
    asking.knocks.clock.advance(MINUTE)
    assert await asking.say(UNCLE, "!circle xyzzy") == [UNKNOWN]


async def test_a_room_that_asks_too_much_takes_nothing_from_another_or_from_control_words(asking: Asking) -> None:
    """The way out stands open at any pace."""
    for who in (MEI, LI, KIM, UNCLE):
        for _ in range(PER_MINUTE):
            await asking.say(who, "!circle xyzzy")
    kim = await asking.say(KIM, "!circle out")

    assert kim == []  # Said in private, where no post of the room is.
    assert (await asking.knocks.rows.do(lambda c: rooms.member(c, ROOM, KIM))).level.value == "out"
    asking.knocks.clock.advance(MINUTE)
    await asking.knocks.rows.do(lambda c: in_force(c, OTHER))
    assert await asking.say(LI, "!circle xyzzy", room_id=OTHER) == [UNKNOWN]


# --- what came late -----------------------------------------------------------------------------------------------


async def test_a_late_word_still_tightens_the_policy_and_says_so(asking: Asking) -> None:
    """It was obeyed when it came, so it is not said to be left undone."""
    said = await asking.say(MEI, "!circle policy addressed", late=30 * MINUTE)

    assert said == ["Done. From now on: “Only what you say to it”."]
    policy, states = await asking.policy()
    assert (policy.preset, states) == ("addressed", ["ended", "in_force"])


@pytest.mark.parametrize(("minutes", "obeyed"), [(9, True), (11, False)])
async def test_a_late_word_does_not_loosen_the_policy(asking: Asking, minutes: int, obeyed: bool) -> None:
    """After ten minutes nobody knows whether it is still wanted: nothing is announced, and that is said."""
    await asking.say(MEI, "!circle policy addressed")
    asking.knocks.clock.advance(MINUTE)
    said = await asking.say(MEI, "!circle policy group notebook", late=minutes * MINUTE)

    policy, states = await asking.policy()
    assert policy.preset == "addressed"
    assert ("waiting" in states) is obeyed
    late = "This reached me late, so I left it undone. Say it again if you still want it."
    assert said == ([] if obeyed else [late])


# --- another room's events ----------------------------------------------------------------------------------------


def redaction(target: str, room_id: RoomID, event_id: str) -> dict[str, Any]:
    """Return what takes an event back, said in a room."""
    return {
        **message(sender=LI, event_id=event_id),
        "room_id": room_id,
        "type": "m.room.redaction",
        "redacts": target,
        "content": {"redacts": target},
    }


async def test_a_redaction_takes_back_no_words_of_another_room(asking: Asking) -> None:
    """Neither talk nor a question: who may speak in one room has no say in another. In its own room it does."""
    await asking.deliver(message("the key is under the mat", event_id="$talk"))
    await asking.deliver(message("!circle xyzzy", event_id="$question"))
    for target in ("$talk", "$question"):
        await asking.deliver(redaction(target, OTHER, f"{target}-far"))
    assert await asking.kept() == ["$question", "$talk"]
    assert await asking.answers() == [UNKNOWN]

    for target in ("$talk", "$question"):
        await asking.deliver(redaction(target, ROOM, f"{target}-near"))
    assert await asking.kept() == []


async def test_a_redaction_takes_back_no_tap_of_another_room(asking: Asking) -> None:
    """A 👍 for a looser policy stands until it is taken back where it was given."""
    await asking.say(MEI, "!circle policy addressed")
    await asking.say(MEI, "!circle policy group notebook")
    rows = asking.knocks.rows
    asked = await rows.do(lambda c: c.execute(select(policies.c.id).where(policies.c.state == "waiting")).scalar())
    announced = fx.Post(ROOM, fx.Words("From tomorrow on …"), kind="loosening", feature="consent", subject=str(asked))
    _, notice = await rows.post(announced)
    relation = {"rel_type": "m.annotation", "event_id": notice, "key": "👍"}
    content = {"m.relates_to": relation}
    await asking.deliver({**message(sender=LI, event_id="$tap"), "type": "m.reaction", "content": content})

    agreed: list[int] = []
    for room_id in (OTHER, ROOM):
        await asking.deliver(redaction("$tap", room_id, f"$back-{room_id[1:]}"))
        agreed.append(len(await rows.do(lambda c: c.execute(select(approvals)).all())))
    assert agreed == [1, 0]


# --- a choice for one of several circles --------------------------------------------------------------------------


class Titles(FakeNames):
    """Two circles with names of their own."""

    async def room(self, room_id: RoomID) -> str:
        return "Choir" if room_id == ROOM else "家里"


@pytest.mark.parametrize(
    ("words", "choice"),
    [
        *(("out Choir", "out"), ("Out of the choir.", "out"), ("out: choir", "out"), ("choir out", "out")),
        *(("out 1", "out"), ("1 out", "out"), ("opt out Choir", "out"), ("in choir", "in"), ("in 1", "in")),
        *(("不看我 Choir", "out"), ("Choir 不看我", "out"), ("不看我 1", "out"), ("可以看我 1", "in")),
        *(("not at all Choir", "not_at_all"), ("完全不看我 1", "not_at_all"), ("out of milk", None), ("in 10", None)),
        *(("退出 Choir", "out"), ("outChoir", None)),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_who_has_several_circles_chooses_for_the_one_they_name(
    asking: Asking, words: str, choice: str | None, late: bool
) -> None:
    """By its name or its number, for themself and for that circle alone. What came late takes nobody in."""
    choice = None if late and choice == "in" else choice

    def furnish(connection: Any) -> None:
        rooms.save_room(connection, RoomID("!dm"), membership="join", filled=True, version="10", direct=True, levels={})
        for user in (AI, LI):
            rooms.save_member(connection, RoomID("!dm"), user, membership="join")

    await asking.knocks.rows.do(furnish)
    knocks, settings = asking.knocks, Settings(ai=AI, server_name="home.example")
    rates = Rates(PER_MINUTE, 1_000, AnswerLimits(1_000, 1_000))
    reader = Reader(knocks.rows.database, knocks.intake, Titles(), settings, knocks.clock, rates)
    said_at = int((knocks.clock.now() - (30 * MINUTE if late else timedelta())).timestamp() * 1000)
    await asking.deliver({**message(words, sender=LI, at=said_at), "room_id": "!dm"})
    entry = await asking.knocks.rows.do(lambda c: journal.next_of(c, RoomID("!dm"), ()))
    assert entry is not None
    read = await reader.read(entry)
    assert not isinstance(read, Ignored)
    effects = await read.handle(some_ports(database=asking.knocks.rows.database, names=Titles()))

    chosen = [(each.room_id, each.user_id, each.choice.value) for each in effects if isinstance(each, Choose)]
    assert chosen == ([] if choice is None else [(ROOM, LI, choice)])
    assert any(isinstance(each, fx.TakeBackPerson) for each in effects) is (choice in ("out", "not_at_all"))


# --- the answer to what the AI asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "subject", "words", "said"),
    [
        ("reminder-zone", "", "London", "is Europe/London"),
        ("reminder-zone", "", "I'm in Berlin, Germany", "is Europe/Berlin"),
        ("reminder-zone", "", "我在上海", "是 Asia/Shanghai"),
        ("reminder-choice", "", "the first one", "nothing to pick"),
        ("reminder-choice", "", "第二个", "没有要选的"),
        ("reminder-which", "cancel", "2", "no reminder with that number"),
        ("reminder-which", "取消", "第2条吧", "没有这个编号"),
        ("digest-zone", "", "上海", "群的时区由管理员来定"),
    ],
)
async def test_a_bare_answer_to_what_it_asked_is_understood(
    asking: Asking, kind: str, subject: str, words: str, said: str
) -> None:
    """From who was asked alone, right after it or in a reply to it; what is said between closes the question."""
    rows = asking.knocks.rows
    question = await asked(asking)
    feature = "digest" if kind == "digest-zone" else "reminders"
    asks = fx.Post(ROOM, fx.Words("Which?"), kind=kind, feature=feature, subject=subject, answers=question)
    _, event_id = await rows.post(asks)
    others = await asking.say(MEI, f"!circle {words}")
    heard = await asking.say(LI, f"!circle {words}")
    await rows.perform(fx.Post(ROOM, fx.Words("Hello!"), kind="answer", feature="help", answers=question), now=NOW + 1)
    later = await asking.say(LI, f"!circle {words}")
    asking.knocks.clock.advance(MINUTE)
    reply = message(words, sender=LI)
    relation = {"m.relates_to": {"m.in_reply_to": {"event_id": event_id}}}
    await asking.deliver({**reply, "content": {**reply["content"], **relation}})

    replied = await asking.answers()
    assert [said in "".join(each) for each in (others, heard, later, replied)] == [False, True, False, True]


@pytest.mark.parametrize(
    "words", ["who is in London?", "the train to Berlin is late", "上海的朋友周六来吗", "10 cakes"]
)
@pytest.mark.parametrize("kind", ["reminder-zone", "reminder-choice", "reminder-which"])
async def test_talk_is_no_answer_to_what_it_asked(asking: Asking, words: str, kind: str) -> None:
    """Though it names a place or a number."""
    asks = fx.Post(
        ROOM, fx.Words("Which?"), kind=kind, feature="reminders", subject="cancel", answers=await asked(asking)
    )
    await asking.knocks.rows.post(asks)

    (said,) = await asking.say(LI, f"!circle {words}")
    assert said.startswith(("I don't know that word", "Did you mean", "这个我没听懂", "是想说"))


async def asked(asking: Asking) -> EventID:
    """Let Li have said something, and return it."""
    event_id = await asking.knocks.rows.ask(sender=LI)
    await asking.knocks.rows.do(lambda c: journal.settle(c, 1))
    return event_id
