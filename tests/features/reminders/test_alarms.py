"""Alarms, pauses, quiet hours and limits: what an hour brings, and what people may do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circles.core.call import Call, Fire, Said, Tap
from circles.core.effects import CancelWake, Effect, Post, Private, WakeAt
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.quiet import Quiet
from circles.core.schedule import Repeat, Rule, next_fire
from circles.features.reminders import change, decide, words
from circles.features.reminders.decide import MAX_ALARMS, MAX_PERSON, MAX_ROOM, MAX_WAITING, Around
from circles.features.reminders.fire import fire
from circles.features.reminders.values import (
    MOST_RINGS,
    RING_EVERY,
    AddPending,
    AddReminder,
    ChangeReminder,
    DropReminder,
    RememberQuiet,
    Reminder,
)
from circles.testing import NOON, ROOM, a_call, a_room

BERLIN = "Europe/Berlin"
MEI, LI = UserID("@mei:home.example"), UserID("@li:far.example")
DAILY = Rule(Repeat.DAYS, time(13), BERLIN)
NIGHT = Quiet(time(22), time(8), BERLIN)
MINUTE = timedelta(minutes=1)


def row(**changes: Any) -> Reminder:
    """Make an alarm of Mei's that is due at noon UTC."""
    once = Rule(Repeat.ONCE, time(13), BERLIN, start=NOON.date())
    base = Reminder("r1", 1, ROOM, MEI, "pills", once, BERLIN, NOON, EventID("$asked"), NOON, alarm=True)
    return replace(base, **changes)


def asked(said: str, command: str = "alarm", **changes: Any) -> Call:
    """Make a call whose whole words are `said`."""
    call = a_call(command, said)
    whole = call.whole.part(said)
    return replace(call, **{"whole": whole, "argument": whole, **changes})


def applied(reminder: Reminder, effects: Sequence[Effect]) -> Reminder | None:
    """Return the row after its effects."""
    if any(isinstance(effect, DropReminder) for effect in effects):
        return None
    for effect in effects:
        if isinstance(effect, ChangeReminder):
            reminder = replace(reminder, **effect.changes)  # type: ignore[arg-type]  # fields by name
    return reminder


def bodies(effects: Sequence[Effect]) -> list[str]:
    """Return what is said."""
    posts = [effect.post if isinstance(effect, Private) else effect for effect in effects]
    return [post.words.body for post in posts if isinstance(post, Post)]


def tap(key: str, at: datetime, asker: UserID = MEI) -> Tap:
    """Tap a post of the alarm."""
    subject = ("e1", "$post", "reminder", "reminders", "r1", ROOM, ROOM, None, None, None, None, "en", "final")
    return Tap(a_room(), asker, EventID("$tap"), at, key, Said(*subject), "en", decides=False)  # type: ignore[arg-type]


class Night:
    """Lets the wakes of one reminder fire as time goes by, on its row alone."""

    def __init__(self, reminder: Reminder, quiet: Quiet | None = None, *, direct: bool = False) -> None:
        self.row: Reminder | None = reminder
        self.quiet = quiet
        self.room = a_room(direct=direct)
        self.wakes: dict[str, datetime] = {reminder.id: reminder.next_due}
        self.said: list[tuple[datetime, str]] = []

    def do(self, effects: Sequence[Effect], now: datetime) -> None:
        """Carry effects out."""
        if self.row is not None:
            self.row = applied(self.row, effects)
        for effect in effects:
            if isinstance(effect, WakeAt):
                self.wakes[effect.key] = effect.due
            if isinstance(effect, CancelWake):
                self.wakes.pop(effect.key, None)
        self.said += [(now, body) for body in bodies(effects)]

    def until(self, end: datetime, *, down_until: datetime | None = None) -> None:
        """Fire what is due until `end`; while it was down nothing fires."""
        while self.row is not None and self.wakes:
            key, due = min(self.wakes.items(), key=lambda item: item[1])
            now = max(due, down_until or due)
            if now > end:
                return
            del self.wakes[key]
            self.do(fire(self.row, "Mei", Fire(self.room, key, {}, due, now), self.quiet), now)


# ---- until it is silenced


