"""The digest: when it comes, what stands in it, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

import pytest

from circles.core.call import Remake, Said, Tap
from circles.core.coming import Coming, Confirmed
from circles.core.effects import CancelWake, Effect, Post, Private, WakeAt
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.permitted import Talk
from circles.core.schedule import Repeat, Rule
from circles.core.settings import Settings
from circles.features.digest import decide, strings
from circles.features.digest.decide import (
    Contents,
    Digest,
    DropDigest,
    NextDigest,
    Point,
    SaveDigest,
    Span,
    TouchDigest,
)
from circles.testing import NOON, ROOM, a_call, a_room, said
from circles_policies.model import Policy, Preset, Reach, preset

BERLIN = "Europe/Berlin"
MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
NAMES = {MEI: "Mei", LI: "Li"}
DAILY = Rule(Repeat.DAYS, time(20, 0), BERLIN)
TONIGHT = datetime(2027, 2, 1, 19, 0, tzinfo=UTC)
TALK = Contents(points=(Point("We eat at six", (Source(EventID("$six"), LI),), "Li"),))


def row(**changes: Any) -> Digest:
    """Make a daily digest that is due tonight."""
    return replace(Digest(ROOM, MEI, DAILY, BERLIN, TONIGHT, TONIGHT - timedelta(days=1)), **changes)


def only(effects: Sequence[Effect], kind: type[Any]) -> Any:
    """Return the one effect of a type."""
    found = [effect for effect in effects if isinstance(effect, kind)]

    assert len(found) == 1, effects

    return found[0]


def a_tap(key: str, asker: UserID = LI, *, subject: str = "", decides: bool = False) -> Tap:
    """Tap the digest's post."""
    post = Said(
        EffectID("e1"), EventID("$post"), "digest", "digest", subject, ROOM, ROOM, None, None, None, None, "en", "final"
    )
    return Tap(a_room(), asker, EventID("$tap"), NOON, key, post, "en", decides)


# ---- setting it


@pytest.mark.parametrize(
    ("words", "days", "at"),
    [
        pytest.param("digest daily at 20:00", "", "20:00", id="daily"),
        pytest.param("digest daily", "", "20:00", id="daily, no time"),
        pytest.param("digest every day at 7pm", "", "19:00", id="every day"),
        pytest.param("digest at 21:00", "", "21:00", id="a time alone is daily"),
        pytest.param("digest weekly on Sunday at 18:00", "6", "18:00", id="weekly"),
        pytest.param("digest weekly", "6", "18:00", id="weekly, nothing else"),
        pytest.param("digest weekly at 17:00", "6", "17:00", id="weekly, no day"),
        pytest.param("digest weekly on Friday", "4", "18:00", id="weekly, no time"),
        pytest.param("digest every Friday at 17:00", "4", "17:00", id="every Friday"),
        pytest.param("日报 每天晚上八点", "", "20:00", id="zh daily"),
        pytest.param("日报 晚上九点", "", "21:00", id="zh daily, time alone"),
        pytest.param("日报 每天", "", "20:00", id="zh daily, no time"),
        pytest.param("周报 每周日下午六点", "6", "18:00", id="zh weekly"),
        pytest.param("周报 周五晚上七点", "4", "19:00", id="zh weekly, bare day"),
        pytest.param("周报", "6", "18:00", id="zh weekly, nothing else"),
        pytest.param("摘要 每天晚上八点", "", "20:00", id="zh digest"),
    ],
)
def test_the_rhythm_is_read(words: str, days: str, at: str) -> None:
    """Daily or weekly, the day and the time, in both languages; what is missing has a default."""
    call = a_call("digest", words.partition(" ")[2], decides=True)
    call = replace(call, whole=call.whole.part(words))
    effects = decide.configure(call, None, NAMES, NOON)
    new = only(effects, SaveDigest).digest

    assert (new.rule.repeat, sorted(new.rule.weekdays)) == (
        Repeat.WEEKS if days else Repeat.DAYS,
        [int(day) for day in days],
    )
    assert f"{new.rule.at:%H:%M}" == at
    assert only(effects, WakeAt).due == new.next_due
    assert (new.host, new.last_sent) == (MEI, NOON)


