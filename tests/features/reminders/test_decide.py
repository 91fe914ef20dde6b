"""Reminders: what a request becomes, what its hour brings, and what people may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

import pytest

from circles.core.call import Call, Fire, Said, Tap
from circles.core.effects import CancelWake, Edit, Effect, Post, Private, WakeAt
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.schedule import Repeat, Rule
from circles.features.reminders import change as doing
from circles.features.reminders import decide, strings, words
from circles.features.reminders.decide import Around
from circles.features.reminders.fire import fire
from circles.features.reminders.values import (
    AddPending,
    AddReminder,
    ChangeReminder,
    DropPending,
    DropReminder,
    Pending,
    Reminder,
)
from circles.testing import NOON, ROOM, a_call, a_room
from circles_policies.model import Keep, Preset, Store, preset

BERLIN = "Europe/Berlin"
MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
SUNDAYS = Rule(Repeat.WEEKS, time(20, 0), BERLIN, weekdays=frozenset({6}))
NOTHING = Around()
ONCE = Rule(Repeat.ONCE, time(14, 0), BERLIN, start=NOON.date())


def asked(words: str, **changes: Any) -> Call:
    """Make a call whose whole words are `words`."""
    call = a_call("remind", words)
    whole = call.whole.part(words)
    return replace(call, **{"whole": whole, "argument": whole, **changes})


def row(**changes: Any) -> Reminder:
    """Make a reminder of Mei's that is due at noon UTC."""
    base = Reminder("r1", 1, ROOM, MEI, "call mum", ONCE, BERLIN, NOON, EventID("$asked"), NOON - timedelta(days=1))
    return replace(base, **changes)


def due(reminder: Reminder, now: datetime = NOON, key: str | None = None) -> tuple[Effect, ...]:
    """Let a reminder's hour come."""
    return fire(reminder, "Mei", Fire(a_room(), key or reminder.id, {}, reminder.next_due, now))


def a_tap(key: str, asker: UserID = MEI, *, decides: bool = False, at: datetime = NOON) -> Tap:
    """Tap a button of the reminder's post."""
    said = Said(
        EffectID("e1"),
        EventID("$post"),
        "reminder",
        "reminders",
        "r1",
        ROOM,
        ROOM,
        None,
        None,
        None,
        None,
        "en",
        "final",
    )
    return Tap(a_room(), asker, EventID("$tap"), at, key, said, "en", decides)


def only(effects: Sequence[Effect], kind: type[Any]) -> Any:
    """Return the one effect of a type."""
    found = [effect for effect in effects if isinstance(effect, kind)]

    assert len(found) == 1, effects

    return found[0]


def body(effects: Sequence[Effect]) -> str:
    """Return what is said."""
    said = [effect.post if isinstance(effect, Private) else effect for effect in effects]
    return "\n".join(post.words.body for post in said if isinstance(post, Post))


# ---- reading a request


@pytest.mark.parametrize(
    ("words", "task", "for_room", "private", "at"),
    [
        pytest.param("remind me tomorrow at 9 to call mum", "call mum", False, False, "2027-02-02T08:00", id="me"),
        pytest.param("remind us every Sunday at 20:00: bins", "bins", True, False, "2027-02-07T19:00", id="us weekly"),
        pytest.param(
            "Remind the room on Friday at 18:00 about the party",
            "the party",
            True,
            False,
            "2027-02-05T17:00",
            id="room",
        ),
        pytest.param("tomorrow at 9 remind me to call", "call", False, False, "2027-02-02T08:00", id="time first"),
        pytest.param(
            "remind me in 10 minutes to stop the oven", "stop the oven", False, False, "2027-02-01T12:10", id="delay"
        ),
        pytest.param(
            "remind me privately tomorrow at 9 to buy a gift",
            "buy a gift",
            False,
            True,
            "2027-02-02T08:00",
            id="private",
        ),
        pytest.param("提醒我明天早上九点给妈妈打电话", "给妈妈打电话", False, False, "2027-02-02T08:00", id="zh me"),
        pytest.param("明天早上九点提醒我开会", "开会", False, False, "2027-02-02T08:00", id="zh time first"),
        pytest.param(
            "请提醒大家每周日晚上八点倒垃圾", "倒垃圾", True, False, "2027-02-07T19:00", id="zh everyone weekly"
        ),
        pytest.param("悄悄提醒我明天九点买礼物", "买礼物", False, True, "2027-02-02T08:00", id="zh private"),
        pytest.param("remind me tomorrow at 9 to send 提醒", "send 提醒", False, False, "2027-02-02T08:00", id="mixed"),
    ],
)
def test_a_request_is_read(words: str, task: str, for_room: bool, private: bool, at: str) -> None:
    """Who, what and when come out of the words, in both languages and in either order."""
    new = only(decide.remind(asked(words), NOTHING, NOON), AddReminder).reminder

    assert (task, for_room, private) == (new.text, new.for_room, new.private)
    assert datetime.fromisoformat(at).replace(tzinfo=UTC) == new.next_due


