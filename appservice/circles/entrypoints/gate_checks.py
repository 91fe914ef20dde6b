"""Does the gate stand, and is it the only way? A forbidden message is planted, and must not be found."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast
from urllib.parse import quote

from circles.adapters.matrix.direct import KIND_KEY
from circles.config import Config

_CLIENT: Final = "/_matrix/client/v3"


class _Answer(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def body(self) -> Mapping[str, Any]: ...


class _Asks(Protocol):
    async def __call__(self, method: str, path: str, json: object = None, **params: str) -> _Answer: ...


Advice = str
"""What to do; empty where all is well."""


async def holds_back(config: Config, ask: _Asks) -> Advice:
    """Plant a message in a room where nobody decided anything, and try to read it back through the gate."""
    ghost = f"@{config.appservice.ghost_prefix}check:{config.homeserver.server_name}"
    registered = await ask(
        "POST",
        f"{_CLIENT}/register",
        {"type": "m.login.application_service", "username": ghost[1:].partition(":")[0], "inhibit_login": True},
    )
    if registered.status not in (200, 400):
        return f"a room to try it in could not be made (register: {registered.status}): see the homeserver's log"
    made = await ask(
        "POST",
        f"{_CLIENT}/createRoom",
        {"preset": "private_chat", "invite": [config.bot_user_id], "creation_content": {KIND_KEY: "control"}},
        user_id=ghost,
    )
    room_id = made.body.get("room_id")
    if not isinstance(room_id, str):
        return f"a room to try it in could not be made (createRoom: {made.status}): see the homeserver's log"
    room = f"{_CLIENT}/rooms/{quote(room_id, safe='')}"
    try:
        return await _try(config, ask, room, ghost)
    finally:
        for user in (config.bot_user_id, ghost):
            await ask("POST", f"{room}/leave", {}, user_id=user)


async def _try(config: Config, ask: _Asks, room: str, ghost: str) -> Advice:
    joined = await ask("POST", f"{room}/join", {}, user_id=config.bot_user_id)
    if joined.status != 200:
        return f"the AI could not join the room to try it in ({joined.status}): see the homeserver's log"
    content: dict[str, object] = {"msgtype": "m.text", "body": "circles check: the AI must never see this line"}
    sent = await ask("PUT", f"{room}/send/m.room.message/{secrets.token_hex(8)}", content, user_id=ghost)
    event_id = sent.body.get("event_id")
    if not isinstance(event_id, str):
        return f"the line to be withheld could not be sent ({sent.status}): see the homeserver's log"
    event = await ask("GET", f"{room}/event/{quote(event_id, safe='')}", user_id=config.bot_user_id)
    page = await ask("GET", f"{room}/messages", user_id=config.bot_user_id, dir="b", limit="50")
    chunk = page.body.get("chunk")
    if page.status != 200 or not isinstance(chunk, list):
        return f"the gate did not answer ({page.status}): see the homeserver's log"
    if event.status == 200 or event_id in _ids(cast("list[object]", chunk)):
        return "a forbidden message came through: homeserver.url is not the gate, or the module is another version"
    return ""


def _ids(chunk: list[object]) -> set[object]:
    return {cast("Mapping[str, object]", each).get("event_id") for each in chunk if isinstance(each, Mapping)}


async def is_the_only_way(ask_public: _Asks) -> Advice:
    """Try our token where everybody's clients go: it must be worth nothing there."""
    answer = await ask_public("GET", f"{_CLIENT}/account/whoami")
    if answer.status == 200:
        return (
            "our token opens the homeserver itself, so the gate enforces nothing: run `circles registration --force`, "
            "which gives Synapse another pair"
        )
    return ""
