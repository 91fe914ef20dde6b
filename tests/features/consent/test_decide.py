"""When a policy starts, what a word or a tap stands for, and how many votes are enough."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from circles.core.ids import EffectID, RoomID, UserID
from circles.core.settings import ModelPlace, Settings
from circles.features.consent.decide import (
    OFFER_KEYS,
    admission_id,
    chosen,
    offered,
    plan,
    surroundings,
    welcome_id,
)
from circles_policies.banner import banner
from circles_policies.change import Change
from circles_policies.explain import plain
from circles_policies.model import Policy, Preset, Reach, preset

HOUR = 3_600_000
NOW = 1_000_000_000
MEI, LI, UNCLE = UserID("@mei:home.example"), UserID("@li:home.example"), UserID("@uncle:home.example")
SETTINGS = Settings(ai=UserID("@circle:home.example"), server_name="home.example")
LOCAL = replace(SETTINGS, reach=Reach.LOCAL)


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
    assert chosen(words, LOCAL, None) == preset(wanted, Reach.LOCAL)


@pytest.mark.parametrize("words", ["", "everything", "on call please look", "群"])
def test_other_words_name_none(words: str) -> None:
    assert chosen(words, LOCAL, None) is None


def test_a_named_policy_sends_no_further_than_the_configured_model() -> None:
    found = chosen("on call", SETTINGS, None)

    assert found is not None
    assert found.send is Reach.NONE


HOUSE = replace(
    LOCAL,
    models={
        "house": ModelPlace("qwen", "house.example", Reach.LOCAL),
        "cloud": ModelPlace("gpt-x", "api.example.com", Reach.LISTED, "USA", names_hidden=True),
    },
)
OWN = preset(Preset.ON_CALL).model_copy(update={"preset": None, "trigger": False})
NOTEBOOK_CLOUD = preset(Preset.NOTEBOOK, Reach.LISTED, "cloud")


@pytest.mark.parametrize(
    ("words", "current", "wanted"),
    [
        ("notebook with cloud", None, NOTEBOOK_CLOUD),
        ("群笔记 用 cloud", None, NOTEBOOK_CLOUD),
        ("群笔记用cloud", None, NOTEBOOK_CLOUD),
        ("with house", NOTEBOOK_CLOUD, preset(Preset.NOTEBOOK, Reach.LOCAL, "house")),
        ("with default", NOTEBOOK_CLOUD, preset(Preset.NOTEBOOK, Reach.LOCAL)),
        ("用默认", NOTEBOOK_CLOUD, preset(Preset.NOTEBOOK, Reach.LOCAL)),
        ("on call", NOTEBOOK_CLOUD, preset(Preset.ON_CALL, Reach.LISTED, "cloud")),
        ("with cloud", OWN, OWN.model_copy(update={"send": Reach.LISTED, "model": "cloud"})),
        ("with cloud", preset(Preset.RESTING), preset(Preset.RESTING, model="cloud")),
        ("on call", preset(Preset.ON_CALL, Reach.LISTED, "gone"), preset(Preset.ON_CALL, Reach.NONE, "gone")),
        ("notebook with gone", None, None),
        ("everything with cloud", None, None),
        ("with cloud", None, None),
    ],
)
def test_a_model_is_named_in_words(words: str, current: Policy | None, wanted: Policy | None) -> None:
    """What is not named stays; a model that the operator does not have names nothing."""
    assert chosen(words, HOUSE, current) == wanted


def test_a_later_offer_leaves_the_rooms_model_as_it_is() -> None:
    assert {policy.model for _, policy in offered(HOUSE, "offer", "cloud")} == {"cloud"}
    assert {policy.send for key, policy in offered(HOUSE, "offer", "cloud") if key != OFFER_KEYS[-1]} == {Reach.LISTED}


@pytest.mark.parametrize(
    ("model", "send", "lines"),
    [
        (None, Reach.LOCAL, ["Sends to: usual.example, no one else.", "送：只送 usual.example"]),
        ("house", Reach.LOCAL, ["Sends to: house.example, no one else.", "送：只送 house.example"]),
        ("house", Reach.LOCAL, ['Model: "house", this circle\'s choice.', "模型：house，本群选的"]),
        ("cloud", Reach.LISTED, ["Sends to: gpt-x at api.example.com (USA).", "送：api.example.com 上的 gpt-x（USA）"]),
        ("cloud", Reach.LISTED, ["Names: members' are hidden first.", "名字：群里人的先遮住"]),
        ("cloud", Reach.LOCAL, ["Sends to: nobody.", "送：不送给任何 AI 模型"]),
        ("gone", Reach.LISTED, ["Sends to: nobody.", "送：不送给任何 AI 模型"]),
        ("gone", Reach.LISTED, ['Model: "gone" is not set up here.', "模型：这里没有叫 gone 的"]),
    ],
)
def test_the_banner_tells_the_model_of_this_circle(model: str | None, send: Reach, lines: list[str]) -> None:
    settings = replace(HOUSE, model="any", model_host="usual.example")
    policy = preset(Preset.ON_CALL, send, model)
    facts = surroundings(settings, policy)

    told = {lang: plain(banner(policy, facts, lang), lang).splitlines() for lang in ("en", "zh")}
    assert lines[0] in told["en"]
    assert lines[1] in told["zh"]


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
