"""Journal, outbox, wakes and voice on SQLite and on PostgreSQL: each event once, each effect once, in order, and no
words longer than needed.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from circles.adapters.store import journal, outbox
from circles.adapters.store.tables import messages
from circles.adapters.store.tables import outbox as outbox_table
from circles.core import effects as fx
from circles.core.ids import EffectID, EventID, RoomID
from circles.core.voice import Dial
from circles.facts import posts as post_facts
from circles.facts import rooms as room_facts
from circles.facts.tables import posts
from circles.features.consent import store as consent
from circles.testing import NOON, ROOM
from rows import LI, MEI, NOW, Rows, a_post, message, opened

OTHER = RoomID("!other")


@pytest.fixture
async def rows(tmp_path: Path, store_url: str) -> AsyncIterator[Rows]:
    async with opened(tmp_path, url=store_url) as store:
        yield store


# --- journal ----------------------------------------------------------------------------------------------------


async def test_an_event_is_written_once(rows: Rows) -> None:
    """Whatever transaction it comes in."""
    event = message("once")
    for _ in range(2):
        await rows.do(lambda c: journal.add(c, event, at=NOW, received_at=NOW, pending=True))

    assert await rows.do(journal.pending_count) == 1
    assert await rows.do(lambda c: journal.is_known(c, event["event_id"]))


async def test_a_transaction_is_known_by_its_id_and_its_events(rows: Rows) -> None:
    """A homeserver whose database was made anew counts from 1 again: same id, other events, taken in."""

    async def repeated(txn_id: str, *events: str, now: int = NOW) -> bool:
        return await rows.do(lambda c: journal.is_repeated(c, txn_id, events, now))

    assert not await repeated("1", "$a", "$b")
    assert await repeated("1", "$a", "$b")
    assert not await repeated("1", "$c")
    assert await repeated("1", "$c")
    assert not await repeated("2", "$c")
    assert not await repeated("3", "\ud800"), "half a character in an id is no reason to fail"


async def test_old_transactions_are_forgotten(rows: Rows) -> None:
    """The table does not grow for ever; the events stay known by their own ids."""
    await rows.do(lambda c: journal.is_repeated(c, "1", ["$a"], NOW))
    later = NOW + (journal.TRANSACTION_DAYS + 1) * 86_400_000
    await rows.do(lambda c: journal.drop_transactions(c, later))

    assert not await rows.do(lambda c: journal.is_repeated(c, "1", ["$a"], later))


async def test_events_come_out_in_the_order_they_came_in(rows: Rows) -> None:
    """Within a room, except for those in hand."""
    ids = [await rows.ask(f"question {number}") for number in range(3)]
    first = await rows.do(lambda c: journal.next_of(c, ROOM, ()))
    assert first is not None
    second = await rows.do(lambda c: journal.next_of(c, ROOM, [first.seq]))
    assert second is not None

    assert [first.event_id, second.event_id] == ids[:2]
    assert first.event["content"]["body"] == "question 0"
    assert await rows.do(lambda c: journal.next_of(c, OTHER, ())) is None
    assert await rows.do(journal.rooms_waiting) == (ROOM,)


async def test_an_event_is_settled_once_and_its_words_go_with_it(rows: Rows) -> None:
    """A second settling says so: its effects must not be written."""
    event_id = await rows.ask()
    entry = await rows.do(lambda c: journal.next_of(c, ROOM, ()))
    assert entry is not None
    seq = entry.seq

    assert [await rows.do(lambda c: journal.settle(c, seq)) for _ in range(2)] == [True, False]
    assert await rows.journal_of(event_id) == ("settled", None)


async def test_an_event_that_fails_too_often_is_quarantined_without_its_words(rows: Rows) -> None:
    """Three attempts; what is left is its id and the reference in the log."""
    event_id = await rows.ask()
    entry = await rows.do(lambda c: journal.next_of(c, ROOM, ()))
    assert entry is not None
    seq = entry.seq
    given_up = [await rows.do(lambda c: journal.failed(c, seq, "ref")) for _ in range(3)]

    assert given_up == [False, False, True]
    assert await rows.journal_of(event_id) == ("quarantined", None)
    assert await rows.do(lambda c: journal.is_known(c, event_id))


async def test_pending_events_are_dropped_by_id_by_sender_and_by_room(rows: Rows) -> None:
    """Taking back reaches what was not handled yet."""
    one, two, three = await rows.ask(), await rows.ask(sender=LI), await rows.ask()
    await rows.do(lambda c: journal.drop(c, [one]))
    await rows.do(lambda c: journal.drop_from(c, LI, OTHER))
    assert [state and state[0] for state in (await rows.journal_of(one), await rows.journal_of(two))] == [
        "settled",
        "pending",
    ]
    await rows.do(lambda c: journal.drop_from(c, LI, None))
    await rows.do(lambda c: journal.drop_in(c, ROOM, None))

    for event_id in (one, two, three):
        assert await rows.journal_of(event_id) == ("settled", None)


# --- outbox -----------------------------------------------------------------------------------------------------


async def test_a_lane_is_first_in_first_out(rows: Rows) -> None:
    """And another lane goes beside it."""
    await rows.perform(
        a_post("one"), a_post("two"), fx.Private(LI, a_post("for Li")), fx.React(ROOM, EventID("$x"), "👍")
    )
    sent = await rows.carry_out()

    assert [row.payload["body"] for row in sent if row.lane == ROOM and row.kind == "post"] == ["one", "two"]
    assert [row.kind for row in sent if row.lane == ROOM] == ["post", "post", "react"]
    assert [row.payload["body"] for row in sent if row.lane == LI] == ["for Li"]


async def test_a_sent_row_holds_no_words(rows: Rows) -> None:
    """Only where it stands."""
    effect_id, event_id = await rows.post(a_post("words"))
    query = select(outbox_table.c.state, outbox_table.c.payload, outbox_table.c.event_id)

    assert await rows.do(lambda c: tuple(c.execute(query).one())) == ("sent", None, event_id)
    assert await rows.do(lambda c: outbox.event_of(c, effect_id)) == (ROOM, event_id)


async def test_the_same_effect_is_written_once(rows: Rows) -> None:
    """A feature that chose the id may say it again after a crash."""
    for _ in range(2):
        await rows.perform(a_post("once", id=EffectID("admission-1")))

    assert len(await rows.waiting()) == 1


async def test_buttons_and_pins_follow_their_post(rows: Rows) -> None:
    """In the same lane, so that it stands before they are put on it."""
    await rows.perform(a_post("choose", buttons=("1️⃣", "2️⃣"), pin=True))

    assert [row.kind for row in await rows.waiting()] == ["post", "react", "react", "pin"]
    assert len({row.target for row in (await rows.waiting())[1:]}) == 1


async def test_what_was_not_sent_is_never_sent(rows: Rows) -> None:
    """Withdrawn before: no redaction is needed, and its words are gone at once."""
    effect_id, _ = await rows.post(a_post("never", buttons=("✅",), pin=True), sent=False)
    post = (await rows.waiting())[0]
    await rows.perform(fx.Withdraw(post.id))

    assert await rows.waiting() == []
    assert effect_id
    held = await rows.do(lambda c: c.execute(select(func.count()).where(outbox_table.c.payload.is_not(None))).scalar())
    assert held == 0


async def test_what_is_on_its_way_is_redacted_when_it_arrives(rows: Rows) -> None:
    """The request is out; its answer comes after the withdrawal."""
    await rows.perform(a_post("on its way"))
    row = (await rows.waiting())[0]
    await rows.perform(fx.Withdraw(row.id))
    await rows.sent(row)

    assert await rows.redacted() == {f"$e{row.id}"}


async def test_what_broke_off_on_its_way_is_redacted_by_its_echo(rows: Rows) -> None:
    """The homeserver took it, we never heard, and it was withdrawn: the echo tells where it stands."""
    await rows.perform(a_post("broken off", buttons=("✅",)))
    post, button = await rows.waiting()
    await rows.perform(fx.Withdraw(post.id))
    unwanted = await rows.do(lambda c: outbox.seen(c, post.id, ROOM, EventID("$there"), NOW))
    await rows.do(lambda c: outbox.seen(c, button.id, ROOM, EventID("$button"), NOW))

    assert unwanted
    assert await rows.redacted() == {"$there", "$button"}


async def test_an_echo_tells_where_a_post_stands_before_we_know(rows: Rows) -> None:
    """So that a tap on it is one on ours, and it is not sent again."""
    await rows.perform(a_post("said", buttons=("✅",)))
    post, button = await rows.waiting()
    for effect_id, event_id in ((post.id, "$said"), (button.id, "$button")):
        assert not await rows.do(
            lambda c, e=effect_id, v=event_id: outbox.seen(c, EffectID(e), ROOM, EventID(v), NOW)  # type: ignore[misc]
        )

    assert await rows.do(lambda c: post_facts.is_ours(c, "$said"))
    assert await rows.do(lambda c: outbox.standing(c, post)) == (ROOM, "$said")
    assert await rows.do(lambda c: outbox.standing(c, button)) == (ROOM, "$button")
    await rows.do(lambda c: outbox.sent(c, post, ROOM, EventID("$said"), NOW))
    assert await rows.redacted() == set()


async def test_an_echo_of_something_unknown_changes_nothing(rows: Rows) -> None:
    """A mark with an id that is not ours."""
    assert not await rows.do(lambda c: outbox.seen(c, EffectID("nobody"), ROOM, EventID("$x"), NOW))


async def test_what_stands_is_redacted_with_each_edit_of_it_and_once(rows: Rows) -> None:
    """Redacting a root leaves its edits readable, so each is redacted; asking twice redacts nothing twice."""
    root, root_event = await rows.post(a_post("one"))
    await rows.perform(fx.Edit(ROOM, root, fx.Words("two")))
    (edit,) = await rows.carry_out()
    for _ in range(2):
        await rows.perform(fx.Withdraw(root), fx.Redact(ROOM, root_event))

    assert await rows.redacted() == {root_event, f"$e{edit.id}"}
    assert len(await rows.waiting()) == 2
    assert await rows.state_of(root) == "gone"
    await rows.carry_out()
    await rows.perform(fx.Redact(ROOM, root_event))
    assert await rows.waiting() == []


async def test_a_withdrawn_post_is_not_edited_any_more(rows: Rows) -> None:
    """A later edit would bring the words back."""
    root, _ = await rows.post(a_post("one"))
    await rows.perform(fx.Withdraw(root), fx.Edit(ROOM, root, fx.Words("two")))

    assert [row.kind for row in await rows.waiting()] == ["redact"]


# --- buttons ------------------------------------------------------------------------------------------------------


async def test_our_own_buttons_are_taken_away_once(rows: Rows) -> None:
    """So that a person's tap stays as a visible signature."""
    root, _ = await rows.post(a_post("choose", buttons=("1️⃣", "2️⃣")), sent=False)
    root = (await rows.waiting())[0].id
    buttons = [f"$e{row.id}" for row in await rows.carry_out() if row.kind == "react"]
    for _ in range(2):
        await rows.perform(fx.ClearButtons(root))

    assert await rows.redacted() == set(buttons)
    assert len(await rows.waiting()) == 2


