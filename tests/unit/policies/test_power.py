"""Power levels, for version 12 and older, and for junk."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import POLICY_TYPE, Power
from strategies import junk

ANNA, MEI, LI = "@anna:x", "@mei:x", "@li:x"


def _power(levels: Mapping[str, object] | None, version: str = "11", **create: object) -> Power:
    return Power.of(create, ANNA, levels, version)


def test_creators_of_version_12_are_above_everybody_and_not_listed() -> None:
    power = _power({"users": {LI: 100}}, "12", additional_creators=[MEI, 7])
    assert power.level(ANNA) == power.level(MEI) == math.inf
    assert power.level(LI) == 100
    assert power.level("@other:x") == 0


@pytest.mark.parametrize("version", ["1", "6", "9", "10", "11"])
def test_creators_of_older_versions_have_what_is_listed(version: str) -> None:
    assert _power({"users": {MEI: 50}}, version, additional_creators=[LI]).level(ANNA) == 0


@pytest.mark.parametrize(
    ("version", "infinite"), [("13", True), ("12", True), ("org.example.new", False), ("12.1", False)]
)
def test_numbers_from_12_follow_12_and_of_other_versions_nothing_is_assumed(version: str, infinite: bool) -> None:
    assert (_power({}, version).level(ANNA) == math.inf) is infinite


@pytest.mark.parametrize(
    ("version", "creator", "level"), [("10", MEI, 0), ("11", MEI, 100), ("12", MEI, math.inf), ("unknown", MEI, 0)]
)
def test_without_power_levels_the_creator_has_what_the_version_says(version: str, creator: str, level: float) -> None:
    power = _power(None, version, creator=creator)
    assert power.level(ANNA) == level
    assert not power.may_set_policy(ANNA), "nobody is above everybody yet"


def test_strings_count_in_old_versions_only() -> None:
    levels: dict[str, object] = {"users": {MEI: "50", LI: 50.9}, "state_default": " 60 "}
    assert _power(levels, "9").level(MEI) == 50
    assert _power(levels, "9").level(LI) == 50
    assert _power(levels, "9").needed_for_state("m.room.topic") == 60
    assert _power(levels, "10").level(MEI) == 0
    assert _power({"users": {MEI: "9" * 5000}}, "9").level(MEI) == 0


@pytest.mark.parametrize(
    ("levels", "user", "counts"),
    [
        pytest.param({"users": {MEI: 50}}, MEI, True, id="state_default 50"),
        pytest.param({"users": {MEI: 49}}, MEI, False, id="below it"),
        pytest.param({"users": {MEI: 50}, "events": {POLICY_TYPE: 100}}, MEI, False, id="guarded higher"),
        pytest.param({"users": {MEI: 100}, "events": {POLICY_TYPE: 0}}, MEI, False, id="open to everybody"),
        pytest.param({"users_default": 50}, MEI, False, id="everybody has the level"),
        pytest.param({"users_default": 50, "users": {MEI: 60}, "state_default": 60}, MEI, True, id="above everybody"),
    ],
)
def test_a_policy_counts_only_from_above_what_everybody_has(levels: dict[str, object], user: str, counts: bool) -> None:
    assert _power(levels).may_set_policy(user) is counts


def test_actions_and_events_have_their_defaults() -> None:
    power = _power({"users": {MEI: 50, LI: 10}, "events": {"m.reaction": 20}, "kick": 60})
    assert power.may(MEI, "redact")
    assert power.may(MEI, "ban")
    assert not power.may(MEI, "kick")
    assert power.may(LI, "invite")
    assert not power.may(LI, "redact")
    assert power.may_send(LI, "m.room.message")
    assert not power.may_send(LI, "m.reaction")
    assert power.may_set_state(MEI, "m.room.topic")


@given(
    st.dictionaries(st.sampled_from(("users", "users_default", "events", "state_default", "ban")), junk),
    st.dictionaries(st.sampled_from(("creator", "additional_creators")), junk),
    st.sampled_from(("1", "10", "12", "x", "", "²")),
)
def test_junk_counts_as_the_default(levels: dict[str, object], create: dict[str, object], version: str) -> None:
    power = Power.of(create, ANNA, levels, version)
    assert isinstance(power.may_set_policy("@nobody:x"), bool)
