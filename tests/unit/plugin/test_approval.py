"""What counts as a person's approval."""

import pytest

from circles_plugin.approval import Start, Stored, Tap, commands, proposed, read_start, read_tap
from circles_policies import PROPOSAL_KEY, Policy, Preset, Reach, preset, to_proposal

from .conftest import AI, ANNA, ROOM

ON_CALL, NOTEBOOK, RESTING = preset(Preset.ON_CALL), preset(Preset.NOTEBOOK), preset(Preset.RESTING)
OWN = NOTEBOOK.model_copy(update={"preset": None, "trigger": False})


def said(body: str, **content: object) -> Stored:
    whole = {"msgtype": "m.text", "body": body, **content}
    return Stored("$said", ROOM, "m.room.message", False, ANNA, whole, 1, 1, False)


@pytest.mark.parametrize(
    ("body", "key", "policy"),
    [
        pytest.param("!circle policy notebook", "3️⃣", NOTEBOOK, id="key"),
        pytest.param("!circle policy Group notebook", None, NOTEBOOK, id="name"),
        pytest.param("小圈 规则 群笔记", None, NOTEBOOK, id="chinese"),
        pytest.param("!circle enable on_call", "2️⃣", ON_CALL, id="underscore"),
        pytest.param("!circle enable ３", "3️⃣", NOTEBOOK, id="full-width-number"),
        pytest.param("!circle enable 3", "3⃣", OWN, id="number-of-own-rules"),
        pytest.param("!circle enable 3", None, NOTEBOOK, id="number-unchecked"),
        pytest.param("off", "❌", RESTING, id="off"),
        pytest.param("> <@circle:home> one of these?\n\n!circle policy notebook", None, NOTEBOOK, id="reply"),
    ],
)
def test_a_command_names_its_policy(body: str, key: str | None, policy: Policy) -> None:
    assert commands(said(body), key, policy, None)


@pytest.mark.parametrize(
    ("body", "key", "policy"),
    [
        pytest.param("!circle policy notebook", "2️⃣", ON_CALL, id="another"),
        pytest.param("!circle policy notebook", None, ON_CALL, id="another-without-proposal"),
        pytest.param("!circle enable 2", "3️⃣", NOTEBOOK, id="another-number"),
        pytest.param("!circle enable", "3️⃣", NOTEBOOK, id="nothing-named"),
        pytest.param("!circle policy", None, NOTEBOOK, id="a-question"),
        pytest.param("off", "3️⃣", NOTEBOOK, id="off-is-not-on"),
        pytest.param("notebook", "3️⃣", NOTEBOOK, id="no-command"),
        pytest.param("I like my policy notebook", "3️⃣", NOTEBOOK, id="talk"),
        pytest.param("out", "3️⃣", NOTEBOOK, id="another-word"),
        pytest.param("!circle policy", None, OWN, id="own-rules-have-no-name"),
    ],
)
def test_other_words_command_nothing(body: str, key: str | None, policy: Policy) -> None:
    assert not commands(said(body), key, policy, None)


CLOUD = preset(Preset.NOTEBOOK, Reach.LISTED, "cloud")


@pytest.mark.parametrize(
    ("body", "policy", "standing", "is_named"),
    [
        pytest.param("!circle policy notebook with cloud", CLOUD, None, True, id="both"),
        pytest.param("小圈 规则 群笔记 用 cloud", CLOUD, None, True, id="both in Chinese"),
        pytest.param("!circle policy with cloud", CLOUD, NOTEBOOK, True, id="the model alone"),
        pytest.param("!circle policy with default", NOTEBOOK, CLOUD, True, id="back to the usual one"),
        pytest.param("!circle policy notebook", CLOUD, CLOUD, True, id="the policy alone, the model stays"),
        pytest.param("!circle policy with cloud", CLOUD, ON_CALL, False, id="another policy brought along"),
        pytest.param("!circle policy with cloud", CLOUD, None, False, id="no policy to keep"),
        pytest.param("!circle policy notebook", CLOUD, NOTEBOOK, False, id="a model brought along"),
        pytest.param("!circle policy notebook", CLOUD, None, False, id="a model that nobody named"),
        pytest.param("!circle policy notebook with house", CLOUD, CLOUD, False, id="another model"),
        pytest.param("!circle policy with default", CLOUD, CLOUD, False, id="not the usual one"),
        pytest.param("!circle enable 3", CLOUD, NOTEBOOK, False, id="a number names no model"),
    ],
)
def test_a_command_names_its_model_too(body: str, policy: Policy, standing: Policy | None, is_named: bool) -> None:
    assert commands(said(body), None, policy, standing) is is_named


def test_an_edit_commands_nothing() -> None:
    """It may have been something else when people saw it."""
    edit = said("!circle policy notebook", **{"m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}})
    assert not commands(edit, None, NOTEBOOK, None)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"m.relates_to": 7},
        {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x"}},
        {"m.relates_to": {"rel_type": "m.thread", "event_id": "$x", "key": "1"}},
    ],
)
def test_garbage_is_no_tap(content: dict[str, object]) -> None:
    assert read_tap("m.reaction", content) is None


def test_a_tap_and_a_start_are_read() -> None:
    relation = {"rel_type": "m.annotation", "event_id": "$x", "key": "1️⃣"}
    assert read_tap("m.reaction", {"m.relates_to": relation}) == Tap("$x", "1️⃣")
    assert read_start({"proposal": "$x", "key": "1️⃣", "approval": "$y"}) == Start("$x", "1️⃣", "$y")
    assert read_start({"proposal": "$x", "key": 1, "approval": "$y"}) is None


def test_a_malformed_proposal_proposes_nothing() -> None:
    """Not even the options that could be read."""
    options = to_proposal({"1️⃣": ON_CALL})
    options["options"] = {"1️⃣": {"schema": 1}}
    broken = Stored("$p", ROOM, "m.room.message", False, AI, {PROPOSAL_KEY: options}, 1, 1, False)
    assert proposed(broken, "1️⃣", ai=AI, room_id=ROOM) is None
    assert proposed(None, "1️⃣", ai=AI, room_id=ROOM) is None
