"""The laws of the decision, and its table of cases."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    NO_CHOICE,
    Actor,
    Ceiling,
    Keep,
    Level,
    Mark,
    Member,
    Policy,
    Preset,
    Reach,
    Read,
    Reason,
    Request,
    Right,
    Scopes,
    Store,
    Verdict,
    When,
    Who,
    decide,
    preset,
    verdict_of_mark,
    verdict_of_member,
    verdict_of_operator,
    verdict_of_retention,
    verdict_of_room,
)
from strategies import DAY, ceilings, marks, members, policies, requests, rooms, scopes

HOUR = 3_600_000
ON_CALL, AGREED, NOTEBOOK = preset(Preset.ON_CALL), preset(Preset.AGREED), preset(Preset.NOTEBOOK)
ADDRESSED, RESTING = preset(Preset.ADDRESSED), preset(Preset.RESTING)
CLOUD, SKY = (preset(Preset.ON_CALL, Reach.LISTED, name) for name in ("cloud", "sky"))
OUT = Member(level=Level.OUT)
NOT_AT_ALL = Member(level=Level.NOT_AT_ALL)
SAID_YES = Member(level=Level.IN, consented_since=0)


@given(scopes, requests())
def test_the_result_is_the_minimum_of_the_five_verdicts(asked: Scopes, request: Request) -> None:
    verdicts = (
        verdict_of_operator(asked.operator, asked.member, request),
        verdict_of_room(asked.room, asked.member, request),
        verdict_of_member(asked.member, request),
        verdict_of_mark(asked.mark, request),
        verdict_of_retention(asked.retention, request),
    )
    decision = decide(asked, request)
    assert decision.verdict == min(each.verdict for each in verdicts)
    assert set(decision.reasons) == {reason for each in verdicts for reason in each.reasons}
    ends = [each.until for each in verdicts if each.until is not None]
    assert decision.until == (min(ends) if ends and decision else None)


@given(scopes, requests(), st.randoms(use_true_random=False))
def test_the_order_of_the_room_policies_means_nothing(asked: Scopes, request: Request, random: Random) -> None:
    shuffled = list(asked.room)
    random.shuffle(shuffled)
    other = asked._replace(room=tuple(shuffled))
    assert decide(other, request) == decide(asked, request)


@given(rooms, policies(), members, marks, ceilings, requests())
def test_a_further_policy_never_widens(
    room: tuple[Policy, ...], further: Policy, member: Member, mark: Mark, ceiling: Ceiling, request: Request
) -> None:
    if room:
        wide = decide(Scopes(room, member, mark, ceiling), request)
        assert decide(Scopes((*room, further), member, mark, ceiling), request).verdict <= wide.verdict


_LEVELS = (Level.IN, Level.NONE, Level.OUT, Level.NOT_AT_ALL)


@given(scopes, requests(), st.data())
def test_a_tighter_member_never_widens(asked: Scopes, request: Request, data: st.DataObject) -> None:
    member = asked.member
    tighter = Member(
        level=data.draw(st.sampled_from(_LEVELS[_LEVELS.index(member.level) :])),
        kept_out=member.kept_out or data.draw(st.booleans()),
        since=None if member.since is None else data.draw(st.none() | st.integers(min_value=member.since)),
        addressed_since=data.draw(st.integers(min_value=member.addressed_since)),
        consented_since=None
        if member.consented_since is None
        else data.draw(st.none() | st.integers(min_value=member.consented_since)),
    )
    other = asked._replace(member=tighter)
    assert decide(other, request).verdict <= decide(asked, request).verdict


@given(scopes, requests(), st.sampled_from((Mark.OFF_RECORD, Mark.HIDDEN)))
def test_a_mark_never_widens(asked: Scopes, request: Request, mark: Mark) -> None:
    marked = asked._replace(mark=Mark.HIDDEN if asked.mark is Mark.HIDDEN else mark)
    assert decide(marked, request).verdict <= decide(asked, request).verdict


@given(scopes, requests(), st.data())
def test_a_lower_ceiling_never_widens(asked: Scopes, request: Request, data: st.DataObject) -> None:
    ceiling = asked.operator
    lower = Ceiling(
        read=data.draw(st.sampled_from((Who.NOBODY, ceiling.read)))
        if ceiling.read is not Who.EVERYONE
        else data.draw(st.sampled_from(Who)),
        keep=data.draw(st.sampled_from([each for each in Keep if each <= ceiling.keep])),
        days=data.draw(st.integers(min_value=1, max_value=ceiling.days or 60)),
        send=data.draw(st.sampled_from([each for each in Reach if each <= ceiling.send])),
        act=data.draw(st.sampled_from([each for each in Actor if each <= ceiling.act])),
    )
    other = asked._replace(operator=lower)
    assert decide(other, request).verdict <= decide(asked, request).verdict


@given(scopes, requests())
def test_what_may_be_sent_may_be_read(asked: Scopes, request: Request) -> None:
    sent = request._replace(right=Right.SEND)
    read = request._replace(right=Right.READ)
    assert decide(asked, sent).verdict <= decide(asked, read).verdict


@given(scopes, requests())
def test_messages_are_kept_only_if_they_may_be_read_as_they_arrive(asked: Scopes, request: Request) -> None:
    for keep in (Keep.DERIVED, Keep.MESSAGES, Keep.UNTIL_DELETED):
        store = request._replace(right=Right.STORE, keep=keep)
        read = request._replace(right=Right.READ, called=False)
        assert decide(asked, store).verdict <= decide(asked, read).verdict


@given(scopes, requests())
def test_a_machine_never_makes_it_act(asked: Scopes, request: Request) -> None:
    for right in (Right.TRIGGER, Right.ACT):
        assert not decide(asked, request._replace(right=right, automatic=True))


@given(scopes, requests())
def test_nothing_at_all_is_open_of_a_person_who_said_not_at_all(asked: Scopes, request: Request) -> None:
    assert not decide(asked._replace(member=NOT_AT_ALL), request)


@given(members, marks, ceilings, requests())
def test_without_a_policy_everything_is_denied(member: Member, mark: Mark, ceiling: Ceiling, request: Request) -> None:
    decision = decide(Scopes((), member, mark, ceiling), request)
    assert not decision
    assert Reason.NO_POLICY in decision.reasons


def _read(
    *, addressed: bool = False, called: bool = False, at: int = 10 * DAY, age: int = 0, position: int = 0
) -> Request:
    return Request(Right.READ, at=at, now=at + age, addressed=addressed, called=called, position=position)


CASES = [
    pytest.param(RESTING, NO_CHOICE, _read(addressed=True), Reason.RESTING, id="resting looks at nothing"),
    pytest.param(ADDRESSED, NO_CHOICE, _read(addressed=True), None, id="addressed: what is said to it"),
    pytest.param(ADDRESSED, NO_CHOICE, _read(called=True), Reason.NOT_ADDRESSED, id="addressed: no talk when called"),
    pytest.param(ON_CALL, NO_CHOICE, _read(), Reason.NOT_CALLED, id="on call: talk not as it arrives"),
    pytest.param(ON_CALL, NO_CHOICE, _read(addressed=True), None, id="on call: what is said to it as it arrives"),
    pytest.param(ON_CALL, NO_CHOICE, _read(called=True, age=24 * HOUR), None, id="on call: 24 hours back"),
    pytest.param(
        ON_CALL, NO_CHOICE, _read(called=True, age=24 * HOUR + 1), Reason.TOO_FAR_BACK, id="on call: no further back"
    ),
    pytest.param(ON_CALL, OUT, _read(called=True), Reason.MEMBER_OUT, id="out: no talk"),
    pytest.param(ON_CALL, OUT, _read(addressed=True), None, id="out: what they say to it"),
    pytest.param(ON_CALL, Member(kept_out=True), _read(called=True), Reason.KEPT_OUT, id="kept out: no talk"),
    pytest.param(ON_CALL, Member(kept_out=True), _read(addressed=True), None, id="kept out: what they say to it"),
    pytest.param(ON_CALL, Member(since=None), _read(called=True), Reason.NEWCOMER, id="newcomer: no talk yet"),
    pytest.param(ON_CALL, Member(since=None), _read(addressed=True), None, id="newcomer: what they say to it"),
    pytest.param(
        ON_CALL, Member(since=11 * DAY), _read(called=True), Reason.NEWCOMER, id="newcomer: nothing before the notice"
    ),
    pytest.param(ON_CALL, Member(since=10 * DAY), _read(called=True), None, id="newcomer: from the notice on"),
    pytest.param(
        ON_CALL,
        Member(addressed_since=11 * DAY),
        _read(addressed=True),
        Reason.MEMBER_OUT,
        id="what was said to it before coming back from not at all",
    ),
    pytest.param(AGREED, NO_CHOICE, _read(called=True), Reason.NO_CONSENT, id="agreed: silence means no"),
    pytest.param(AGREED, NO_CHOICE, _read(addressed=True), Reason.NO_CONSENT, id="agreed: also when said to it"),
    pytest.param(AGREED, SAID_YES, _read(called=True), None, id="agreed: who said yes"),
    pytest.param(
        AGREED,
        Member(level=Level.IN, consented_since=11 * DAY),
        _read(called=True),
        Reason.NO_CONSENT,
        id="agreed: not what was before the yes",
    ),
    pytest.param(NOTEBOOK, NO_CHOICE, _read(), None, id="notebook: as it arrives"),
    pytest.param(NOTEBOOK, OUT, _read(), Reason.MEMBER_OUT, id="notebook: who is out is not read"),
    pytest.param(
        Policy(read=Read(who=Who.EVERYONE, when=When.CALLED, messages=20)),
        NO_CHOICE,
        _read(called=True, position=19),
        None,
        id="the twentieth message back",
    ),
    pytest.param(
        Policy(read=Read(who=Who.EVERYONE, when=When.CALLED, messages=20)),
        NO_CHOICE,
        _read(called=True, position=20),
        Reason.TOO_FAR_BACK,
        id="the twenty-first",
    ),
]


@pytest.mark.parametrize(("policy", "member", "request_", "denied"), CASES)
def test_reading(policy: Policy, member: Member, request_: Request, denied: Reason | None) -> None:
    decision = decide(Scopes((policy,), member), request_)
    assert decision.reasons == (() if denied is None else (denied,))
    assert decision.verdict is (Verdict.ALLOW if denied is None else Verdict.DENY)


@pytest.mark.parametrize(
    ("policy", "member", "mark", "addressed", "allowed"),
    [
        pytest.param(ON_CALL, NO_CHOICE, Mark.NONE, True, True, id="said to it"),
        pytest.param(ON_CALL, NO_CHOICE, Mark.NONE, False, False, id="not said to it"),
        pytest.param(RESTING, NO_CHOICE, Mark.NONE, True, False, id="resting"),
        pytest.param(AGREED, NO_CHOICE, Mark.NONE, True, True, id="no yes is needed to be answered"),
        pytest.param(ON_CALL, OUT, Mark.NONE, True, True, id="out is about talk, not about taking part"),
        pytest.param(ON_CALL, Member(kept_out=True), Mark.NONE, True, True, id="kept out takes part"),
        pytest.param(ON_CALL, Member(since=None), Mark.NONE, True, True, id="a newcomer is answered"),
        pytest.param(ON_CALL, NOT_AT_ALL, Mark.NONE, True, False, id="not at all"),
        pytest.param(ON_CALL, NO_CHOICE, Mark.OFF_RECORD, True, True, id="off the record is still answered"),
        pytest.param(ON_CALL, NO_CHOICE, Mark.HIDDEN, True, False, id="hidden"),
    ],
)
def test_triggering(policy: Policy, member: Member, mark: Mark, addressed: bool, allowed: bool) -> None:
    request = Request(Right.TRIGGER, at=DAY, now=DAY, addressed=addressed)
    assert bool(decide(Scopes((policy,), member, mark), request)) is allowed


@pytest.mark.parametrize(
    ("policy", "ceiling", "keep", "age", "until"),
    [
        pytest.param(NOTEBOOK, Ceiling(), Keep.MESSAGES, 0, 31 * DAY, id="messages for 30 days"),
        pytest.param(NOTEBOOK, Ceiling(), Keep.DERIVED, 0, 31 * DAY, id="what is made of them too"),
        pytest.param(NOTEBOOK, Ceiling(), Keep.ASKED, 0, None, id="what is confirmed has no end"),
        pytest.param(NOTEBOOK, Ceiling(days=7), Keep.MESSAGES, 0, 8 * DAY, id="the operator's fewer days"),
        pytest.param(NOTEBOOK, Ceiling(), Keep.MESSAGES, 30 * DAY, Reason.TOO_FAR_BACK, id="past its end"),
        pytest.param(NOTEBOOK, Ceiling(days=7), Keep.MESSAGES, 7 * DAY, Reason.OPERATOR, id="past the operator's"),
        pytest.param(NOTEBOOK, Ceiling(), Keep.UNTIL_DELETED, 0, Reason.KEEP_CLASS, id="not for ever"),
        pytest.param(NOTEBOOK, Ceiling(keep=Keep.ASKED), Keep.DERIVED, 0, Reason.OPERATOR, id="ceiling"),
        pytest.param(ON_CALL, Ceiling(), Keep.ASKED, 3 * DAY, None, id="confirmed three days later"),
        pytest.param(ON_CALL, Ceiling(), Keep.DERIVED, 0, Reason.KEEP_CLASS, id="on call derives nothing"),
        pytest.param(ADDRESSED, Ceiling(), Keep.ASKED, 0, Reason.NOT_ADDRESSED, id="talk it may not see"),
        pytest.param(
            Policy(read=Read(who=Who.EVERYONE), store=Store(keep=Keep.UNTIL_DELETED)),
            Ceiling(),
            Keep.MESSAGES,
            0,
            Reason.NOT_CALLED,
            id="a look back is forgotten",
        ),
        pytest.param(
            Policy(read=Read(who=Who.EVERYONE, when=When.ALWAYS), store=Store(keep=Keep.UNTIL_DELETED)),
            Ceiling(),
            Keep.UNTIL_DELETED,
            0,
            None,
            id="until deleted",
        ),
    ],
)
def test_storing(policy: Policy, ceiling: Ceiling, keep: Keep, age: int, until: int | Reason | None) -> None:
    request = Request(Right.STORE, at=DAY, now=DAY + age, keep=keep, called=keep is Keep.MESSAGES)
    decision = decide(Scopes((policy,), operator=ceiling), request)
    if isinstance(until, Reason):
        assert decision.reasons == (until,)
    else:
        assert decision
        assert decision.until == until


@pytest.mark.parametrize(
    ("allowed_up_to", "ceiling", "wanted", "denied"),
    [
        (Reach.LOCAL, Reach.LISTED, Reach.LOCAL, None),
        (Reach.LOCAL, Reach.LISTED, Reach.LISTED, Reason.REACH),
        (Reach.LISTED, Reach.LOCAL, Reach.LISTED, Reason.OPERATOR),
        (Reach.NONE, Reach.LISTED, Reach.NONE, None),
    ],
)
def test_text_goes_no_further_than_room_and_operator_say(
    allowed_up_to: Reach, ceiling: Reach, wanted: Reach, denied: Reason | None
) -> None:
    request = Request(Right.SEND, at=DAY, now=DAY, called=True, reach=wanted)
    decision = decide(Scopes((preset(Preset.ON_CALL, allowed_up_to),), operator=Ceiling(send=ceiling)), request)
    assert decision.reasons == (() if denied is None else (denied,))


@pytest.mark.parametrize(
    ("act", "actor", "allowed"),
    [
        (Actor.NOBODY, Actor.ADMINS, False),
        (Actor.ADMINS, Actor.ADMINS, True),
        (Actor.ADMINS, Actor.MEMBERS, False),
        (Actor.MEMBERS, Actor.MEMBERS, True),
        (Actor.MEMBERS, Actor.ADMINS, True),
        (Actor.MEMBERS, Actor.NOBODY, False),
    ],
)
def test_acting_outside_the_room(act: Actor, actor: Actor, allowed: bool) -> None:
    request = Request(Right.ACT, at=DAY, now=DAY, actor=actor)
    assert bool(decide(Scopes((Policy(act=act),)), request)) is allowed


def test_the_operators_ceiling_bounds_whose_messages_are_read() -> None:
    scopes_ = Scopes((NOTEBOOK,), operator=Ceiling(read=Who.ADDRESSED))
    assert decide(scopes_, _read()).reasons == (Reason.OPERATOR,)
    assert decide(scopes_, _read(addressed=True))


def test_all_policies_of_the_way_must_allow() -> None:
    """All, none, all: the first period stays closed."""
    assert not decide(Scopes((NOTEBOOK, RESTING)), _read())


def test_a_store_that_makes_no_sense_cannot_be_written_down() -> None:
    with pytest.raises(ValueError, match="set days"):
        Store(keep=Keep.MESSAGES)
    with pytest.raises(ValueError, match="leave days out"):
        Store(keep=Keep.ASKED, days=3)


@pytest.mark.parametrize(
    ("agreed", "asked", "denied"),
    [
        pytest.param((CLOUD,), (Reach.LISTED, "cloud"), None, id="the one agreed on"),
        pytest.param((CLOUD,), (Reach.LISTED, "sky"), Reason.REACH, id="another as far away"),
        pytest.param((CLOUD,), (Reach.LISTED, None), Reason.REACH, id="the usual one as far away"),
        pytest.param((CLOUD,), (Reach.LOCAL, "house"), None, id="a nearer one"),
        pytest.param((ON_CALL, CLOUD), (Reach.LISTED, "cloud"), Reason.REACH, id="said before it was chosen"),
        pytest.param(
            (preset(Preset.ON_CALL, Reach.LISTED, "sky"), CLOUD),
            (Reach.LISTED, "cloud"),
            Reason.REACH,
            id="said under another",
        ),
    ],
)
def test_what_leaves_goes_to_the_model_that_every_policy_names(
    agreed: tuple[Policy, ...], asked: tuple[Reach, str | None], denied: Reason | None
) -> None:
    request = Request(Right.SEND, at=DAY, now=DAY, called=True, reach=asked[0], model=asked[1])
    assert decide(Scopes(agreed), request).reasons == (() if denied is None else (denied,))