def test_setting_one_arms_its_wake_and_says_when() -> None:
    """The row, its wake and the answer come together, and the answer rests on the request."""
    call = asked("remind me tomorrow at 9 to call mum")
    effects = decide.remind(call, NOTHING, NOON)
    new, wake, post = only(effects, AddReminder).reminder, only(effects, WakeAt), only(effects, Post)

    assert (wake.feature, wake.key, wake.due) == ("reminders", new.id, new.next_due)
    assert post.words.body.startswith("I'll remind you tomorrow (Tue 2 Feb) 09:00: call mum")
    assert post.sources == (call.whole.source,)


def test_the_same_request_twice_is_the_same_reminder() -> None:
    """The key comes from the request's event, so that doing it again after a crash adds nothing."""
    call = asked("remind me tomorrow at 9 to call mum")

    first, second = (only(decide.remind(call, NOTHING, NOON), AddReminder).reminder.id for _ in range(2))

    assert first == second


def test_in_chinese_it_answers_in_chinese() -> None:
    """The answer follows the asker's language."""
    effects = decide.remind(asked("提醒大家每周日晚上八点倒垃圾", language="zh"), NOTHING, NOON)

    assert body(effects).startswith("好，每周日 20:00（第一次是 2月7日 周日 20:00）提醒大家：倒垃圾")


def test_a_private_one_is_answered_in_private() -> None:
    """What is private is neither confirmed nor said in the room."""
    effects = decide.remind(asked("remind me privately tomorrow at 9 to buy a gift"), NOTHING, NOON)

    assert only(effects, Private).user_id == MEI
    assert not [effect for effect in effects if isinstance(effect, Post)]


def test_in_a_direct_message_everything_is_here() -> None:
    """A direct message is private as it is: "us" and "privately" mean nothing more there."""
    room = a_room(direct=True)
    new = only(decide.remind(asked("remind us tomorrow at 9 to call", room=room), NOTHING, NOON), AddReminder).reminder

    assert (new.for_room, new.private) == (False, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("remind me to call mum", "couldn't find a time", id="no time"),
        pytest.param("remind me tomorrow at 9", "What shall I", id="no text"),
        pytest.param("remind me yesterday at 9 to go", "passed already", id="past"),
        pytest.param("remind me every 5 minutes to drink", "once a day is the most", id="too often"),
        pytest.param("remind me on 31 Feb to pay", "can't find that day", id="no such day"),
        pytest.param("remind me tomorrow at 9 to " + "x" * 600, "500 characters", id="too long"),
    ],
)
def test_what_cannot_be_set_is_said(words: str, said: str) -> None:
    """Nothing is kept, and one sentence says what is missing."""
    effects = decide.remind(asked(words), NOTHING, NOON)

    assert len(effects) == 1
    assert said in body(effects)


