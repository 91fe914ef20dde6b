"""The running minimum that the gate folds: of an event's own state, of its arrival, and of all since."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from circles_plugin.gate.history import History, Row, Written, minimum_at
from circles_policies import Authorisation, Policy, Preset, is_within, preset

ROOM, HERE = "!garden:home", "home"
DAY = 86_400_000
PRESETS = [preset(key) for key in Preset]


def written(
    number: int, policy: Policy | None, *, received: int, sender: str = "@anna:home", approved: bool = False
) -> Written:
    """One policy event, the `number`-th that this homeserver took in, ten places apart."""
    because = Authorisation("$tap", sender) if approved else None
    return Written(f"$p{number}", sender, number * 10, received, policy, because)


def folded(row: Row, policies: Sequence[Written], state: str | None, wait: int = DAY) -> tuple[Policy, ...]:
    """What holds for an event whose state names one of the policy events."""
    groups = {1: state} if state is not None else {}
    none: frozenset[str] = frozenset()
    history = History({}, groups, {ROOM: tuple(policies)}, none, none, none, {}, none)
    return minimum_at(row, history, HERE, wait)


def message(order: int, received: int = 0) -> Row:
    """A message by somebody."""
    return Row(ROOM, "@li:home", order, received, received, 1, counts=True)


ON_CALL, NOTEBOOK, RESTING = (preset(key) for key in (Preset.ON_CALL, Preset.NOTEBOOK, Preset.RESTING))


def test_an_event_without_a_policy_in_its_state_is_shut() -> None:
    """Before anybody decided, and where the state cannot be read, nothing is open, whatever came later."""
    later = [written(2, NOTEBOOK, received=5)]

    assert folded(message(15), later, None) == ()
    assert folded(Row(ROOM, "@li:home", 15, 0, 0, None, counts=True), later, "$p2") == ()


def test_a_late_event_is_judged_by_its_own_state_and_by_what_holds_here() -> None:
    """What was said under the old policy elsewhere and arrives under the new one is judged by both."""
    policies = [written(1, RESTING, received=0), written(2, NOTEBOOK, received=1, approved=True)]

    assert set(folded(message(25, 2), policies, "$p1")) == {RESTING, NOTEBOOK}


def test_a_policy_that_does_not_read_shuts_what_came_before_and_after_it() -> None:
    """A malformed or redacted policy is a time without one; what lies wholly after the next one is open again."""
    policies = [written(1, ON_CALL, received=0), written(2, None, received=1), written(3, ON_CALL, received=2)]

    assert folded(message(15), policies, "$p1") == ()
    assert folded(message(25, 1), policies, "$p2") == ()
    assert folded(message(35, 2), policies, "$p3") == (ON_CALL,)


def test_a_looser_policy_by_hand_waits_its_day_and_an_approved_one_does_not() -> None:
    """Until the day is over what bound before binds too; what this homeserver's module published was checked before."""
    by_hand = [written(1, ON_CALL, received=0), written(2, NOTEBOOK, received=100)]
    approved = [written(1, ON_CALL, received=0), written(2, NOTEBOOK, received=100, approved=True)]
    foreign = [written(1, ON_CALL, received=0), written(2, NOTEBOOK, received=100, sender="@eve:away", approved=True)]

    assert set(folded(message(25, 200), by_hand, "$p2")) == {ON_CALL, NOTEBOOK}
    assert folded(message(25, 100 + DAY), by_hand, "$p2") == (NOTEBOOK,)
    assert folded(message(25, 200), approved, "$p2") == (NOTEBOOK,)
    assert set(folded(message(25, 200), foreign, "$p2")) == {ON_CALL, NOTEBOOK}


steps = st.lists(
    st.tuples(st.sampled_from([*PRESETS, None]), st.integers(0, 2 * DAY), st.booleans()), min_size=1, max_size=6
)


@given(steps, st.integers(0, 70), st.integers(0, 4 * DAY), st.integers(0, 6))
def test_the_fold_holds_every_policy_since_and_never_more_than_the_arrival_allows(
    given_steps: list[tuple[Policy | None, int, bool]], order: int, received: int, state: int
) -> None:
    """Every later policy and the state's own are in the fold, or it is empty; a new policy later only ever tightens."""
    times = list(itertools.accumulate(step[1] for step in given_steps))
    policies = [
        written(number, policy, received=at, approved=approved)
        for number, ((policy, _, approved), at) in enumerate(zip(given_steps, times, strict=True), 1)
    ]
    name = f"$p{1 + state % len(policies)}"

    found = folded(message(order, received), policies, name)

    must = [each.policy for each in policies if each.order > order or each.event_id == name]
    assert found == () or all(policy in found for policy in must)
    if None in must:
        assert found == ()
    more = [*policies, written(8, RESTING, received=times[-1])]
    later = folded(message(order, received), more, name)
    assert later == () or (set(found) <= set(later) and RESTING in later)


@given(st.integers(0, 4 * DAY))
def test_a_looser_policy_opens_exactly_when_its_day_is_over(since: int) -> None:
    """One moment before the day is over what bound before still binds; from then on it does not."""
    policies = [written(1, ON_CALL, received=0), written(2, NOTEBOOK, received=10)]

    found = folded(message(25, 10 + since), policies, "$p2")

    assert not is_within(NOTEBOOK, ON_CALL)
    assert (ON_CALL in found) == (since < DAY)
