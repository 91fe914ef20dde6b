"""When a policy starts, what a word or a tap stands for, and how many votes are enough."""

from collections.abc import Mapping

import pytest

from circles.core.ids import EffectID, RoomID, UserID
from circles.core.settings import Settings
from circles.features.consent.decide import (
    OFFER_KEYS,
    admission_id,
    chosen,
    offered,
    plan,
    welcome_id,
)
from circles_policies.change import Change
from circles_policies.model import Policy, Preset, Reach, preset

HOUR = 3_600_000
NOW = 1_000_000_000
MEI, LI, UNCLE = UserID("@mei:home.example"), UserID("@li:home.example"), UserID("@uncle:home.example")
SETTINGS = Settings(ai=UserID("@circle:home.example"), server_name="home.example")


def planned(
    last: Preset | None,
    new: Preset,
    *,
    people: tuple[UserID, ...] = (MEI, LI, UNCLE),
    approvals: Mapping[str, int] | None = None,
    hours: float = 24,
) -> tuple[Change, int, bool]:
    """Plan a change that Mei asked for."""
    found = plan(
        preset(last) if last is not None else None,
        preset(new),
        now=NOW,
        asker=MEI,
        people=people,
        approvals=approvals or {},
        loosening_hours=hours,
    )
    return found.change, found.starts_at - NOW, found.at_once


def test_the_first_policy_starts_now() -> None:
    assert planned(None, Preset.NOTEBOOK) == (Change.FIRST, 0, True)


def test_a_tighter_one_starts_now() -> None:
    assert planned(Preset.NOTEBOOK, Preset.ADDRESSED)[1:] == (0, True)


def test_a_looser_one_starts_after_the_operators_day() -> None:
    assert planned(Preset.ADDRESSED, Preset.ON_CALL) == (Change.LOOSER, 24 * HOUR, False)
    assert planned(Preset.ADDRESSED, Preset.ON_CALL, hours=2) == (Change.LOOSER, 2 * HOUR, False)


def test_one_that_is_tighter_in_one_respect_and_looser_in_another_is_looser() -> None:
    assert planned(Preset.AGREED, Preset.ADDRESSED)[0] is Change.LOOSER


def test_alone_with_the_ai_nobody_need_wait() -> None:
    assert planned(Preset.ADDRESSED, Preset.ON_CALL, people=(MEI,))[2]


def test_when_everyone_else_agreed_already_nobody_need_wait() -> None:
    assert planned(Preset.ADDRESSED, Preset.ON_CALL, approvals={LI: NOW - 5, UNCLE: NOW - 3})[2]
    assert not planned(Preset.ADDRESSED, Preset.ON_CALL, approvals={LI: NOW - 5})[2]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("on call", Preset.ON_CALL),
        ("  “Notebook”. ", Preset.NOTEBOOK),
        ("looks back when called", Preset.ON_CALL),
        ("only people who said yes", Preset.AGREED),
        ("谁同意，看谁的", Preset.AGREED),
        ("谁同意看谁的", Preset.AGREED),
        ("叫它才翻看", Preset.ON_CALL),
        ("休息", Preset.RESTING),
        ("只看对你说的话", Preset.ADDRESSED),
    ],
)
def test_a_policy_is_named_in_words(words: str, wanted: Preset) -> None:
    assert chosen(words, Reach.LOCAL) == preset(wanted, Reach.LOCAL)


@pytest.mark.parametrize("words", ["", "everything", "on call please look", "群"])
def test_other_words_name_none(words: str) -> None:
    assert chosen(words, Reach.LOCAL) is None


def test_a_named_policy_sends_no_further_than_the_configured_model() -> None:
    found = chosen("on call", Reach.NONE)

    assert found is not None
    assert found.send is Reach.NONE


def test_the_admission_offers_three_policies_and_a_remote_model_only_those_who_said_yes() -> None:
    remote = Settings(ai=SETTINGS.ai, server_name="home.example", reach=Reach.LISTED, model="m", model_host="a.example")

    assert [_named(policy) for _, policy in offered(SETTINGS, "admission")] == ["addressed", "on_call", "notebook"]
    assert [_named(policy) for _, policy in offered(remote, "admission")] == ["addressed", "agreed", "notebook"]


def test_a_later_offer_has_all_five_under_five_taps() -> None:
    options = offered(SETTINGS, "offer")

    assert tuple(key for key, _ in options) == OFFER_KEYS
    assert sorted(_named(policy) for _, policy in options) == sorted(preset.value for preset in Preset)


def _named(policy: Policy) -> str:
    return policy.preset or ""


def test_the_ids_of_notices_are_the_same_on_every_attempt() -> None:
    """A crash between two attempts must not post them twice."""
    room = RoomID("!abc:home.example")

    assert admission_id(room, 7) == EffectID("admission-abc_home.example-7")
    assert admission_id(room, 7) != admission_id(room, 8)
    assert welcome_id(5, (MEI, LI)) == welcome_id(5, (LI, MEI)) != welcome_id(5, (LI,))