@pytest.mark.parametrize(
    ("said", "text", "for_room", "private"),
    [
        ("alarm tomorrow at 7: get up", "get up", False, False),
        ("set an alarm for everyone on Friday at 6:30am to leave", "leave", True, False),
        ("keep reminding me tomorrow at 7:15 to take the pills", "take the pills", False, False),
        ("alarm me privately tomorrow at 7: pills", "pills", False, True),
        ("alarm tomorrow at 7", "it's time", False, False),
        ("闹钟 明早七点 起床", "起床", False, False),
        ("明天早上七点设个闹钟", "时间到了", False, False),
        ("明天早上七点一直提醒大家集合", "集合", True, False),
    ],
)
def test_an_alarm_is_read(said: str, text: str, for_room: bool, private: bool) -> None:
    """When, what and for whom, in both languages; without words it says that it is time."""
    language: Language = "en" if said.isascii() else "zh"
    new = next(
        effect.reminder
        for effect in decide.remind(asked(said, language=language), Around(), NOON)
        if isinstance(effect, AddReminder)
    )

    assert (new.text, new.for_room, new.private, new.alarm) == (text, for_room, private, True)


def test_it_rings_every_few_minutes_and_not_for_ever() -> None:
    """The last time it says that it is the last."""
    night = Night(row())
    night.until(NOON + timedelta(hours=5))

    assert [at for at, _ in night.said] == [NOON + n * RING_EVERY for n in range(MOST_RINGS)]
    assert [body for _, body in night.said][:-1] == ["⏰ Mei: pills"] * (MOST_RINGS - 1)
    assert night.said[-1][1] == "⏰ Mei: pills (I stop ringing now)"
    assert night.row is not None
    assert (night.row.state, night.row.again, night.row.rings) == ("fired", None, 0)


@pytest.mark.parametrize("key", ["🔕", "✅"])
def test_a_tap_ends_it_and_a_second_one_does_nothing_more(key: str) -> None:
    """Of one that rings once nothing stays."""
    night = Night(row())
    night.until(NOON + 7 * MINUTE)
    assert night.row is not None
    effects = change.tapped(night.row, tap(key, NOON + 8 * MINUTE))
    night.do(effects, NOON + 8 * MINUTE)
    night.until(NOON + timedelta(days=9))

    assert night.row is None
    assert len([at for at, _ in night.said if at != NOON + 8 * MINUTE]) == 2


def test_silenced_a_recurring_one_rings_again_at_its_next_time() -> None:
    """The answer says when; a second tap is silent."""
    night = Night(row(rule=DAILY))
    night.until(NOON + MINUTE)
    assert night.row is not None
    effects = change.tapped(night.row, tap("🔕", NOON + 2 * MINUTE))
    night.do(effects, NOON + 2 * MINUTE)
    assert bodies(effects) == ["Quiet now: pills\nIt rings again tomorrow (Tue 2 Feb) 13:00. “cancel 1” ends it."]
    assert night.row is not None
    assert change.tapped(night.row, tap("🔕", NOON + 3 * MINUTE)) == ()

    night.until(NOON + timedelta(hours=24))
    assert [at for at, body in night.said if "⏰" in body] == [NOON, NOON + timedelta(days=1)]


def test_a_snooze_is_ten_minutes_of_silence_and_then_it_rings_again() -> None:
    """A second tap within them does not push it further away."""
    night = Night(row())
    night.until(NOON + MINUTE)
    assert night.row is not None
    night.do(change.tapped(night.row, tap("💤", NOON + 2 * MINUTE)), NOON + 2 * MINUTE)
    assert change.tapped(night.row, tap("💤", NOON + 3 * MINUTE)) == ()
    night.until(NOON + 18 * MINUTE)

    rings = [at for at, body in night.said if "⏰" in body]
    assert rings == [NOON, NOON + 12 * MINUTE, NOON + 17 * MINUTE]


def test_a_missed_alarm_is_said_once_and_does_not_ring() -> None:
    """Nobody sleeps through what comes hours late."""
    night = Night(row())
    night.until(NOON + timedelta(days=1), down_until=NOON + timedelta(hours=3))

    assert [body for _, body in night.said] == ["⏰ Mei: pills (late: was due 13:00)"]


