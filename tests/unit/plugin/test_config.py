"""The module's settings and how it says what is wrong with them."""

from typing import Any

import pytest
from synapse.module_api.errors import ConfigError

from circles_plugin import CirclesModule

from .conftest import AI, Room


def test_a_localpart_is_enough() -> None:
    config = CirclesModule.parse_config({"ai_user": "circle"})
    assert (config.ai_user, config.ai_namespace, config.stamp, config.publish) == ("circle", None, True, True)


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        pytest.param({}, ("ai_user",), "write the AI's user name", id="missing"),
        pytest.param(None, None, "with the key ai_user", id="nothing"),
        pytest.param({"ai_user": "Canary Circle"}, ("ai_user",), "write the AI's user name", id="not-a-user"),
        pytest.param({"ai_user": 7}, ("ai_user",), "write the AI's user name", id="number"),
        pytest.param({"ai_user": "circle", "ai_namespace": ""}, ("ai_namespace",), "take it out", id="everybody"),
        pytest.param({"ai_user": "circle", "stamp": "canary"}, ("stamp",), "write true or false", id="stamp"),
        pytest.param({"ai_user": "circle", "publish": 1}, ("publish",), "write true or false", id="publish"),
        pytest.param(
            {"ai_user": "circle", "loosening_hours": -1}, ("loosening_hours",), "write a number of hours", id="hours"
        ),
        pytest.param({"ai_user": "circle", "as_token": "canary"}, ("as_token",), "known are ai_user", id="unknown"),
    ],
)
def test_a_mistake_names_its_key_and_what_to_write(given: Any, path: tuple[str, ...] | None, says: str) -> None:
    """The value is never repeated, nor in the cause, which Synapse prints too."""
    with pytest.raises(ConfigError) as failed:
        CirclesModule.parse_config(given)
    assert failed.value.path == path
    assert says in failed.value.msg
    assert "anary" not in failed.value.msg
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


def test_the_module_only_registers_its_callbacks(room: Room) -> None:
    """Nothing is read or sent while Synapse starts; the look at the tables comes a moment later."""
    CirclesModule(CirclesModule.parse_config({"ai_user": AI}), room.api)
    registered = room.api.register_third_party_rules_callbacks.call_args.kwargs
    assert set(registered) == {"check_event_allowed", "on_new_event"}
    room.api.run_db_interaction.assert_not_called()
    room.api.delayed_background_call.assert_called_once()


def test_an_ai_of_another_homeserver_is_a_mistake(room: Room) -> None:
    """This homeserver could check nothing of it."""
    with pytest.raises(ConfigError) as failed:
        CirclesModule(CirclesModule.parse_config({"ai_user": "@circle:away"}), room.api)
    assert failed.value.msg == "ai_user: write a user of this homeserver, such as circle."
