"""What the module's unit tests share: events as Synapse makes them, and an api on a database of Synapse's shape."""

import itertools
import json
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

with warnings.catch_warnings():
    # Synapse and Twisted use deprecated parts of themselves while they are imported.
    warnings.simplefilter("ignore")
    from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
    from synapse.events import make_event_from_dict
    from synapse.module_api import EventBase, ModuleApi

from circles_plugin.callbacks import Callbacks
from circles_plugin.config import ModuleConfig
from circles_plugin.module import identify
from circles_policies import POLICY_TYPE

ROOM = "!garden:home"
AI, GHOST = "@circle:home", "@circle_founder:home"
ANNA, BOB, UNCLE = "@anna:home", "@bob:home", "@uncle:away"
NOW = 1_800_000_000_000
HOUR = 3_600_000

_TABLES = """
CREATE TABLE events(stream_ordering INTEGER PRIMARY KEY, event_id TEXT, type TEXT, room_id TEXT, outlier BOOL,
    origin_server_ts BIGINT, received_ts BIGINT, sender TEXT, state_key TEXT, rejection_reason TEXT);
CREATE TABLE event_json(event_id TEXT, room_id TEXT, internal_metadata TEXT, json TEXT);
CREATE TABLE redactions(event_id TEXT, redacts TEXT, recheck BOOL);
CREATE TABLE event_relations(event_id TEXT, relates_to_id TEXT, relation_type TEXT, aggregation_key TEXT);
"""

State = dict[tuple[str, str], EventBase]


def event(
    event_type: str, sender: str, content: Mapping[str, Any], *, state_key: str | None = None, version: str = "10"
) -> EventBase:
    """An event as Synapse passes it to a module."""
    given: dict[str, Any] = {
        "type": event_type,
        "sender": sender,
        "room_id": ROOM,
        "content": dict(content),
        "depth": 1,
        "auth_events": [],
        "prev_events": [],
        "origin_server_ts": NOW,
        "hashes": {"sha256": "x"},
    }
    if state_key is not None:
        given["state_key"] = state_key
    return make_event_from_dict(given, KNOWN_ROOM_VERSIONS[version])


class Room:
    """One room in Synapse's tables and in its state, and an api that shows it to the module."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.executescript(_TABLES)
        self.now = NOW
        self.state: State = {}
        self._numbers = itertools.count(1)
        self.api = Mock(spec=ModuleApi)
        self.api.server_name = "home"
        self.api.get_qualified_user_id.side_effect = _qualified
        self.api.should_run_background_tasks.return_value = True
        self.api.get_current_time_msec.side_effect = lambda: self.now
        self.api.get_room_state = AsyncMock(side_effect=self._get_state)
        self.api.run_db_interaction = AsyncMock(side_effect=self._interact)
        self.api.create_and_send_event_into_room = AsyncMock(side_effect=self._publish)
        self.background: list[tuple[Any, ...]] = []
        self.api.run_as_background_process.side_effect = self._later
        self.published: list[dict[str, Any]] = []
        self.set("m.room.create", ANNA, {"creator": ANNA})
        self.set("m.room.power_levels", ANNA, {"users": {ANNA: 100, UNCLE: 100, AI: 50}})
        for user in (ANNA, BOB, UNCLE, AI, GHOST):
            self.set("m.room.member", user, {"membership": "join"}, state_key=user)

    def callbacks(self, **config: Any) -> Callbacks:
        """The module's callbacks on this room."""
        settings = ModuleConfig.model_validate({"ai_user": "circle", **config})
        return Callbacks(settings, self.api, identify(settings, self.api))

    def set(self, event_type: str, sender: str, content: Mapping[str, Any], *, state_key: str = "") -> EventBase:
        """Put an event into the current state, and into the tables."""
        made = event(event_type, sender, content, state_key=state_key)
        self.state[event_type, state_key] = made
        self.take(event_type, sender, content, state_key=state_key, event_id=made.event_id)
        return made

    def set_policy(self, content: Mapping[str, Any], sender: str = ANNA) -> str:
        """Put a policy in force."""
        return self.set(POLICY_TYPE, sender, content).event_id

    def take(
        self,
        event_type: str,
        sender: str,
        content: Mapping[str, Any],
        *,
        state_key: str | None = None,
        event_id: str | None = None,
        hours_ago: float = 0,
        received_hours_ago: float | None = None,
        room_id: str = ROOM,
        rejected: bool = False,
        soft_failed: bool = False,
    ) -> str:
        """Write an event into the tables; returns its id."""
        order = next(self._numbers)
        event_id = event_id or f"$event{order}"
        sent = self.now - int(hours_ago * HOUR)
        received = sent if received_hours_ago is None else self.now - int(received_hours_ago * HOUR)
        row = (
            order,
            event_id,
            event_type,
            room_id,
            False,
            sent,
            received,
            sender,
            state_key,
            "no" if rejected else None,
        )
        self.database.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - marks only
        metadata = json.dumps({"soft_failed": True} if soft_failed else {})
        self.database.execute(
            "INSERT INTO event_json VALUES (?, ?, ?, ?)",
            (event_id, room_id, metadata, json.dumps({"content": dict(content)})),
        )
        relation = content.get("m.relates_to", {})
        if relation:
            self.database.execute(
                "INSERT INTO event_relations VALUES (?, ?, ?, ?)",
                (event_id, relation["event_id"], relation["rel_type"], relation.get("key")),
            )
        return event_id

    def react(self, sender: str, target: str, key: str, **how: Any) -> str:
        """Write a reaction."""
        relation = {"rel_type": "m.annotation", "event_id": target, "key": key}
        return self.take("m.reaction", sender, {"m.relates_to": relation}, **how)

    def redact(self, sender: str, target: str, *, recheck: bool = False) -> None:
        """Write a redaction."""
        redaction = self.take("m.room.redaction", sender, {"redacts": target})
        self.database.execute("INSERT INTO redactions VALUES (?, ?, ?)", (redaction, target, recheck))

    async def run_background(self) -> None:
        """Do what the module put into the background."""
        while self.background:
            work, *given = self.background.pop(0)
            await work(*given)

    async def _get_state(self, _room_id: str, _filter: object) -> State:
        return dict(self.state)

    def _later(self, _name: str, work: Callable[..., Any], *given: Any) -> None:
        self.background.append((work, *given))

    async def _interact(self, _name: str, work: Callable[..., Any], *given: Any) -> Any:
        return work(self.database.cursor(), *given)

    async def _publish(self, given: dict[str, Any]) -> EventBase:
        self.published.append(given)
        return self.set(given["type"], given["sender"], given["content"])


def _qualified(name: str) -> str:
    return name if name.startswith("@") else f"@{name}:home"


def refused(error: BaseException) -> tuple[int, str]:
    """The status and the sentence of what a client is answered."""
    answered: Any = error
    return answered.code, answered.msg


@pytest.fixture
def room() -> Iterable[Room]:
    """A room with Anna, Bob, the remote uncle, the AI and its helper."""
    made = Room()
    yield made
    made.database.close()
