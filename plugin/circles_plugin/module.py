"""What Synapse loads: reads the settings, registers the callbacks, and does nothing else."""

from __future__ import annotations

from typing import Any

from synapse.module_api import ModuleApi
from synapse.module_api.errors import ConfigError

from circles_plugin.callbacks import Callbacks
from circles_plugin.config import GateConfig, ModuleConfig, read_config, read_tokens
from circles_plugin.gate.judge import Judge
from circles_plugin.gate.resource import PATH, Gate
from circles_plugin.gate.vouching import Vouching
from circles_plugin.identity import Identity
from circles_plugin.room_facts import RoomFacts


class CirclesModule:
    """Checks and publishes policies, stamps what the AI writes, and opens the gate where one is configured.

    In homeserver.yaml:

        modules:
          - module: circles_plugin.CirclesModule
            config:
              ai_user: circle
    """

    def __init__(self, config: ModuleConfig, api: ModuleApi) -> None:
        identity = identify(config, api)
        callbacks = Callbacks(config, api, identity)
        # The ignores: Synapse's own annotations there leave type arguments out.
        api.register_third_party_rules_callbacks(  # pyright: ignore[reportUnknownMemberType]
            check_event_allowed=callbacks.check_event_allowed,
            on_new_event=callbacks.on_new_event,
        )
        if config.gate is not None:
            gate = open_gate(config, config.gate, api, identity)
            api.register_web_resource(PATH, gate)
            api.delayed_background_call(  # pyright: ignore[reportUnknownMemberType]
                0, gate.self_check, desc="circles_gate_self_check"
            )
        # A moment later, in a log context of its own.
        api.delayed_background_call(  # pyright: ignore[reportUnknownMemberType]
            0, callbacks.self_check, desc="circles_self_check"
        )

    @staticmethod
    def parse_config(config: dict[str, Any]) -> ModuleConfig:
        """Return the settings; Synapse prints what is wrong with them and does not start."""
        return read_config(config)


def open_gate(config: ModuleConfig, gate: GateConfig, api: ModuleApi, identity: Identity) -> Gate:
    """Return the door between Synapse and the service.

    Raises:
        ConfigError: a file of the gate's configuration cannot be read.
    """
    facts = RoomFacts(api)
    judge = Judge(api, facts, identity, gate.names, loosening_hours=config.loosening_hours)
    vouching = Vouching(api, facts, identity, gate.names)
    return Gate(api, gate, read_tokens(gate), identity, judge, vouching)


def identify(config: ModuleConfig, api: ModuleApi) -> Identity:
    """Return who the AI is on this homeserver.

    Raises:
        ConfigError: the AI lives on another homeserver, whose events this one neither checks nor stamps.
    """
    ai = api.get_qualified_user_id(config.ai_user)
    localpart, _, server_name = ai.removeprefix("@").partition(":")
    if server_name != api.server_name:
        raise ConfigError("ai_user: write a user of this homeserver, such as circle.", ("ai_user",))
    return Identity(ai, config.ai_namespace or f"{localpart}_", server_name)