async def test_a_button_on_its_way_is_taken_away_when_it_arrives(rows: Rows) -> None:
    """And one that waits is never put."""
    await rows.perform(a_post("choose", buttons=("1️⃣", "2️⃣")))
    post, first, _second = await rows.waiting()
    await rows.sent(post)
    await rows.perform(fx.ClearButtons(post.id))
    await rows.sent(first)

    assert await rows.redacted() == {f"$e{first.id}"}
    await rows.perform(fx.ClearButtons(post.id))
    assert len(await rows.waiting()) == 1


async def test_a_button_that_stood_already_is_left(rows: Rows) -> None:
    """The homeserver calls it a duplicate and gives no id: there is nothing to redact by."""
    await rows.perform(a_post("choose", buttons=("1️⃣",)))
    post, button = await rows.waiting()
    await rows.sent(post)
    await rows.do(lambda c: outbox.sent(c, button, ROOM, None, NOW))
    await rows.perform(fx.ClearButtons(post.id))

    assert await rows.waiting() == []


# --- placeholders -------------------------------------------------------------------------------------------------


def placeholder(question: EventID) -> fx.Placeholder:
    return fx.Placeholder(ROOM, question)


async def test_a_placeholder_goes_when_the_answer_stands(rows: Rows) -> None:
    """A reaction on the question, once also over restarts; the answer is a message of its own, so that it can ping."""
    question = await rows.ask()
    for _ in range(2):
        await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))
    (first,) = await rows.carry_out()
    assert (first.kind, first.payload["event_id"], first.payload["key"]) == ("react", question, "⏳")
    assert await rows.state_of(first.id) == "open"

    await rows.perform(a_post("the answer", answers=question, ping=(MEI,)))
    await rows.do(lambda c: rows.performer.end_placeholder(c, question, NOW))
    answer, end = await rows.carry_out()

    assert (answer.kind, answer.payload["body"], answer.payload["ping"]) == ("post", "the answer", [MEI])
    assert (end.kind, end.payload["event_id"]) == ("redact", f"$e{first.id}"), "after the answer"
    assert await rows.state_of(first.id) == "gone"
    await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))
    await rows.do(lambda c: rows.performer.end_placeholder(c, question, NOW))
    assert await rows.waiting() == []