@pytest.mark.parametrize(
    "words",
    [
        "digest blue",
        "digest every 3 days at 9:00",
        "digest weekly on blue",
        "digest daily at 6",
        "digest hourly",
        "digest every hour",
        "digest daily 99:99",
        "digest daily at 25:00",
        "日报 99:99",
        "摘要 每小时",
        "周报 周八",
    ],
)
def test_what_is_not_understood_is_said(words: str) -> None:
    """One sentence with two examples, nothing set."""
    call = a_call("digest", words.partition(" ")[2], decides=True)

    (post,) = decide.configure(replace(call, whole=call.whole.part(words)), None, NAMES, NOON)

    assert isinstance(post, Post)
    chinese = call.language == "zh"
    example = "“日报 每天晚上八点”" if chinese else "“digest daily at 20:00”"
    assert post.words.body.startswith("时间我没听懂。" if chinese else "I didn't get the time.")
    assert example in post.words.body


def test_only_who_decides_sets_or_ends_it() -> None:
    """Others get one kind line; anyone may ask how it is set."""
    for argument in ("daily at 20:00", "off"):
        (post,) = decide.configure(a_call("digest", argument), row(), NAMES, NOON)
        assert isinstance(post, Post)
        assert "works for everyone" in post.words.body
    (state,) = decide.configure(a_call("digest"), row(), NAMES, NOON)
    assert isinstance(state, Post)
    assert "every day at 20:00 (Europe/Berlin), asked for by Mei" in state.words.body
    (none,) = decide.configure(a_call("digest", language="zh"), None, NAMES, NOON)
    assert isinstance(none, Post)
    assert "这里还没有摘要" in none.words.body


@pytest.mark.parametrize("argument", ["off", "关"])
def test_off_ends_it(argument: str) -> None:
    """The row and its wake go; off twice is off."""
    effects = decide.configure(a_call("digest", argument, decides=True), row(), NAMES, NOON)

    assert only(effects, DropDigest).room_id == ROOM
    assert only(effects, CancelWake).key == ROOM
    assert len(decide.configure(a_call("digest", argument, decides=True), None, NAMES, NOON)) == 1


def test_without_any_zone_it_asks() -> None:
    """A time without a place is no time."""
    call = a_call("digest", "daily at 20:00", decides=True, zone=None, room=a_room(zone=None))

    (post,) = decide.configure(call, None, NAMES, NOON)

    assert isinstance(post, Post)
    assert "room zone Berlin" in post.words.body


# ---- its hour


def test_nothing_new_nothing_sent() -> None:
    """It only waits for the next time, which then covers this span too."""
    effects = decide.fire(row(), a_room(), Contents(withheld=True), NAMES, TONIGHT)

    assert len(effects) == 2
    assert only(effects, WakeAt).due == TONIGHT + timedelta(days=1)
    assert only(effects, NextDigest) == NextDigest(ROOM, TONIGHT + timedelta(days=1))


@pytest.mark.parametrize(("days", "sent"), [(0.5, True), (3, False)])
def test_a_date_is_news_when_no_later_digest_can_announce_it(days: float, sent: bool) -> None:
    """What comes before the next digest is told; what comes later alone is not worth a post yet."""
    contents = Contents(coming=(Coming(TONIGHT + timedelta(days=days), "dentist"),))
    effects = decide.fire(row(), a_room(), contents, NAMES, TONIGHT)

    assert sent is any(isinstance(effect, Post) for effect in effects)


def test_all_that_is_in_it_is_linked_and_named() -> None:
    """What comes, what was confirmed, what was said; each with its link, in its host's name, pinging nobody."""
    contents = Contents(
        coming=(Coming(TONIGHT + timedelta(hours=13), "dentist", Source(EventID("$d"), LI), LI),),
        confirmed=(Confirmed(NOON, "We meet on Sunday", Source(EventID("$c"), MEI)),),
        points=TALK.points,
        withheld=True,
    )
    post = only(decide.fire(row(), a_room(), contents, NAMES, TONIGHT), Post)

    assert post.words.body.splitlines() == [
        "Digest · since yesterday (Sun 31 Jan) 20:00",
        "Coming up",
        "☐ tomorrow (Tue 2 Feb) 09:00 · dentist (Li) [1] (https://matrix.to/#/!family/$d?via=home.example)",
        "Confirmed",
        "☑ We meet on Sunday [2] (https://matrix.to/#/!family/$c?via=home.example)",
        "Talked about",
        "• Li: We eat at six [3] (https://matrix.to/#/!family/$six?via=home.example)",
        "Quoted, without a model.",
        "Some messages were kept out.",
        "Asked for by Mei.",
    ]
    assert [source.event_id for source in post.sources] == ["$d", "$c", "$six"]
    assert (post.ping, post.text, post.buttons, post.unasked) == ((), False, ("👍",), False)


