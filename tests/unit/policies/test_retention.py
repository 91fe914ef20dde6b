"""`m.room.retention`: what it says, what of that counts for a message, and how the banner tells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    NO_RETENTION,
    Keep,
    Lang,
    Member,
    Policy,
    Preset,
    Read,
    Request,
    Retention,
    Right,
    Scopes,
    Store,
    Surroundings,
    When,
    Who,
    admission,
    banner,
    decide,
    plain,
    preset,
)
from circles_policies.retention import (
    LONGEST_MS,
    MOST_SPANS,
    Span,
    changed,
    current,
    from_rows,
    read_retention,
    retention_at,
    to_rows,
    without_words,
)
from strategies import DAY, instants, junk, requests, retentions

HOUR, MINUTE = 3_600_000, 60_000
NOTEBOOK = preset(Preset.NOTEBOOK)
UNREADABLE = Retention(unreadable=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"max_lifetime": DAY}, Retention(DAY)),
        ({"max_lifetime": 0}, Retention(0)),
        ({"min_lifetime": 3 * DAY}, NO_RETENTION),
        ({"min_lifetime": 3 * DAY, "max_lifetime": DAY}, Retention(DAY)),
        ({}, NO_RETENTION),
        ({"max_lifetime": None}, NO_RETENTION),
        ({"max_lifetime": 2**70}, Retention(LONGEST_MS)),
        ({"max_lifetime": -1}, UNREADABLE),
        ({"max_lifetime": True}, UNREADABLE),
        ({"max_lifetime": 1.5}, UNREADABLE),
        ({"max_lifetime": "30d"}, UNREADABLE),
        ({"max_lifetime": [DAY]}, UNREADABLE),
    ],
)
def test_what_a_room_says_is_read(content: dict[str, object], said: Retention) -> None:
    """The least time means nothing here; an end that nobody can read is none that may be passed over."""
    assert read_retention(content) == said


@given(st.dictionaries(st.just("max_lifetime"), junk))
def test_what_passes_the_gate_reads_the_same_and_holds_no_words(content: dict[str, object]) -> None:
    """People may write words where a number belongs."""
    passed = without_words(content)
    assert read_retention(passed) == read_retention(content)
    assert all(type(value) is int for value in passed.values())


def told(said: list[tuple[int, Retention]]) -> tuple[Span, ...]:
    """Return what a room said over time."""
    spans: tuple[Span, ...] = ()
    for at, retention in sorted(said, key=lambda each: each[0]):
        spans = changed(spans, retention, at)
    return spans


saids = st.lists(st.tuples(instants, retentions), max_size=6)


@given(saids, instants)
def test_of_all_that_a_room_said_since_the_strictest_counts(said: list[tuple[int, Retention]], at: int) -> None:
    """Tighter counts backwards, looser forward only; what is unreadable forbids what was written under it."""
    in_order = sorted(said, key=lambda each: each[0])
    ends = [*(start for start, _ in in_order[1:]), None][: len(in_order)]
    since = [(start, each) for (start, each), end in zip(in_order, ends, strict=True) if end is None or end > at]
    lifetimes = [each.max_lifetime for _, each in since if each.max_lifetime is not None]
    unreadable = any(each.unreadable and start <= at for start, each in since)

    assert retention_at(told(said), at) == Retention(min(lifetimes, default=None), unreadable)
    assert current(told(said)) == (in_order[-1][1] if in_order else NO_RETENTION)


@given(st.lists(st.integers(min_value=0, max_value=60), min_size=MOST_SPANS, max_size=3 * MOST_SPANS), instants)
def test_however_often_it_changes_the_rows_are_few_and_never_looser(lifetimes: list[int], at: int) -> None:
    """Else a room could be made to cost more with every change."""
    spans = told([(start * DAY, Retention(days * DAY)) for start, days in enumerate(sorted(lifetimes))])
    whole = [
        each * DAY
        for start, each in enumerate(sorted(lifetimes))
        if start + 1 == len(lifetimes) or (start + 1) * DAY > at
    ]
    found = retention_at(spans, at).max_lifetime

    assert len(spans) <= MOST_SPANS
    assert found is not None
    assert found <= min(whole)


@given(saids)
def test_it_is_stored_and_read_again(said: list[tuple[int, Retention]]) -> None:
    """As JSON in a row of the room."""
    assert from_rows(to_rows(told(said))) == told(said)
    assert from_rows(None) == ()


@given(requests(), st.integers(min_value=1, max_value=60), instants)
def test_what_is_kept_goes_at_the_earlier_of_both_ends(request: Request, days: int, lifetime: int) -> None:
    """The policy's days and the room's own: the law that all deletion rests on."""
    asked = request._replace(right=Right.STORE, keep=Keep.MESSAGES, called=False)
    policy = Policy(read=Read(who=Who.EVERYONE, when=When.ALWAYS), store=Store(keep=Keep.MESSAGES, days=days))
    end = asked.at + min(days * DAY, lifetime)
    decision = decide(Scopes((policy,), Member(), retention=Retention(lifetime)), asked)

    assert bool(decision) is (end > asked.now)
    assert decision.until == (end if decision else None)


@given(requests(), retentions)
def test_what_people_asked_to_keep_and_what_is_said_just_now_is_not_bound(request: Request, said: Retention) -> None:
    """As with the days of a policy: a note is no history of the room."""
    scopes = Scopes((NOTEBOOK,), Member())
    for right, keep in ((Right.STORE, Keep.ASKED), (Right.READ, Keep.MESSAGES), (Right.TRIGGER, Keep.MESSAGES)):
        asked = request._replace(right=right, keep=keep, called=False)
        assert decide(scopes._replace(retention=said), asked) == decide(scopes, asked)


@pytest.mark.parametrize(("age", "seen"), [(DAY - 1, True), (DAY, False), (2 * DAY, False)])
def test_what_is_past_its_time_is_not_looked_back_at(age: int, seen: bool) -> None:
    """Also where the homeserver still shows it."""
    asked = Request(Right.READ, at=0, now=age, called=True)
    assert bool(decide(Scopes((NOTEBOOK,), Member(), retention=Retention(DAY)), asked)) is seen


@pytest.mark.parametrize(
    ("store", "retention", "english", "chinese"),
    [
        (NOTEBOOK.store, Retention(7 * DAY), "Keeps: messages 7 days.", "留：消息 7 天"),
        (NOTEBOOK.store, Retention(90 * DAY), "Keeps: messages 30 days.", "留：消息 30 天"),
        (NOTEBOOK.store, Retention(DAY), "Keeps: messages 1 day.", "留：消息 1 天"),
        (NOTEBOOK.store, Retention(36 * HOUR - 1), "Keeps: messages 36 hours.", "留：消息 36 小时"),
        (NOTEBOOK.store, Retention(90 * MINUTE), "Keeps: messages 90 minutes.", "留：消息 90 分钟"),
        (NOTEBOOK.store, Retention(1), "Keeps: messages 1 minute.", "留：消息 1 分钟"),
        (Store(keep=Keep.UNTIL_DELETED), Retention(7 * DAY), "Keeps: messages 7 days.", "留：消息 7 天"),
        (Store(keep=Keep.UNTIL_DELETED), NO_RETENTION, "Keeps: messages, until deleted.", "留：消息，留到删掉为止"),
        (NOTEBOOK.store, UNREADABLE, "Keeps: what you ask, what you ✅.", "留：让它记的、点 ✅ 的"),
        (NOTEBOOK.store, Retention(0), "Keeps: what you ask, what you ✅.", "留：让它记的、点 ✅ 的"),
    ],
)
def test_the_banner_says_the_stricter_of_both(store: Store, retention: Retention, english: str, chinese: str) -> None:
    """Rounded up where it is no whole number: never less than what may happen."""
    policy = NOTEBOOK.model_copy(update={"store": store})
    texts: dict[Lang, str] = {"en": english, "zh": chinese}
    for lang, line in texts.items():
        assert line in plain(banner(policy, Surroundings(retention=retention), lang), lang).split("\n")


def test_the_banner_says_how_far_back_it_still_looks() -> None:
    """The room's end bounds that as well."""
    hour = Surroundings(retention=Retention(2 * HOUR))
    assert "Looks: when called, 2 hours back." in plain(banner(preset(Preset.ON_CALL), hour, "en"), "en")
    assert "看：叫它时才看，前 2 小时" in plain(banner(preset(Preset.ON_CALL), hour, "zh"), "zh")
    long = Surroundings(retention=Retention(90 * DAY))
    assert "Looks: when called, 24 hours back." in plain(banner(preset(Preset.ON_CALL), long, "en"), "en")