async def test_a_placeholder_that_stands_unnoticed_is_taken_away(rows: Rows) -> None:
    """Our request broke off after the homeserver had taken it: its echo tells, also when the answer came meanwhile."""
    question = await rows.ask()
    await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))
    (first,) = await rows.waiting()
    await rows.do(lambda c: rows.performer.end_placeholder(c, question, NOW))
    assert await rows.waiting() == []

    assert await rows.do(lambda c: outbox.seen(c, first.id, ROOM, EventID("$reaction"), NOW))

    assert await rows.redacted() == {"$reaction"}


async def test_a_placeholder_without_an_answer_is_taken_away(rows: Rows) -> None:
    """The answer went to a direct message, or there is none."""
    question = await rows.ask()
    await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))
    (first,) = await rows.carry_out()
    await rows.perform(fx.Private(MEI, a_post("in private", answers=question)))
    await rows.do(lambda c: rows.performer.end_placeholder(c, question, NOW))

    assert await rows.redacted() == {f"$e{first.id}"}


@pytest.mark.parametrize("gone", ["taken back", "stopped", "forgotten", "answered"])
async def test_no_placeholder_comes_for_what_is_no_longer_asked(rows: Rows, gone: str) -> None:
    """It was on its way to its row when the question went: nothing would ever end it."""
    question = await rows.ask()
    match gone:
        case "taken back":
            await rows.perform(fx.TakeBack(ROOM, (question,)))
        case "stopped":
            await rows.perform(fx.StopWork(ROOM, MEI))
        case "forgotten":
            await rows.perform(fx.TakeBackPerson(MEI, None, held=True))
        case _:
            entry = await rows.do(lambda c: journal.next_of(c, ROOM, ()))
            assert entry is not None
            await rows.do(lambda c: journal.settle(c, entry.seq))
    await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))

    assert await rows.waiting() == []


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize(
    "gone",
    [
        fx.StopWork(ROOM, MEI),
        fx.StopWork(ROOM, None),
        fx.TakeBackPerson(MEI, None, held=True),
        fx.TakeBackPerson(MEI, ROOM, held=True),
        None,
    ],
    ids=["stop", "stop all", "forget everywhere", "forget here", "redaction"],
)
async def test_an_open_placeholder_ends_with_its_question(rows: Rows, gone: fx.Effect | None, sent: bool) -> None:
    """However the question goes, and whether or not the placeholder stood in the room by then."""
    question = await rows.ask()
    await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))
    (row,) = await rows.waiting()
    if sent:
        await rows.carry_out()
    await rows.perform(gone or fx.TakeBack(ROOM, (question,)))

    assert await rows.state_of(row.id) == "gone"
    assert await rows.redacted() == ({f"$e{row.id}"} if sent else set())