@pytest.mark.parametrize("keep", [Keep.NOTHING, None])
def test_a_room_that_keeps_nothing_gets_a_kind_sentence(keep: Keep | None) -> None:
    """A reminder is something someone asked to keep: without that class, or any policy, none is set."""
    policy = None if keep is None else preset(Preset.ON_CALL).model_copy(update={"store": Store(keep=keep)})
    effects = decide.remind(asked("remind me tomorrow at 9 to call", room=a_room(policy=policy)), NOTHING, NOON)

    assert len(effects) == 1
    assert "keep nothing" in body(effects)


def test_fifty_are_enough() -> None:
    """The fifty-first of a person in a room is not set; another room does not count."""
    call = asked("remind me tomorrow at 9 to call mum")
    full = tuple(row(id=f"r{number}", number=number) for number in range(1, 51))

    assert "as many as I can hold" in body(decide.remind(call, Around(full), NOON))
    assert only(decide.remind(call, Around(full[1:]), NOON), AddReminder).reminder.number == 1
    elsewhere = tuple(replace(one, room_id=RoomID("!other")) for one in full)
    assert only(decide.remind(call, Around(elsewhere), NOON), AddReminder).reminder.number == 51


# ---- asking back


def test_an_unknown_zone_is_asked_for_and_the_request_waits() -> None:
    """Without any zone the request is kept for a day, and taken up as of the moment it was made."""
    call = asked("remind me tomorrow at 9 to call mum", zone=None)
    effects = decide.remind(call, NOTHING, NOON)
    waiting = only(effects, AddPending).pending

    assert only(effects, WakeAt).due == NOON + timedelta(days=1)
    assert "zone Berlin" in body(effects)

    later = decide.go_on(waiting, a_room(), "Asia/Shanghai", NOTHING, NOON + timedelta(hours=20))

    assert only(later, DropPending).id == waiting.id
    assert "passed already" in body(later)

    soon = decide.go_on(waiting, a_room(), "Asia/Shanghai", NOTHING, NOON + timedelta(minutes=1))

    assert only(soon, AddReminder).reminder.next_due == datetime(2027, 2, 2, 1, 0, tzinfo=UTC)


def test_a_delay_needs_no_zone() -> None:
    """Ten minutes are ten minutes everywhere."""
    new = only(decide.remind(asked("remind me in 10 minutes to stop", zone=None), NOTHING, NOON), AddReminder).reminder

    assert new.next_due == NOON + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("words", "language"),
    [("remind me tomorrow at 3 to call mum", "en"), ("提醒我明天三点给妈妈打电话", "zh")],
)
def test_an_ambiguous_time_is_offered(words: str, language: Language) -> None:
    """Both readings are listed, with buttons and with words to say."""
    effects = decide.remind(asked(words, language=language), NOTHING, NOON)
    post, waiting = only(effects, Post), only(effects, AddPending).pending

    assert post.buttons == ("1️⃣", "2️⃣")
    assert post.subject == waiting.id
    assert all(hour in post.words.body for hour in ("03:00", "15:00"))

    chosen = decide.choose(waiting, 1, a_room(), BERLIN, NOTHING, NOON)

    assert only(chosen, AddReminder).reminder.rule == waiting.options[1]
    assert only(chosen, DropPending).id == waiting.id


def test_a_choice_out_of_range_or_no_longer_allowed_sets_nothing() -> None:
    """The policy is asked again when the choice is made."""
    waiting = Pending("p1", ROOM, MEI, "call", EventID("$asked"), NOON, options=(SUNDAYS,))

    assert decide.choose(waiting, 4, a_room(), BERLIN, NOTHING, NOON) == ()
    closed = decide.choose(waiting, 0, a_room(policy=preset(Preset.RESTING)), BERLIN, NOTHING, NOON)
    assert "keep nothing" in body(closed)
    assert not [effect for effect in closed if isinstance(effect, AddReminder)]


# ---- its hour


