"""The fold over time against an oracle that replays every moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    Ceiling,
    Choice,
    Keep,
    Level,
    Member,
    Policy,
    Preset,
    Reach,
    Read,
    Request,
    Right,
    RunningMinimum,
    Scopes,
    Store,
    When,
    Who,
    decide,
    fold_choice,
    fold_choices,
    interned,
    preset,
    within,
)
from strategies import ceilings, policies, requests

TIMES = st.integers(min_value=0, max_value=12)
HISTORIES = st.lists(st.tuples(TIMES, st.sampled_from(Choice)), max_size=7)


def _allowed_at_every_moment(
    history: list[tuple[int, Choice]], newcomer: bool, at: int, *, addressed: bool, needs_yes: bool
) -> bool:
    """Replay: what was said stands in a small state, asked at each moment from the message until the end of time."""
    said, kept_out, told = "nothing", False, not newcomer
    moments = sorted(history, key=lambda each: each[0])
    for moment in range(14):
        for when, choice in moments:
            if when != moment:
                continue
            if choice is Choice.KEEP_OUT:
                kept_out = True
            elif choice is Choice.LET_BACK:
                kept_out = False
            elif choice is Choice.TOLD:
                told = True
            elif choice is Choice.JOINED:
                told, said = False, "nothing" if said == "in" else said
            else:
                said, told = choice.value, told or choice is Choice.IN
        if moment < at:
            continue
        if said == "not_at_all" or (needs_yes and said != "in"):
            return False
        if not addressed and (said == "out" or kept_out or not told):
            return False
    return True


@given(HISTORIES, st.booleans(), TIMES, st.booleans(), st.booleans())
def test_a_message_is_readable_only_if_every_choice_from_then_until_now_allows_it(
    history: list[tuple[int, Choice]], newcomer: bool, at: int, addressed: bool, needs_yes: bool
) -> None:
    # Two choices within one instant are one moment for the replay; people cannot see what lay between.
    history = list(dict(history).items())
    member = fold_choices(Member(since=None if newcomer else 0), history)
    policy = Policy(read=Read(who=Who.CONSENTING if needs_yes else Who.EVERYONE, when=When.ALWAYS))
    request = Request(Right.READ, at=at, now=20, addressed=addressed)
    expected = _allowed_at_every_moment(history, newcomer, at, addressed=addressed, needs_yes=needs_yes)
    assert bool(decide(Scopes((policy,), member), request)) is expected


@given(HISTORIES, st.sampled_from((Choice.OUT, Choice.NOT_AT_ALL, Choice.KEEP_OUT, Choice.NEITHER)), TIMES, requests())
def test_a_choice_against_never_opens_anything(
    history: list[tuple[int, Choice]], against: Choice, at: int, request: Request
) -> None:
    before = fold_choices(Member(), history)
    if against is Choice.NEITHER and before.level is not Level.IN:
        return
    if against is Choice.OUT and before.level is Level.NOT_AT_ALL:
        return
    room = (Policy(trigger=True, read=Read(who=Who.EVERYONE, when=When.ALWAYS), send=Reach.LISTED),)
    after = fold_choice(before, against, at)
    assert decide(Scopes(room, after), request).verdict <= decide(Scopes(room, before), request).verdict


def test_a_return_dated_before_the_leaving_opens_nothing_of_the_time_between() -> None:
    member = fold_choice(fold_choice(Member(), Choice.OUT, 20), Choice.IN, 15)
    assert member.since == 20
    assert member.consented_since == 20


def test_an_admin_who_lets_somebody_back_leaves_their_own_choice() -> None:
    member = fold_choices(Member(), [(1, Choice.OUT), (2, Choice.KEEP_OUT), (3, Choice.LET_BACK)])
    assert member.level is Level.OUT
    assert not member.kept_out


@given(st.lists(st.none() | policies(), max_size=5), requests())
def test_the_folded_room_allows_what_every_moment_allows(way: list[Policy | None], request: Request) -> None:
    minimum = RunningMinimum()
    for policy in way:
        minimum = minimum.fold(policy)
    allowed = bool(way) and all(policy is not None and bool(decide(Scopes((policy,)), request)) for policy in way)
    assert bool(decide(Scopes(minimum.room), request)) is allowed


def test_equal_policies_are_folded_once_and_shared() -> None:
    minimum = RunningMinimum().fold(preset(Preset.ON_CALL)).fold(preset(Preset.ON_CALL))
    assert len(minimum.room) == 1
    assert interned(preset(Preset.ON_CALL)) is minimum.room[0]


@given(policies(), ceilings, requests())
def test_the_told_policy_covers_what_the_ceiling_leaves(policy: Policy, ceiling: Ceiling, request: Request) -> None:
    """The banner never promises less than may happen."""
    told = within(policy, ceiling)
    if decide(Scopes((policy,), Member(level=Level.IN, consented_since=0), operator=ceiling), request):
        decision = decide(Scopes((told,), Member(level=Level.IN, consented_since=0)), request)
        assert decision or request.keep is Keep.UNTIL_DELETED


def test_a_ceiling_that_forbids_nothing_leaves_the_policy_as_it_is() -> None:
    policy = preset(Preset.NOTEBOOK)
    assert within(policy, Ceiling()) is policy
    assert within(policy, Ceiling(days=7)).store == Store(keep=Keep.MESSAGES, days=7)
    assert within(policy, Ceiling(read=Who.ADDRESSED)).read.who is Who.ADDRESSED
    assert within(policy, Ceiling(read=Who.NOBODY)).read.who is Who.NOBODY


def test_a_ceiling_without_days_leaves_until_deleted_as_it_is() -> None:
    policy = Policy(store=Store(keep=Keep.UNTIL_DELETED))
    assert within(policy, Ceiling(keep=Keep.MESSAGES)).store == policy.store
