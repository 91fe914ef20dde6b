"""What the module refuses and changes, and that an error of its own stops nobody else."""

from typing import Any

import pytest
from synapse.module_api import EventBase
from synapse.module_api.errors import SynapseError
from twisted.internet.defer import CancelledError

from circles_plugin import callbacks as plugin
from circles_policies import (
    MARK_KEY,
    POLICY_TYPE,
    PROPOSAL_KEY,
    Authorisation,
    Preset,
    preset,
    to_content,
    to_proposal,
)

from .conftest import AI, ANNA, BOB, GHOST, UNCLE, Room, event, refused

ADDRESSED, NOTEBOOK = preset(Preset.ADDRESSED), preset(Preset.NOTEBOOK)


def policy(sender: str, content: dict[str, Any] | None = None) -> EventBase:
    return event(POLICY_TYPE, sender, to_content(ADDRESSED) if content is None else content, state_key="")


def copy(by: Authorisation, values: Any = ADDRESSED) -> EventBase:
    return policy(AI, to_content(values, authorised_by=by))


async def answer(room: Room, given: EventBase) -> tuple[int, str]:
    with pytest.raises(SynapseError) as failed:
        await room.callbacks().check_event_allowed(given, room.state)
    return refused(failed.value)


@pytest.mark.parametrize("content", [{}, {"schema": 99}, to_content(ADDRESSED) | {"canary": 1}])
async def test_a_malformed_policy_is_refused_for_anybody(room: Room, content: dict[str, Any]) -> None:
    for sender in (ANNA, BOB, AI):
        status, sentence = await answer(room, policy(sender, content))
        assert status == 400
        assert sentence.startswith(f"{POLICY_TYPE}: ")


async def test_the_ais_membership_is_never_touched(room: Room) -> None:
    """Nor anything else that is state and no policy, whatever it holds."""
    cases: list[tuple[str, dict[str, Any]]] = [
        (ANNA, {"membership": "invite"}),
        (AI, {"membership": "join", MARK_KEY: {}}),
    ]
    for sender, content in cases:
        given = event("m.room.member", sender, content, state_key=AI)
        assert await room.callbacks().check_event_allowed(given, {}) == (True, None)
    for state_key in (AI, "x"):
        given = event(POLICY_TYPE, AI, {"anything": 1}, state_key=state_key)
        assert await room.callbacks().check_event_allowed(given, room.state) == (True, None)


async def test_a_copy_needs_a_right_that_stands_today(room: Room) -> None:
    """An approval by somebody who has lost the power since approves nothing."""
    content = {"body": "tap one", PROPOSAL_KEY: to_proposal({"1️⃣": ADDRESSED})}
    proposal = room.take("m.room.message", AI, content)
    by = Authorisation(room.react(UNCLE, proposal, "1️⃣"), UNCLE)
    assert await room.callbacks().check_event_allowed(copy(by), room.state) == (True, None)
    room.set("m.room.power_levels", ANNA, {"users": {ANNA: 100, AI: 50}})
    assert await answer(room, copy(by)) == (403, plugin.NO_POWER)


async def test_a_copy_waits_its_day_too(room: Room) -> None:
    room.set_policy(to_content(ADDRESSED))
    for hours, sentence in ((1, plugin.NOT_YET), (25, None)):
        said = room.take("m.room.message", UNCLE, {"body": "!circle policy notebook"}, hours_ago=hours)
        given = copy(Authorisation(said, UNCLE), NOTEBOOK)
        if sentence is None:
            assert await room.callbacks().check_event_allowed(given, room.state) == (True, None)
        else:
            assert await answer(room, given) == (403, sentence)


async def test_an_encrypted_command_is_the_ais_to_read(room: Room) -> None:
    """Only for the copy, which is never the authority."""
    said = room.take("m.room.encrypted", UNCLE, {"ciphertext": "…"})
    assert (await room.callbacks().check_event_allowed(copy(Authorisation(said, UNCLE)), room.state))[0]