def test_it_comes_once_in_its_hosts_name_and_pings_them() -> None:
    """A reminder for one person answers their request, as a message that reaches them."""
    effects = due(row(thread=EventID("$thread")))
    post, changed = only(effects, Post), only(effects, ChangeReminder)

    assert post.words.body == "Mei, you asked me to remind you: call mum"
    assert (post.ping, post.text, post.reply_to, post.thread) == ((MEI,), True, "$asked", "$thread")
    assert post.sources == (row().source,)
    assert post.remake is None
    assert post.buttons == ("✅", "💤")
    assert (changed.changes["state"], changed.changes["fired_at"]) == ("fired", NOON)


@pytest.mark.parametrize(("language", "said"), [("en", "Mei asks: call mum"), ("zh", "Mei 提醒大家：call mum")])
def test_for_the_room_it_speaks_in_the_hosts_name(language: Language, said: str) -> None:
    """A room's reminder is nobody's reply; only its host is pinged."""
    post = only(due(row(for_room=True, language=language)), Post)

    assert post.words.body == said
    assert (post.reply_to, post.ping) == (None, (MEI,))


def test_a_private_one_comes_in_private() -> None:
    """It goes to its owner's direct message."""
    assert only(due(row(private=True)), Private).post.words.body.endswith("call mum")


@pytest.mark.parametrize(
    ("minutes", "mark"),
    [(2, ""), (3, " (late: was due 13:00)"), (60 * 24, " (late: was due yesterday (Mon 1 Feb) 13:00)")],
)
def test_a_late_one_says_so(minutes: int, mark: str) -> None:
    """More than two minutes after its time it says when it was due, in its own zone."""
    said = only(due(row(), NOON + timedelta(minutes=minutes)), Post).words.body

    assert said == f"Mei, you asked me to remind you: call mum{mark}"


def test_a_recurring_one_arms_the_next_in_the_same_breath() -> None:
    """The next fire time stands in the row and in the wake."""
    effects = due(
        row(rule=SUNDAYS, next_due=datetime(2027, 2, 7, 19, 0, tzinfo=UTC)), datetime(2027, 2, 7, 19, 0, tzinfo=UTC)
    )
    following = datetime(2027, 2, 14, 19, 0, tzinfo=UTC)

    assert only(effects, ChangeReminder).changes["next_due"] == following
    assert only(effects, WakeAt).due == following
    assert only(effects, Post).buttons == ("✅", "💤", "🔕")


def test_three_weeks_down_give_one_catch_up() -> None:
    """However long it was down, it is said once, marked late, and goes on with the next."""
    effects = due(row(rule=SUNDAYS, next_due=datetime(2027, 1, 10, 19, 0, tzinfo=UTC)), NOON)

    assert "late" in only(effects, Post).words.body
    assert only(effects, WakeAt).due == datetime(2027, 2, 7, 19, 0, tzinfo=UTC)


def test_the_clock_change_keeps_the_wall_time() -> None:
    """A reminder at 20:00 stays at 20:00 when summer time begins."""
    before = datetime(2027, 3, 21, 19, 0, tzinfo=UTC)

    assert only(due(row(rule=SUNDAYS, next_due=before), before), WakeAt).due == datetime(2027, 3, 28, 18, 0, tzinfo=UTC)


def test_a_stale_wake_says_nothing() -> None:
    """Where the time was moved meanwhile, the wake is only set right."""
    later = NOON + timedelta(hours=1)

    assert due(row(next_due=later)) == (WakeAt("reminders", "r1", ROOM, later),)
    assert due(row(), key="r1/again") == ()
    assert due(row(again=later), key="r1/again") == (WakeAt("reminders", "r1/again", ROOM, later),)


def test_what_was_said_is_deleted_after_a_week() -> None:
    """The wake after the last one deletes the row; a snooze still to come is waited for."""
    later = NOON + timedelta(hours=1)

    assert due(row(state="fired")) == (DropReminder("r1"),)
    assert due(row(state="fired", again=later)) == (WakeAt("reminders", "r1", ROOM, later + timedelta(days=7)),)


def test_a_snoozed_one_comes_again() -> None:
    """It says that it comes once more, and is not armed again."""
    effects = due(row(state="fired", again=NOON), key="r1/again")

    assert only(effects, Post).words.body.startswith("Once more. Mei, you asked")
    assert only(effects, ChangeReminder).changes == {"again": None, "rings": 0, "fired_at": NOON, "done_at": None}