@settings(deadline=None)
@given(
    st.integers(0, 40 * 1440),
    st.booleans(),
    st.none() | st.integers(-3000, 3000),
    st.sampled_from([DAILY, Rule(Repeat.WEEKS, time(13), BERLIN, weekdays=frozenset({0, 3}))]),
)
def test_however_long_it_was_down_there_is_one_message(
    minutes: int, alarm: bool, again: int | None, rule: Rule
) -> None:
    """With a snooze or ring due besides or not; then it goes on in its rhythm."""
    back = NOON + minutes * MINUTE
    snoozed = None if again is None else NOON + again * MINUTE
    night = Night(row(rule=rule, alarm=alarm, again=snoozed, rings=0))
    if snoozed is not None:
        night.wakes["r1/again"] = snoozed
    night.until(back, down_until=back)

    due_alone = snoozed is not None and snoozed > NOON
    assert len(night.said) == 1 or (due_alone and snoozed is not None and back < snoozed)
    assert night.row is not None
    assert night.row.next_due == next_fire(rule, back)
    assert ("late" in night.said[0][1]) == (minutes > 2)


# ---- quiet hours


def test_what_is_due_in_the_quiet_hours_comes_when_they_end() -> None:
    """It says what it was held for, and not that it is late."""
    late_evening = datetime(2027, 2, 1, 22, 30, tzinfo=UTC)
    night = Night(row(alarm=False, next_due=late_evening), NIGHT)
    night.until(NOON + timedelta(days=2))

    said = "Mei, you asked me to remind you: pills (held for the quiet hours: was due yesterday (Mon 1 Feb) 23:30)"
    assert night.said == [(datetime(2027, 2, 2, 7, tzinfo=UTC), said)]


def test_an_alarm_stops_ringing_where_the_quiet_hours_begin() -> None:
    """In a room; it does not go on in the morning."""
    evening = datetime(2027, 2, 1, 20, 50, tzinfo=UTC)
    night = Night(row(next_due=evening), NIGHT)
    night.until(NOON + timedelta(days=2))

    assert [at for at, _ in night.said] == [evening, evening + 5 * MINUTE]


@pytest.mark.parametrize("private", [True, False])
def test_an_alarm_in_private_is_there_to_wake(private: bool) -> None:
    """Quiet hours do not hold it: asked for in the room and said in private, or all in private."""
    early = datetime(2027, 2, 2, 5, tzinfo=UTC)
    night = Night(row(next_due=early, private=private), NIGHT, direct=not private)
    night.until(early + 6 * MINUTE)

    assert len(night.said) == 2


def test_a_snooze_into_the_quiet_hours_waits_for_their_end() -> None:
    """And comes once."""
    night = Night(row(alarm=False, state="fired", again=datetime(2027, 2, 1, 22, tzinfo=UTC)), NIGHT)
    night.wakes = {"r1/again": datetime(2027, 2, 1, 22, tzinfo=UTC)}
    night.until(NOON + timedelta(days=2))

    assert [at for at, _ in night.said] == [datetime(2027, 2, 2, 7, tzinfo=UTC)]


def test_setting_one_in_the_quiet_hours_says_when_it_will_come() -> None:
    """So that nobody waits for it at night."""
    call = asked("remind me today at 23:00 to lock up", "remind")

    assert "So" not in bodies(decide.remind(call, Around(), NOON))[0]
    said = bodies(decide.remind(call, Around(quiet=NIGHT), NOON))[0]
    assert said.startswith("I'll remind you today (Mon 1 Feb) 23:00: lock up")
    assert said.endswith("Then it is quiet here, so it will come tomorrow (Tue 2 Feb) 08:00.")


def quiet(argument: str, known: Quiet | None = None, **changes: Any) -> tuple[Effect, ...]:
    """Say `quiet hours`."""
    return change.quiet(a_call("quiet", argument, **changes), known)