async def test_stop_is_for_ones_own_questions(rows: Rows) -> None:
    """Another's goes on."""
    question = await rows.ask(sender=LI)
    await rows.do(lambda c: rows.performer.placeholder(c, placeholder(question), NOW))
    await rows.perform(fx.StopWork(ROOM, MEI))

    assert (await rows.journal_of(question) or ("",))[0] == "pending"
    assert len(await rows.waiting()) == 1


# --- taps ---------------------------------------------------------------------------------------------------------


async def test_a_persons_first_tap_is_told_from_the_next(rows: Rows) -> None:
    """So that the kind line to whoever may not decide is said once, on every database."""
    taps = [await rows.do(lambda c, who=who: consent.approve(c, "told:post", who, NOW)) for who in (MEI, MEI, LI)]  # type: ignore[misc]

    assert taps == [True, False, True]


# --- wakes, voice, leaving ----------------------------------------------------------------------------------------


async def test_a_later_wake_replaces_an_earlier_one_and_can_be_cancelled(rows: Rows) -> None:
    """One row a key."""
    due = NOON + timedelta(hours=1)
    await rows.perform(
        fx.WakeAt("fake", "w", ROOM, NOON), fx.WakeAt("fake", "w", ROOM, due), fx.WakeAt("fake", "v", ROOM, due)
    )
    assert await rows.wakes() == {"w": int(due.timestamp() * 1000), "v": int(due.timestamp() * 1000)}

    after = await rows.perform(fx.CancelWake("fake", "w"), fx.CancelWake("fake", "never"))
    assert list(await rows.wakes()) == ["v"]
    assert after.woken