# ---- taps


def test_done_ticks_it_off_in_place_and_deletes_it() -> None:
    """✅ edits the post, so that nobody is pinged, and nothing of it stays."""
    effects = doing.tapped(row(state="fired", fired_at=NOON), a_tap("✅"))

    assert only(effects, Edit).words.body == "☑ call mum · done"
    assert only(effects, DropReminder).id == "r1"
    assert {effect.key for effect in effects if isinstance(effect, CancelWake)} == {"r1", "r1/again"}


def test_done_on_a_recurring_one_is_for_this_time_only() -> None:
    """It stays armed; a second ✅ does nothing more."""
    recurring = row(rule=SUNDAYS, fired_at=NOON, again=NOON)
    changed = only(doing.tapped(recurring, a_tap("✅")), ChangeReminder)

    assert changed.changes == {"done_at": NOON, "again": None, "rings": 0}
    assert doing.tapped(replace(recurring, done_at=NOON), a_tap("✅")) == ()


def test_snooze_is_ten_minutes_and_a_second_tap_does_nothing() -> None:
    """💤 arms the second wake once."""
    effects = doing.tapped(row(state="fired", fired_at=NOON), a_tap("💤"))
    wake = only(effects, WakeAt)

    assert (wake.key, wake.due) == ("r1/again", NOON + timedelta(minutes=10))
    assert "13:10" in body(effects)
    assert doing.tapped(row(state="fired", again=wake.due), a_tap("💤", at=NOON + timedelta(seconds=1))) == ()


def test_the_bell_ends_a_recurring_one() -> None:
    """🔕 deletes it and its wakes."""
    effects = doing.tapped(row(rule=SUNDAYS, fired_at=NOON), a_tap("🔕"))

    assert only(effects, DropReminder)
    assert body(effects) == "Stopped: call mum"


def test_any_other_reaction_is_just_a_reaction() -> None:
    """A heart on a reminder does nothing."""
    assert doing.tapped(row(), a_tap("❤️")) == ()


@pytest.mark.parametrize(
    ("asker", "decides", "private", "expected"),
    [(MEI, False, False, True), (LI, False, False, False), (LI, True, False, True), (LI, True, True, False)],
)
def test_only_its_owner_or_who_decides_may_change_it(
    asker: UserID, decides: bool, private: bool, expected: bool
) -> None:
    """And what is private is its owner's alone."""
    assert expected is doing.may_change(row(private=private), asker, decides=decides)


# ---- commands


def change(
    command: str, argument: str, rows: Sequence[Reminder], replied: str | None = None, **changes: Any
) -> tuple[Effect, ...]:
    """Say `cancel`, `done` or `snooze`."""
    call = a_call(command, argument, **changes)
    return doing.change(call, doing.visible(call, rows), replied, NOON)


@pytest.mark.parametrize("words", ["all", "all reminders", "all of my reminders", "everything", "所有提醒", "全部"])
def test_all_of_ones_own_are_cancelled_at_once_and_named(words: str) -> None:
    """What others set stays."""
    rows = [row(), row(id="r2", number=2, text="bins"), row(id="r3", number=3, owner=LI, text="Li's", for_room=True)]

    effects = doing.change(replace(a_call("cancel", words), asker=MEI), rows, None, NOON - timedelta(hours=1))

    assert [each.id for each in effects if isinstance(each, DropReminder)] == ["r1", "r2"]
    assert body(effects).splitlines()[1:] == ["• call mum", "• bins"]


@pytest.mark.parametrize(
    "words", ["remind Mei tomorrow at 9 to call mum", "remind @mei:home.example tomorrow at 9 to call mum"]
)
def test_who_says_their_own_name_means_themselves(words: str) -> None:
    """It is for nobody else, and their name is no part of what is to be done."""
    effects = decide.remind(replace(asked(words), asker=MEI), NOTHING, NOON, {LI: "Li"}, ("Mei", MEI))

    new = only(effects, AddReminder).reminder
    assert (new.text, new.for_room) == ("call mum", False)