def test_quiet_hours_are_set_shown_and_ended_by_who_decides() -> None:
    """In a room; in private they are one's own."""
    assert "for an admin to set" in bodies(quiet("22:00 to 8:00"))[0]
    assert "no quiet hours" in bodies(quiet(""))[0]
    assert "22:00 to 08:00 (Europe/Berlin)" in bodies(quiet("", NIGHT))[0]
    for effects in (quiet("10pm to 8", decides=True), quiet("22-8", room=a_room(direct=True))):
        assert [one.quiet for one in effects if isinstance(one, RememberQuiet)] == [NIGHT]
        assert "From 22:00 to 08:00" in bodies(effects)[0]
    ended = quiet("off", NIGHT, decides=True)
    assert [one.quiet for one in ended if isinstance(one, RememberQuiet)] == [None]
    assert "From when until when?" in bodies(quiet("at night", decides=True))[0]
    assert "time zone" in bodies(quiet("22-8", decides=True, zone=None, room=a_room(zone=None)))[0]


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("22:00 to 8:00", "22:00", "08:00"),
        ("from 10 to 7", "22:00", "07:00"),
        ("23:30–06:15", "23:30", "06:15"),
        ("10pm until 7am", "22:00", "07:00"),
        ("noon to 2pm", "12:00", "14:00"),
        ("晚上十点到早上八点", "22:00", "08:00"),
        ("22点到8点", "22:00", "08:00"),
        ("tomorrow to friday", "", ""),
        ("08:00 to 08:00", "", ""),
        ("", "", ""),
    ],
)
def test_quiet_hours_as_people_say_them(said: str, start: str, end: str) -> None:
    """An hour that may be either half of the day begins in the evening and ends in the morning."""
    found = words.read_quiet(said, "UTC")

    assert (("", "") if found is None else (f"{found.start:%H:%M}", f"{found.end:%H:%M}")) == (start, end)


# ---- pause


def command(name: str, argument: str, *rows: Reminder, now: datetime = NOON, **changes: Any) -> tuple[Effect, ...]:
    """Say a word about a reminder."""
    call = a_call(name, argument, **changes)
    return change.change(call, change.visible(call, rows), None, now)


def test_a_paused_one_is_silent_until_it_is_resumed() -> None:
    """Its stale wake says nothing and does not delete it; resumed, it comes at its next time."""
    night = Night(row(rule=DAILY, alarm=False))
    assert night.row is not None
    night.do(command("pause", "1", night.row), NOON - MINUTE)
    assert night.wakes == {}
    assert fire(night.row, "Mei", Fire(a_room(), "r1", {}, NOON, NOON)) == ()

    later = NOON + timedelta(days=3, hours=1)
    effects = command("resume", "", night.row, now=later)
    night.do(effects, later)
    night.until(later + timedelta(days=2))

    assert bodies(effects) == ["It goes on: pills\nNext tomorrow (Fri 5 Feb) 13:00."]
    assert [at for at, body in night.said if "asked" in body] == [NOON + timedelta(days=4), NOON + timedelta(days=5)]


def test_a_pause_until_a_day_ends_by_itself_at_its_beginning() -> None:
    """A day alone is the whole day: what is due that morning comes."""
    early = row(rule=Rule(Repeat.DAYS, time(6), BERLIN), alarm=False, next_due=NOON + timedelta(hours=17))
    effects = command("pause", "1 until Friday", early)

    assert [one.due for one in effects if isinstance(one, WakeAt)] == [datetime(2027, 2, 5, 5, tzinfo=UTC)]
    assert bodies(effects) == ["Paused: pills\nIt comes again Fri 5 Feb 06:00."]
    assert bodies(command("pause", "1 到周五", early, language="zh")) == ["先停着：pills\n下次是2月5日 周五 06:00。"]
    assert "Until when?" in bodies(command("pause", "1 blue", early))[0]


def test_what_passed_while_paused_is_said() -> None:
    """One that comes once is not said late; its owner hears what to do."""
    silent = row(state="paused", alarm=False)

    assert "Its time passed while it was paused" in bodies(command("resume", "1", silent, now=NOON + MINUTE))[0]
    again = command("snooze", "1 1 hour", silent)
    assert [one.due for one in again if isinstance(one, WakeAt)] == [NOON + timedelta(hours=1)]
    assert [one.changes["state"] for one in again if isinstance(one, ChangeReminder)] == ["active"]
    assert "said already" in bodies(command("pause", "1", row(state="fired", fired_at=NOON)))[0]
    assert "not paused" in bodies(command("resume", "1", row(next_due=NOON + MINUTE)))[0]


@pytest.mark.parametrize("name", ["pause", "resume", "cancel", "done", "snooze"])
def test_only_its_owner_or_who_decides_may_touch_it(name: str) -> None:
    """Everyone else gets one kind line and nothing changes."""
    refused = command(name, "1", row(), asker=LI)

    assert len(refused) == 1
    assert "someone else's" in bodies(refused)[0]
    assert len(command(name, "1", row(), asker=LI, decides=True)) >= 1
    assert "someone else's" not in bodies(command(name, "1", row(), asker=LI, decides=True))[0]