async def test_unasked_posts_share_one_a_day_and_none_at_night(rows: Rows) -> None:
    """What was asked for is outside the budget."""
    day = NOW
    night = int(datetime(2027, 2, 1, 23, 0, tzinfo=UTC).timestamp() * 1000)
    tomorrow = NOW + 86_400_000

    async def said(now: int, *, unasked: bool = True) -> bool:
        before = len(await rows.waiting())
        await rows.perform(a_post("by the way", unasked=unasked, brief="a line"), now=now)
        return len(await rows.waiting()) > before

    assert [await said(now) for now in (day, day, night, tomorrow)] == [True, False, False, True]
    assert await said(night, unasked=False)


async def unsaid(rows: Rows, since: int = 0, until: int = 2 * NOW) -> list[str]:
    """Return the lines that wait for the digest."""
    return [each.text for each in await rows.do(lambda c: post_facts.unsaid(c, ROOM, since, until))]


@pytest.mark.parametrize(
    ("dial", "number", "said"), [(None, 60, 1), (Dial.OFF, 20, 0), (Dial.QUIET, 20, 1), (Dial.LIVELY, 20, 3)]
)
async def test_unasked_posts_are_as_many_as_the_dial_says(
    rows: Rows, dial: Dial | None, number: int, said: int
) -> None:
    """The rest are lines for the digest, each once: no word of the post itself is kept."""
    await rows.do(lambda c: room_facts.save_room(c, ROOM, dial=dial))

    every = [
        a_post(f"canary {each}", unasked=True, brief=f"line {each}", id=EffectID(f"nudge-{each}"))
        for each in range(number)
    ]
    for _ in range(2):
        await rows.perform(*every)

    waiting = await rows.waiting()
    assert len(waiting) == said
    assert [row.id for row in waiting] == [f"nudge-{each}" for each in range(said)]
    assert sorted(await unsaid(rows)) == sorted(f"line {each}" for each in range(said, number))
    await rows.carry_out()
    await rows.clean()
    assert b"canary" not in await rows.bytes()