def test_cancel_by_number_by_reply_and_where_there_is_one() -> None:
    """All three say which one went."""
    rows = (row(next_due=NOON + timedelta(days=1)), row(id="r2", number=2, text="bins", owner=LI))

    for effects in (change("cancel", "1", rows), change("cancel", "", rows, "r1"), change("cancel", "", rows)):
        assert only(effects, DropReminder).id == "r1"
        assert body(effects) == "Cancelled: call mum"


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("2", (2, "")),
        ("no. 2", (2, "")),
        ("#12", (12, "")),
        ("第二条", (2, "")),
        ("第 2 条", (2, "")),
        ("2条", (2, "")),
        ("2 1 hour", (2, "1 hour")),
        ("2 一小时", (2, "一小时")),
        ("1小时", (None, "1小时")),
        ("until 9", (None, "until 9")),
        ("", (None, "")),
    ],
)
def test_numbers_as_people_say_them(argument: str, expected: tuple[int | None, str]) -> None:
    """A number names a reminder, a length of time does not."""
    assert expected == words.read_number(argument)


def test_someone_elses_is_refused_kindly_and_a_private_one_does_not_exist() -> None:
    """One kind line, and no word of what is private."""
    assert "someone else's" in body(change("cancel", "1", (row(),), asker=LI))
    assert only(change("cancel", "1", (row(),), asker=LI, decides=True), DropReminder)
    assert "no reminder with that number" in body(change("cancel", "1", (row(private=True),), asker=LI, decides=True))
    assert "Which one?" in body(change("cancel", "", ()))


def test_done_without_a_number_means_the_last_one_said() -> None:
    """The one people just saw."""
    rows = (
        row(state="fired", fired_at=NOON - timedelta(hours=1)),
        row(id="r2", number=2, text="bins", state="fired", fired_at=NOON),
    )

    assert only(change("done", "", rows), DropReminder).id == "r2"


@pytest.mark.parametrize(
    ("argument", "minutes"),
    [
        ("1", 10),
        ("1 1 hour", 60),
        ("1 in 2 hours", 120),
        ("1 for 30 minutes", 30),
        ("1 一小时", 60),
        ("1 半小时后", 30),
    ],
)
def test_snooze_until_when(argument: str, minutes: int) -> None:
    """A length or a time; nothing said is ten minutes."""
    wake = only(change("snooze", argument, (row(state="fired", fired_at=NOON),)), WakeAt)

    assert wake.due == NOON + timedelta(minutes=minutes)


def test_snooze_moves_one_that_is_still_to_come() -> None:
    """A length counts from its own time, and both times are said; words that say no time are asked about."""
    ahead = row(next_due=NOON + timedelta(minutes=5))

    assert only(change("snooze", "1 1 hour", (ahead,)), ChangeReminder).changes == {
        "next_due": NOON + timedelta(minutes=65)
    }
    assert "Until when?" in body(change("snooze", "1 blue", (ahead,)))


def test_a_list_links_each_number_to_its_request() -> None:
    """The next one first; a rhythm is said as one; the room's own are marked."""
    rows = (
        row(next_due=NOON + timedelta(hours=20)),
        row(id="r2", number=2, text="bins", rule=SUNDAYS, for_room=True, owner=LI),
    )
    words = decide.show(decide.shown_in(rows, MEI), a_room(), "en", NOON)

    assert words.body.split("\n") == [
        "Reminders:",
        "1. tomorrow (Tue 2 Feb) 09:00 · call mum",
        "2. every Sunday at 20:00 · bins · for everyone",
    ]
    assert 'href="https://matrix.to/#/!family/$asked?via=home.example">1</a>' in (words.html or "")
    assert decide.shown_in((row(owner=LI),), MEI) == ()
    assert "No reminders here" in decide.show((), a_room(), "en", NOON).body