def test_in_chinese() -> None:
    """The digest speaks the language it was set in."""
    post = only(decide.fire(row(language="zh"), a_room(), replace(TALK, model="m"), NAMES, TONIGHT), Post)

    assert post.words.body.startswith("摘要 · 昨天（1月31日 周日）20:00 以来\n聊到的")
    assert "由模型写成" in post.words.body
    assert post.words.body.endswith("Mei 让我发的。")
    assert post.mark == {"model": "m"}


def test_after_downtime_one_catch_up_marked_late() -> None:
    """Three days down give one digest over all of them, and the next at its usual time."""
    now = TONIGHT + timedelta(days=3, minutes=30)
    effects = decide.fire(row(), a_room(), TALK, NAMES, now)

    assert "(late: was due Mon 1 Feb 20:00)" in only(effects, Post).words.body
    assert only(effects, NextDigest).sent == now
    assert only(effects, WakeAt).due == TONIGHT + timedelta(days=4)


def test_summer_time_keeps_its_hour() -> None:
    """20:00 stays 20:00 across the clock change."""
    before = datetime(2027, 3, 27, 19, 0, tzinfo=UTC)

    assert decide.following(row(), before) == datetime(2027, 3, 28, 18, 0, tzinfo=UTC)


def test_untouched_three_times_it_asks_once_and_then_ends() -> None:
    """The fourth asks; if nobody touches that either, it ends with one sentence."""
    current = row()
    posts: list[Post] = []
    for night in range(4):
        now = TONIGHT + timedelta(days=night)
        assert decide.given_up(current, host_left=False) == ()
        effects = decide.fire(current, a_room(), TALK, NAMES, now)
        posts.append(only(effects, Post))
        moved = only(effects, NextDigest)
        question = "asked" if moved.asks else current.question
        current = replace(current, next_due=moved.next_due, untouched=current.untouched + 1, question=question)

    assert [post.subject for post in posts] == ["", "", "", "asks"]
    assert posts[-1].buttons == ("✅", "❌")
    assert "Do you still want" in posts[-1].words.body
    ended = decide.given_up(current, host_left=False)
    assert only(ended, DropDigest)
    assert "brings it back" in only(ended, Post).words.body


def test_it_ends_with_its_host() -> None:
    """Nothing comes in the name of someone who is gone."""
    assert "has left" in only(decide.given_up(row(), host_left=True), Post).words.body


# ---- taps


def test_any_touch_counts_and_a_second_one_does_nothing() -> None:
    """A reaction of anyone, whichever it is."""
    assert decide.tapped(row(untouched=2), a_tap("❤️")) == (TouchDigest(ROOM, wanted=False),)
    assert decide.tapped(row(), a_tap("👍")) == ()


def test_keep_keeps_it_and_it_is_not_asked_again() -> None:
    """✅ on the question by anyone; three more untouched ones ask nothing."""
    asked = row(untouched=4, question="asked")
    effects = decide.tapped(asked, a_tap("✅", subject="asks"))
    kept = replace(asked, untouched=0, question="kept")

    assert only(effects, TouchDigest).wanted
    assert "goes on" in only(effects, Post).words.body
    assert decide.tapped(kept, a_tap("✅", subject="asks")) == ()
    later = decide.fire(replace(kept, untouched=7), a_room(), TALK, NAMES, TONIGHT)
    assert only(later, Post).subject == ""
    assert decide.given_up(replace(kept, untouched=8), host_left=False) == ()


def test_stop_ends_it() -> None:
    """❌ on the question; its host may, and who decides."""
    effects = decide.tapped(row(question="asked"), a_tap("❌", MEI, subject="asks"))

    assert only(effects, DropDigest)
    assert decide.may_end(row(), a_tap("❌", MEI))
    assert decide.may_end(row(), a_tap("❌", LI, decides=True))
    assert not decide.may_end(row(), a_tap("❌", LI))


# ---- what may stand in it


