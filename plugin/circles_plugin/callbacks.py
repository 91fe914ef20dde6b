"""Synapse's callbacks: what is refused, what is stamped, what is published. Twisted's coroutines, never asyncio.

Only a policy event and the AI's own output can ever be refused here. Each callback is wrapped once: an unexpected
error is logged by its name and place, without content, and refuses those two kinds of event and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, NoReturn

from synapse.module_api import EventBase, ModuleApi, StateMap
from synapse.module_api.errors import Codes, SynapseError
from twisted.internet.defer import CancelledError

from circles_plugin.approval import START_TYPE, Named, Start, Tap, commands, proposed, read_start, read_tap
from circles_plugin.config import ModuleConfig
from circles_plugin.identity import Identity
from circles_plugin.publication import Publication
from circles_plugin.room_facts import RoomFacts, RoomState, content_of, policy_in_force, read_state
from circles_plugin.stamp import stamped, takes_a_stamp, without_mark
from circles_policies import POLICY_TYPE, Malformed, Policy, read_authorisation, read_content

logger = logging.getLogger(__name__)

Verdict = tuple[bool, dict[str, Any] | None]
_ALLOWED: Final[Verdict] = (True, None)

UNAUTHORISED: Final = "The AI sets no rules of its own: name the person's event that approved them in authorised_by."
NOT_A_PERSON: Final = "authorised_by: name a person; the AI cannot approve its own rules."
NO_POWER: Final = "authorised_by: this person has not the power to set the AI's rules in this room."
NO_APPROVAL: Final = "authorised_by: no event of that person in this room approves these rules."
NOT_YET: Final = "authorised_by: this approval is spent, or its day of notice is not over and not everybody agreed."
UNCHECKED: Final = "Circles cannot check approvals on this homeserver: see its log."
EVERYBODY: Final = (
    f"Everybody may set the AI's rules here, so none would count: raise the power level for {POLICY_TYPE} "
    "above the default for users first."
)
BROKEN: Final = "Circles could not check this event: see the homeserver's log."


class Callbacks:
    """The callbacks, named as Synapse names them."""

    def __init__(self, config: ModuleConfig, api: ModuleApi, identity: Identity) -> None:
        self._config = config
        self._api = api
        self._identity = identity
        self._facts = RoomFacts(api)
        self._publication = Publication(api, self._facts, identity, loosening_hours=config.loosening_hours)

    async def self_check(self) -> None:
        """Find out at start whether Synapse's tables can be read, so that the log says so before anybody taps."""
        await self._facts.is_readable()

    async def check_event_allowed(self, event: EventBase, state_events: StateMap[EventBase]) -> Verdict:
        """Refuse a policy that cannot count, stamp what the AI writes, clear false marks."""
        try:
            return await self._judge(event, state_events)
        except (SynapseError, CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the one place: whatever goes wrong must not stop the room
            _log("check_event_allowed", error)
            if _is_policy(event) or self._is_output(event):
                raise SynapseError(500, BROKEN, Codes.UNKNOWN) from None
            return _ALLOWED

    async def on_new_event(self, event: EventBase, _state_events: StateMap[EventBase]) -> None:
        """Publish an approved policy in the background.

        Synapse calls this in every process that learns of the event; the one with the background tasks acts.
        """
        with _content_free("on_new_event"):
            self._notice(event)

    async def _judge(self, event: EventBase, state_events: StateMap[EventBase]) -> Verdict:
        if _is_policy(event):
            await self._check_policy(event, read_state(state_events))
            return _ALLOWED
        if event.is_state():
            return _ALLOWED
        content = content_of(event)
        if self._is_output(event):
            if not self._config.stamp:
                return _ALLOWED
            policy, policy_event = policy_in_force(state_events)
            return _replaced(event, stamped(content, policy_event=policy_event, policy=policy))
        if self._identity.is_ours(event.sender):
            return _ALLOWED
        unmarked = without_mark(content)
        return _ALLOWED if unmarked is None else _replaced(event, unmarked)

    def _is_output(self, event: EventBase) -> bool:
        return self._identity.is_ours(event.sender) and takes_a_stamp(event.type, is_state=event.is_state())

    async def _check_policy(self, event: EventBase, state: RoomState) -> None:
        content = content_of(event)
        policy = read_content(content)
        if isinstance(policy, Malformed):
            raise SynapseError(400, f"{POLICY_TYPE}: {policy.path}: {policy.advice}", Codes.BAD_JSON)
        if state.power is not None and state.power.needed_for_state(POLICY_TYPE) <= state.power.users_default:
            _refuse(EVERYBODY)
        if self._identity.is_ours(event.sender):
            await self._check_copy(event, policy, state)

    async def _check_copy(self, event: EventBase, policy: Policy, state: RoomState) -> None:
        authorisation = read_authorisation(content_of(event))
        if authorisation is None:
            _refuse(UNAUTHORISED)
        if self._identity.is_ours(authorisation.user_id):
            _refuse(NOT_A_PERSON)
        if state.power is None:
            # A room that is being created has no events yet to look at (A1: a founder ghost creates for the asker).
            return
        if not state.power.may_set_policy(authorisation.user_id):
            _refuse(NO_POWER)
        if state.policy == policy:
            return
        if not await self._facts.is_readable():
            _refuse(UNCHECKED)
        approval = await self._facts.event(authorisation.event_id)
        if approval is None or approval.redacted or approval.is_state:
            _refuse(NO_APPROVAL)
        if (approval.room_id, approval.sender) != (event.room_id, authorisation.user_id):
            _refuse(NO_APPROVAL)
        tap = read_tap(approval.event_type, approval.content)
        if tap is not None:
            proposal = await self._facts.event(tap.event_id)
            if proposed(proposal, tap.key, ai=self._identity.ai, room_id=event.room_id) != policy:
                _refuse(NO_APPROVAL)
        elif approval.event_type != "m.room.encrypted":  # What an encrypted command says, only the AI can know.
            standing = await self._facts.standing(event.room_id, state)
            if not commands(approval, None, policy, standing.policy):
                _refuse(NO_APPROVAL)
        if not await self._publication.may_stand(approval, policy, state):
            _refuse(NOT_YET)

    def _notice(self, event: EventBase) -> None:
        if event.is_state() or event.type not in ("m.reaction", START_TYPE):
            return
        if not (self._config.publish and self._api.should_run_background_tasks()):
            return
        content = content_of(event)
        if event.type == START_TYPE:
            start = read_start(content) if event.sender == self._identity.ai else None
            if start is not None:
                self._api.run_as_background_process("circles_due", self._due, event.room_id, start)
        elif self._identity.is_local_person(event.sender):
            tap = read_tap(event.type, content)
            if tap is not None:
                self._api.run_as_background_process("circles_tapped", self._tapped, event.room_id, tap, event.event_id)

    async def _due(self, room_id: str, start: Start | Named) -> None:
        with _content_free("circles_due"):
            await self._publication.due(room_id, start)

    async def _tapped(self, room_id: str, tap: Tap, reaction: str) -> None:
        with _content_free("circles_tapped"):
            await self._publication.tapped(room_id, tap, reaction)


@contextlib.contextmanager
def _content_free(where: str) -> Generator[None]:
    """End a background process in our own log line: Synapse would log the error's text."""
    try:
        yield
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        _log(where, error)


def _is_policy(event: EventBase) -> bool:
    return event.type == POLICY_TYPE and event.is_state() and event.state_key == ""


def _replaced(event: EventBase, content: dict[str, object]) -> Verdict:
    return True, {**event.get_dict(), "content": content}


def _refuse(sentence: str) -> NoReturn:
    raise SynapseError(403, sentence, Codes.FORBIDDEN)


def _log(where: str, error: Exception) -> None:
    """Log the error's name and our own lines on its way; its text may quote an event."""
    here = str(Path(__file__).parent)
    places = [
        f"{Path(f.filename).name}:{f.lineno}"
        for f in traceback.extract_tb(error.__traceback__)
        if f.filename.startswith(here)
    ]
    logger.error("%s failed: %s at %s", where, type(error).__name__, " < ".join(reversed(places)) or "unknown")