async def test_quiet_hours_are_kept_by_what_nobody_asked_for(rows: Rows) -> None:
    await rows.do(lambda c: room_facts.save_room(c, ROOM, quiet={"start": "11:00", "end": "13:00", "zone": "UTC"}))

    await rows.perform(a_post(unasked=True, brief="a line"))

    assert await rows.waiting() == []
    assert await unsaid(rows) == ["a line"]


async def test_a_line_for_the_digest_goes_with_its_source(rows: Rows) -> None:
    """As a post would; what can be said again is made anew, and fits or does not."""
    await rows.do(lambda c: room_facts.save_room(c, ROOM, dial=Dial.OFF))
    await rows.perform(a_post(unasked=True, brief="a line", rests_on=["$m"], remake={}, id=EffectID("nudge")))
    (line,) = await rows.do(lambda c: post_facts.unsaid(c, ROOM, 0, 2 * NOW))
    assert [source.event_id for source in line.sources] == ["$m"]

    await rows.perform(fx.TakeBack(ROOM, (EventID("$m"),), by=MEI))

    assert await unsaid(rows) == []
    assert "remake:nudge" in await rows.wakes()
    assert await rows.redacted() == set(), "nothing stood in the room"


async def test_lines_wait_for_the_digest_of_their_time_and_not_for_ever(rows: Rows) -> None:
    await rows.do(lambda c: room_facts.save_room(c, ROOM, dial=Dial.OFF))
    await rows.perform(a_post(unasked=True, brief="old"))
    assert await unsaid(rows, NOW, NOW + 1) == ["old"]
    assert await unsaid(rows, NOW + 1) == await unsaid(rows, 0, NOW) == []

    await rows.perform(a_post(unasked=True, brief="new"), now=NOW + outbox.UNSAID_MS + 1)

    assert await unsaid(rows) == ["new"]


def test_an_unasked_post_brings_its_line(rows: Rows) -> None:
    """Else it would be lost where it does not fit."""
    with pytest.raises(ValueError, match="brief"):
        a_post(unasked=True)


async def test_leaving_a_room_ends_all_that_waits_for_it(rows: Rows) -> None:
    """Journal, outbox, wakes, kept messages; not the last word in leaving, and not what waits elsewhere."""
    question = await rows.ask()
    kept_event = await rows.keep("kept")
    await rows.perform(
        a_post("late"), fx.WakeAt("fake", "w", ROOM, NOON), fx.Leave(ROOM, "bye"), fx.Private(MEI, a_post("goodbye"))
    )
    await rows.perform(fx.Depart(ROOM))

    assert await rows.journal_of(question) == ("settled", None)
    assert [row.kind for row in await rows.waiting()] == ["leave", "post"]
    assert await rows.wakes() == {}
    left = await rows.do(lambda c: list(c.execute(select(messages.c.event_id)).scalars()))
    assert kept_event not in left


async def test_every_post_is_a_row_that_can_be_found_again(rows: Rows) -> None:
    """By its event, by an edit of it, and by what it answers."""
    question = await rows.ask()
    root, event_id = await rows.post(a_post("one", answers=question, subject="s1"))
    await rows.perform(fx.Edit(ROOM, root, fx.Words("two")))
    (edit,) = await rows.carry_out()
    by_event = await rows.do(lambda c: post_facts.said(c, event_id))
    by_edit = await rows.do(lambda c: post_facts.said(c, f"$e{edit.id}"))

    assert by_event is not None
    assert by_event == by_edit
    assert (by_event.asker, by_event.subject, by_event.answers) == (MEI, "s1", question)
    assert [said.effect_id for said in await rows.do(lambda c: post_facts.answers_to(c, question))] == [root]
    assert await rows.do(lambda c: c.execute(select(func.count()).select_from(posts)).scalar()) == 2