@pytest.mark.parametrize(
    ("policy", "speaks", "by_itself", "called"),
    [
        (None, False, False, False),
        (preset(Preset.RESTING), False, False, False),
        (preset(Preset.ADDRESSED), True, False, False),
        (preset(Preset.ON_CALL), True, False, True),
        (preset(Preset.AGREED), True, False, True),
        (preset(Preset.NOTEBOOK), True, True, True),
    ],
)
def test_the_policy_says_what_may_stand_in_it(
    policy: Policy | None, speaks: bool, by_itself: bool, called: bool
) -> None:
    """Resting says nothing; where talk is looked at when called, a digest that comes by itself looks at none."""
    assert decide.may_speak(policy) is speaks
    assert decide.looks_at_talk(policy, called=False) is by_itself
    assert decide.looks_at_talk(policy, called=True) is called


@pytest.mark.parametrize(
    ("allowed", "model", "expected"),
    [
        (Reach.NONE, Reach.LOCAL, False),
        (Reach.LOCAL, Reach.LOCAL, True),
        (Reach.LOCAL, Reach.LISTED, False),
        (Reach.LISTED, Reach.LISTED, True),
        (Reach.LISTED, Reach.NONE, False),
    ],
)
def test_a_model_only_as_far_as_the_room_sends(allowed: Reach, model: Reach, expected: bool) -> None:
    """A model further away than the room lets words go is not asked."""
    settings = Settings(UserID("@circle:home.example"), "home.example", reach=model)
    assert expected is settings.may_send(preset(Preset.ON_CALL, allowed))
    assert not settings.may_send(preset(Preset.ON_CALL, allowed, "another"))


def test_a_models_points_need_their_messages() -> None:
    """A number outside the window does not count; a point without any is dropped."""
    messages = [said(LI, "six it is"), said(MEI, "fine")]
    data = {
        "points": [
            {"text": "They eat at six", "messages": [1, 2, 1, 9]},
            {"text": "They fly to Mars", "messages": [7]},
            {"text": "", "messages": [1]},
        ]
    }

    assert decide.written(data, messages) == (Point("They eat at six", (messages[0].source, messages[1].source)),)
    assert decide.written(None, messages) == ()


def test_only_the_span_is_in_it() -> None:
    """A digest made again covers what the first one covered, however much was said since."""
    span = Span(NOON, NOON + timedelta(hours=2), BERLIN, "en", MEI)
    inside = said(LI, "in", NOON)
    talk = Talk(
        (said(LI, "before", NOON - timedelta(hours=1)), inside, said(LI, "after", NOON + timedelta(hours=2))), True
    )

    assert decide.within(talk, span) == Talk((inside,), True)
    assert Span.from_json(span.to_json(), "en") == span


# ---- again


def a_remake(**changes: Any) -> Remake:
    """Ask for a digest again."""
    span = Span(NOON - timedelta(days=1), NOON, BERLIN, "en", MEI)
    post = Said(
        EffectID("e1"),
        EventID("$post"),
        "digest",
        "digest",
        "asks",
        ROOM,
        ROOM,
        None,
        None,
        None,
        {**span.to_json(), "asks": True},
        "en",
        "final",
    )
    return Remake(a_room(), replace(post, **changes), None, NOON)


def test_it_is_said_again_if_anything_is_left() -> None:
    """The new post says what it is and keeps the question; nothing left is silence."""
    span = Span(NOON - timedelta(days=1), NOON, BERLIN, "en", MEI)
    post = only(decide.again(a_remake(), TALK, span, NAMES), Post)

    assert post.words.body.startswith("Posted again: something in it was taken back or changed.\nDigest")
    assert (post.subject, post.buttons) == ("asks", ("✅", "❌"))
    assert decide.again(a_remake(), Contents(), span, NAMES) == ()
    asked = a_remake(room_id=RoomID("!dm"), asker=MEI, answers=EventID("$q"))
    assert only(decide.again(asked, TALK, span, NAMES), Private).user_id == MEI


def test_no_sentence_scolds() -> None:
    """Short, warm, in both languages."""
    for name, value in vars(strings).items():
        sentence = cast("dict[str, object]", value)
        if name.isupper() and isinstance(value, dict):
            assert {"en", "zh"} == set(sentence), name
            assert not [word for word in ("请勿", "必须", "您", "must ") if word in f"{sentence}"], name