@pytest.mark.parametrize(
    ("rule", "en", "zh"),
    [
        (SUNDAYS, "every Sunday at 20:00", "每周日 20:00"),
        (Rule(Repeat.DAYS, time(9), BERLIN), "every day at 09:00", "每天 09:00"),
        (Rule(Repeat.DAYS, time(9), BERLIN, NOON.date(), 2), "every 2 days at 09:00", "每 2 天 09:00"),
        (Rule(Repeat.WEEKS, time(9), BERLIN, weekdays=frozenset(range(5))), "on weekdays at 09:00", "工作日 09:00"),
        (
            Rule(Repeat.WEEKS, time(9), BERLIN, NOON.date(), 2, frozenset({0})),
            "every 2 weeks on Monday at 09:00",
            "每 2 周的周一 09:00",
        ),
        (Rule(Repeat.MONTHS, time(9), BERLIN, day=31), "every month on day 31 at 09:00", "每月 31 号 09:00"),
        (Rule(Repeat.YEARS, time(9), BERLIN, day=3, month=5), "every year on 3 May at 09:00", "每年 5 月 3 日 09:00"),
    ],
)
def test_rhythms_in_words(rule: Rule, en: str, zh: str) -> None:
    """Each kind of rule reads naturally in both languages."""
    assert (en, zh) == (strings.rule_words(rule, "en"), strings.rule_words(rule, "zh"))


def test_every_sentence_has_both_languages_and_a_kind_tone() -> None:
    """No sentence scolds, and each has its twin."""
    for name, value in vars(strings).items():
        sentence = cast("dict[str, object]", value)
        if name.isupper() and isinstance(value, dict) and set(sentence) & {"en", "zh"}:
            assert set(sentence) == {"en", "zh"}, name
            assert not [word for word in ("请勿", "必须", "您", "must ") if word in f"{sentence}"], name


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ("Can you remind me tomorrow at 9 to call mum?", "call mum"),
        ("could you please remind me tomorrow at 9 to call mum, please", "call mum"),
        ("tomorrow at 9 can you remind me to call mum", "call mum"),
        ("I want you to remind me at 21:00 to say thanks", "say thanks"),
        ("remind me in 10 minutes to put the oven on", "put the oven on"),
        ("remind me to put the oven on at 21:00", "put the oven on"),
        ("remind me to turn the light on tomorrow", "turn the light on"),
        ("remind me to take the bins out on Friday", "take the bins out"),
        ("你能不能提醒我明天九点买菜吗", "买菜"),
        ("明天九点你可以提醒我买菜吗？", "买菜"),
        ("明天九点提醒我买菜好吗", "买菜"),
        ("能不能明天九点提醒我买菜，谢谢", "买菜"),
        ("明天九点提醒我问他来不来吗", "问他来不来吗"),
    ],
)
def test_what_makes_a_request_polite_is_not_what_is_to_be_done(words: str, task: str) -> None:
    assert only(decide.remind(asked(words, zone=BERLIN), NOTHING, NOON), AddReminder).reminder.text == task


PEOPLE = {UserID(f"@p{at}:home.example"): name for at, name in enumerate(("Joe", "小乔", "Mei"))}


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ("remind Joe tomorrow at 9 to bring salad", "Joe: bring salad", "I'll remind Joe here tomorrow"),
        ("can you remind @Joe to bring salad tomorrow at 9?", "Joe: bring salad", "I'll remind Joe here tomorrow"),
        ("明天九点提醒小乔带沙拉", "小乔：带沙拉", "在这里提醒小乔：带沙拉"),
        ("remind joel tomorrow at 9 to sing", "joel to sing", "I'll remind you"),
    ],
)
def test_one_for_somebody_of_the_room_is_said_there_to_them_by_name(words: str, text: str, said: str) -> None:
    language: Language = "en" if words.isascii() else "zh"
    effects = decide.remind(asked(words, zone=BERLIN, language=language), NOTHING, NOON, PEOPLE)
    new = only(effects, AddReminder).reminder
    assert (new.text, new.for_room) == (text, not text.startswith("joel"))
    assert said in body(effects)
