"""Policies as room state: what is written is read back, what is not understood is denied."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    PROPOSAL_KEY,
    Authorisation,
    Fault,
    Malformed,
    Policy,
    Preset,
    Reach,
    preset,
    read_authorisation,
    read_content,
    read_proposal,
    to_content,
    to_proposal,
)
from strategies import junk, policies

GOOD = to_content(preset(Preset.ON_CALL))
APPROVED = Authorisation("$tap", "@anna:home.example")


@given(policies(), st.none() | st.just(APPROVED))
def test_a_policy_survives_being_written_and_read(policy: Policy, approved: Authorisation | None) -> None:
    content = json.loads(json.dumps(to_content(policy, authorised_by=approved)))
    assert read_content(content) == policy
    assert read_authorisation(content) == approved


def test_the_content_is_legible() -> None:
    assert GOOD == {
        "schema": 1,
        "preset": "on_call",
        "trigger": True,
        "read": {"who": "everyone", "when": "called", "hours": 24},
        "store": {"keep": "asked"},
        "send": "local",
        "act": "nobody",
    }


@given(junk)
def test_any_json_is_read_without_an_error(value: object) -> None:
    assert isinstance(read_content(value), Malformed)
    assert isinstance(read_proposal(value), Malformed)
    assert isinstance(read_proposal({PROPOSAL_KEY: value}), Malformed)
    assert read_authorisation({"authorised_by": value}) is None
    assert read_authorisation(value) is None


@pytest.mark.parametrize("key", ["schema", "trigger", "read", "store", "send", "act"])
def test_every_key_is_needed(key: str) -> None:
    found = read_content({name: value for name, value in GOOD.items() if name != key})
    assert isinstance(found, Malformed)
    assert found.path.startswith(key)


@pytest.mark.parametrize(
    ("change", "path", "fault"),
    [
        pytest.param({"schema": 2}, "schema", Fault.NEWER, id="newer"),
        pytest.param({"schema": True}, "schema", Fault.MALFORMED, id="true is not one"),
        pytest.param({"schema": 0}, "schema", Fault.MALFORMED, id="zero"),
        pytest.param({"trigger": 1}, "trigger", Fault.MALFORMED, id="one is not true"),
        pytest.param({"read": []}, "read", Fault.MALFORMED, id="list for object"),
        pytest.param({"read": {"who": "all", "when": "called"}}, "read.who", Fault.MALFORMED, id="unknown who"),
        pytest.param({"read": {"who": "everyone"}}, "read.when", Fault.MALFORMED, id="no when"),
        pytest.param(
            {"read": {"who": "everyone", "when": "called", "hours": 24.0}}, "read.hours", Fault.MALFORMED, id="float"
        ),
        pytest.param(
            {"read": {"who": "everyone", "when": "called", "hours": 0}}, "read.hours", Fault.MALFORMED, id="no hours"
        ),
        pytest.param(
            {"read": {"who": "everyone", "when": "called", "weeks": 1}}, "read.weeks", Fault.MALFORMED, id="inner key"
        ),
        pytest.param({"store": {"keep": "messages"}}, "store.days", Fault.MALFORMED, id="messages without days"),
        pytest.param({"store": {"keep": "asked", "days": 3}}, "store.days", Fault.MALFORMED, id="days for asked"),
        pytest.param({"store": {"keep": 1}}, "store.keep", Fault.MALFORMED, id="number for word"),
        pytest.param({"send": "anywhere"}, "send", Fault.MALFORMED, id="unknown reach"),
        pytest.param({"model": "House"}, "model", Fault.MALFORMED, id="a model nobody can type"),
        pytest.param({"model": "house\n"}, "model", Fault.MALFORMED, id="a model of two lines"),
        pytest.param({"model": None}, "model", Fault.MALFORMED, id="no model is no key"),
        pytest.param({"preset": "addressed"}, "preset", Fault.MALFORMED, id="a label that promises less"),
        pytest.param({"unless": "friday"}, "unless", Fault.MALFORMED, id="an unknown key may be a restriction"),
        pytest.param({"my whole secret": 1}, "?", Fault.MALFORMED, id="a key that is text is not repeated"),
        pytest.param({"authorised_by": {}}, "authorised_by.event_id", Fault.MALFORMED, id="authorised by nothing"),
        pytest.param(
            {"authorised_by": {"event_id": "$a", "user_id": "anna"}},
            "authorised_by.user_id",
            Fault.MALFORMED,
            id="authorised by nobody",
        ),
    ],
)
def test_what_is_not_understood_is_denied_with_advice(change: dict[str, object], path: str, fault: Fault) -> None:
    found = read_content({**GOOD, **change})
    assert isinstance(found, Malformed)
    assert (found.path, found.fault) == (path, fault)
    assert found.advice.endswith(".")


def test_an_empty_content_was_redacted() -> None:
    found = read_content({})
    assert isinstance(found, Malformed)
    assert found.fault is Fault.REDACTED


def test_keys_that_are_not_strings_are_refused() -> None:
    assert isinstance(read_content({1: 2}), Malformed)


@given(st.dictionaries(st.sampled_from(("1️⃣", "2️⃣", "3️⃣")), policies(), min_size=1))
def test_a_proposal_survives_being_written_and_read(options: dict[str, Policy]) -> None:
    assert read_proposal({"body": "…", PROPOSAL_KEY: to_proposal(options)}) == options


def test_a_proposal_offers_one_to_five_policies() -> None:
    policy = preset(Preset.ADDRESSED, Reach.NONE)
    assert isinstance(read_proposal({PROPOSAL_KEY: to_proposal({})}), Malformed)
    assert isinstance(read_proposal({PROPOSAL_KEY: to_proposal({str(n): policy for n in range(6)})}), Malformed)