async def test_a_redacted_approval_approves_nothing(room: Room) -> None:
    said = room.take("m.room.message", UNCLE, {"body": "!circle policy addressed"})
    room.redact(UNCLE, said)
    assert await answer(room, copy(Authorisation(said, UNCLE))) == (403, plugin.NO_APPROVAL)


async def test_without_readable_tables_the_ai_sets_no_policy(room: Room) -> None:
    """But people do."""
    room.database.execute("DROP TABLE event_relations")
    assert await answer(room, copy(Authorisation("$x", ANNA))) == (403, plugin.UNCHECKED)
    assert await room.callbacks().check_event_allowed(policy(ANNA), room.state) == (True, None)


async def test_output_is_stamped_and_the_rest_of_the_event_stays(room: Room) -> None:
    policy_event = room.set_policy(to_content(ADDRESSED))
    for sender in (AI, GHOST):
        given = event("m.sticker", sender, {"body": "pot", MARK_KEY: "junk"})
        allowed, changed = await room.callbacks().check_event_allowed(given, room.state)
        mark = {"stamped": True, "policy_event": policy_event, "preset": "addressed"}
        assert allowed
        assert changed == {**given.get_dict(), "content": {"body": "pot", MARK_KEY: mark}}


async def test_a_rule_of_the_rooms_own_has_no_preset_in_the_stamp(room: Room) -> None:
    own = ADDRESSED.model_copy(update={"preset": None, "trigger": False})
    policy_event = room.set_policy(to_content(own))
    _, changed = await room.callbacks().check_event_allowed(event("m.room.message", AI, {}), room.state)
    assert changed is not None
    assert changed["content"] == {MARK_KEY: {"stamped": True, "policy_event": policy_event}}


@pytest.mark.parametrize("event_type", ["m.reaction", "m.room.redaction"])
async def test_reactions_and_redactions_of_the_ai_stay_as_they_are(room: Room, event_type: str) -> None:
    assert await room.callbacks().check_event_allowed(event(event_type, AI, {}), room.state) == (True, None)


async def test_the_stamp_can_be_switched_off(room: Room) -> None:
    given = event("m.room.message", AI, {"body": "x"})
    assert await room.callbacks(stamp=False).check_event_allowed(given, room.state) == (True, None)


async def test_an_error_of_ours_stops_only_what_is_ours(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A person's message passes; a policy and the AI's words do not; the log names the error and no content."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("canary")

    for name in ("read_content", "stamped", "without_mark"):
        monkeypatch.setattr(plugin, name, fail)
    checked = room.callbacks().check_event_allowed
    assert await checked(event("m.room.message", ANNA, {"body": "canary"}), room.state) == (True, None)
    assert await answer(room, policy(ANNA)) == (500, plugin.BROKEN)
    assert await answer(room, event("m.room.message", AI, {"body": "canary"})) == (500, plugin.BROKEN)
    assert await checked(event("m.room.member", ANNA, {}, state_key=AI), room.state) == (True, None)
    assert caplog.text.count("check_event_allowed failed: KeyError at callbacks.py:") == 3
    assert "canary" not in caplog.text


async def test_an_event_that_makes_us_fail_later_is_logged_alone(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room.api.should_run_background_tasks.side_effect = KeyError("canary")
    await room.callbacks().on_new_event(event("m.reaction", ANNA, {}), {})
    assert "on_new_event failed: KeyError" in caplog.text
    assert "canary" not in caplog.text


async def test_a_client_that_hangs_up_is_no_error(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """Twisted's cancellation passes through."""
    room.api.run_db_interaction.side_effect = CancelledError()
    with pytest.raises(CancelledError):
        await room.callbacks().check_event_allowed(copy(Authorisation("$x", ANNA)), room.state)
    assert caplog.text == ""