@pytest.mark.parametrize(
    ("retention", "english", "chinese"),
    [
        (NO_RETENTION, ("look back 24 h when called", "notebook, kept 30 days"), ("24 小时内", "群笔记，留 30 天")),
        (
            Retention(90 * DAY),
            ("look back 24 h when called", "notebook, kept 30 days"),
            ("24 小时内", "群笔记，留 30 天"),
        ),
        (Retention(7 * DAY), ("look back 24 h when called", "notebook, kept 7 days"), ("24 小时内", "群笔记，留 7 天")),
        (
            Retention(2 * HOUR),
            ("look back 2 h when called", "notebook, kept 2 hours"),
            ("2 小时内", "群笔记，留 2 小时"),
        ),
        (Retention(0), ("notebook, but this room lets nothing stay",), ("群笔记，不过这个群什么都不让留",)),
        (UNREADABLE, ("notebook, but this room lets nothing stay",), ("群笔记，不过这个群什么都不让留",)),
    ],
)
def test_what_is_offered_at_admission_says_the_stricter_of_both(
    retention: Retention, english: tuple[str, ...], chinese: tuple[str, ...]
) -> None:
    """Nobody taps a notebook of thirty days where the room ends every message after seven."""
    texts: dict[Lang, tuple[str, ...]] = {"en": english, "zh": chinese}
    for lang, parts in texts.items():
        said = admission(Surroundings(retention=retention), lang).plain(lang)
        assert [part for part in parts if part not in said] == []