def test_the_list_shows_what_is_paused_and_what_is_an_alarm() -> None:
    """A paused one keeps its place."""
    rows = (row(state="paused", rule=DAILY), row(id="r2", number=2, next_due=NOON + MINUTE, text="tea"))
    shown = decide.show(decide.shown_in(rows, MEI), a_room(), "en", NOON).body.splitlines()

    assert shown[1:] == [
        "1. every day at 13:00 · pills · alarm · paused",
        "2. today (Mon 1 Feb) 13:01 · tea · alarm",
    ]


# ---- limits, each with its number and what to do


def many(count: int, **changes: Any) -> tuple[Reminder, ...]:
    """Return so many reminders."""
    ahead = {"next_due": NOON + MINUTE, "alarm": False, **changes}
    return tuple(row(id=f"r{number}", number=number, **ahead) for number in range(1, count + 1))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("said", "around", "number"),
    [
        pytest.param("remind me on 31 December 9999 at 9 to look", Around(), "20", id="the year 9999"),
        pytest.param("提醒我9999年12月31日早上9点看看", Around(), "20", id="the year 9999 in Chinese"),
        pytest.param("remind me in 50 years to look", Around(), "20", id="fifty years"),
        pytest.param("remind me every 900 years on 1 May at 9 to look", Around(), None, id="a rhythm that begins soon"),
        pytest.param("remind me every second to breathe", Around(), "1000|一千", id="every second"),
        pytest.param("remind me every 30 seconds to breathe", Around(), "1000|一千", id="every half minute"),
        pytest.param("提醒我每秒喝水", Around(), "1000|一千", id="every second in Chinese"),
        pytest.param("remind me every 99999 days at 9 to look", Around(), "1000|一千", id="too seldom"),
        pytest.param("remind me on 1 January 2020 at 9 to go back", Around(), "later|晚点", id="the past"),
        pytest.param("remind me on 1 January 10000 at 9 to look", Around(), "Which day|哪天", id="the year 10000"),
        pytest.param("remind me in 99999999 years to look", Around(), "Which day|哪天", id="no such year"),
        pytest.param("remind me tomorrow at 9 to look", Around(many(50)), "50", id="one person in one room"),
        pytest.param(
            "remind me tomorrow at 9 to look",
            Around(many(MAX_PERSON, room_id=RoomID("!other"))),
            str(MAX_PERSON),
            id="one person everywhere",
        ),
        pytest.param("remind me tomorrow at 9 to look", Around(many(MAX_ROOM, owner=LI)), str(MAX_ROOM), id="one room"),
        pytest.param("alarm tomorrow at 9", Around(many(5, alarm=True)), str(MAX_ALARMS), id="alarms"),
        pytest.param(
            "remind me tomorrow at 3 to look", Around(waiting=MAX_WAITING), str(MAX_WAITING), id="waiting for answers"
        ),
    ],
)
def test_each_limit_is_said_with_its_number_and_what_to_do(
    said: str, around: Around, number: str | None, language: Language
) -> None:
    """In both languages, and nothing is kept."""
    command_name = "alarm" if said.startswith("alarm") else "remind"
    effects = decide.remind(asked(said, command_name, language=language), around, NOON)

    if number is None:
        assert any(isinstance(effect, AddReminder) for effect in effects)
        return
    assert not any(isinstance(effect, AddReminder | AddPending | WakeAt) for effect in effects)
    (answer,) = bodies(effects)
    assert any(part in answer for part in number.split("|"))


def test_paused_ones_keep_their_place() -> None:
    """Pausing is no way around the limit."""
    full = many(50, state="paused")

    assert (
        "as many as I can hold"
        in bodies(decide.remind(asked("remind me tomorrow at 9 to look", "remind"), Around(full), NOON))[0]
    )


def test_a_stranger_is_told_once_about_a_reminder_however_often_it_rings() -> None:
    """The key of the kind line is the reminder's, not the post's."""
    one = Said(*("e1", "$p1", "reminder", "reminders", "r1", ROOM, ROOM, None, None, None, None, "en", "final"))  # type: ignore[arg-type]
    two = replace(one, effect_id=EffectID("e2"), event_id=EventID("$p2"))

    assert change.note_key(one, LI) == change.note_key(two, LI)
