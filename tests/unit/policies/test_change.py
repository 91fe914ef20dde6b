"""What a change is and when it starts, held against the decision itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import Change, Member, Policy, Preset, Reach, Request, Scopes, compare, decide, preset, starts
from strategies import DAY, members, policies, requests

ON_CALL, AGREED, NOTEBOOK = preset(Preset.ON_CALL), preset(Preset.AGREED), preset(Preset.NOTEBOOK)
ADDRESSED, RESTING = preset(Preset.ADDRESSED), preset(Preset.RESTING)
CLOUD = preset(Preset.ON_CALL, Reach.LISTED, "cloud")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """Draw two policies that share some of their values, so that each is often within the other."""
    old, other = draw(policies()), draw(policies())
    shared = draw(st.sets(st.sampled_from(("trigger", "read", "store", "send", "model", "act"))))
    return old, other.model_copy(update={name: getattr(old, name) for name in shared})


@given(pairs(), members, requests())
def test_what_is_tighter_or_the_same_allows_nothing_new(
    pair: tuple[Policy, Policy], member: Member, request: Request
) -> None:
    old, new = (pair[0],), pair[1]
    if compare(old, new) is Change.LOOSER:
        return
    before, after = decide(Scopes(old, member), request), decide(Scopes((new,), member), request)
    assert after.verdict <= before.verdict
    if after and before.until is not None:
        assert after.until is not None
        assert after.until <= before.until


@given(policies(), st.data())
def test_tightening_a_right_is_tighter(old: Policy, data: st.DataObject) -> None:
    new = data.draw(
        st.sampled_from(
            (
                old.model_copy(update={"trigger": False}),
                old.model_copy(update={"send": Reach.NONE}),
                old.model_copy(update={"read": RESTING.read.model_copy(update={"hours": 1, "messages": 1})}),
                old.model_copy(update={"store": RESTING.store}),
            )
        )
    )
    assert compare(old, new) in (Change.TIGHTER, Change.SAME)
    assert compare(new, new) is Change.SAME


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        pytest.param(None, NOTEBOOK, Change.FIRST, id="the first"),
        pytest.param((), NOTEBOOK, Change.FIRST, id="the first, by an empty way"),
        pytest.param(ON_CALL, ON_CALL.model_copy(update={"preset": None}), Change.SAME, id="only the label"),
        pytest.param(ON_CALL, NOTEBOOK, Change.LOOSER, id="on call to notebook"),
        pytest.param(NOTEBOOK, RESTING, Change.TIGHTER, id="notebook to resting"),
        pytest.param(ON_CALL, ADDRESSED, Change.TIGHTER, id="on call to addressed"),
        pytest.param(ON_CALL, AGREED, Change.TIGHTER, id="on call to agreed"),
        pytest.param(AGREED, ADDRESSED, Change.LOOSER, id="agreed to addressed: words of who said no"),
        pytest.param(ADDRESSED, AGREED, Change.LOOSER, id="addressed to agreed: talk of who said yes"),
        pytest.param(ON_CALL, preset(Preset.ADDRESSED, Reach.LISTED), Change.LOOSER, id="tighter, but sent further"),
        pytest.param(ON_CALL, preset(Preset.ON_CALL, Reach.LOCAL, "house"), Change.SAME, id="another near model"),
        pytest.param(CLOUD, ON_CALL, Change.TIGHTER, id="a nearer model"),
        pytest.param(ON_CALL, CLOUD, Change.LOOSER, id="a model farther away"),
        pytest.param(CLOUD, preset(Preset.ON_CALL, Reach.LISTED, "sky"), Change.LOOSER, id="another far one"),
        pytest.param(CLOUD, preset(Preset.ON_CALL, Reach.LISTED), Change.LOOSER, id="the operator's far one"),
        pytest.param(preset(Preset.ON_CALL, Reach.LISTED), CLOUD, Change.LOOSER, id="one of the operator's far ones"),
        pytest.param((NOTEBOOK, ON_CALL), ON_CALL, Change.TIGHTER, id="of two the one"),
        pytest.param((NOTEBOOK, ON_CALL), NOTEBOOK, Change.LOOSER, id="of two the wider"),
    ],
)
def test_comparing(old: tuple[Policy, ...] | Policy | None, new: Policy, change: Change) -> None:
    assert compare(old, new) is change


@pytest.mark.parametrize(
    ("change", "people", "approvals", "start"),
    [
        pytest.param(Change.FIRST, {"a", "b"}, {}, 100, id="the first at once"),
        pytest.param(Change.TIGHTER, {"a", "b"}, {}, 100, id="tighter at once"),
        pytest.param(Change.LOOSER, {"a", "b"}, {}, 100 + DAY, id="looser after a day"),
        pytest.param(Change.LOOSER, {"a", "b"}, {"b": 150}, 150, id="sooner when all agree"),
        pytest.param(Change.LOOSER, {"a", "b", "c"}, {"b": 150}, 100 + DAY, id="one is missing"),
        pytest.param(Change.LOOSER, {"a", "b"}, {"stranger": 150}, 100 + DAY, id="strangers do not count"),
        pytest.param(Change.LOOSER, {"a", "b"}, {"b": 100 + 2 * DAY}, 100 + DAY, id="not later than a day"),
        pytest.param(Change.LOOSER, {"a", "b"}, {"b": 50}, 100, id="not before it was asked"),
        pytest.param(Change.LOOSER, {"a"}, {}, 100, id="a room of two"),
    ],
)
def test_starting(change: Change, people: set[str], approvals: dict[str, int], start: int) -> None:
    assert starts(change, 100, asker="a", people=people, approvals=approvals) == start
