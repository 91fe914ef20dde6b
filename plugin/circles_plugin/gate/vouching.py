"""What the service says of people's choices, and whether events that this homeserver holds bear it out.

Tighter is taken on its word.  Looser has to rest on an event: "in" on the person's own, "let back" on a decider's, and
that somebody was told on something the AI said in the room after they came.  No claim reaches further back than that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from synapse.module_api import LoggingTransaction, ModuleApi

from circles_plugin.approval import Stored
from circles_plugin.gate import history, standings
from circles_plugin.gate.standings import Standing
from circles_plugin.identity import Identity
from circles_plugin.room_facts import RoomFacts
from circles_policies import ControlWord, Level, Member, parse_control, room_names, without_reply_fallback
from circles_policies.events import mapping, text

_ENCRYPTED: Final = "m.room.encrypted"
_WRONG: Final = (400, {"errcode": "M_BAD_JSON", "error": "member, because: not as documented."})
_UNPROVEN: Final = (403, {"errcode": "M_FORBIDDEN", "error": "because: no event here bears this out."})


class Vouching:
    """Takes standings from the service."""

    def __init__(self, api: ModuleApi, facts: RoomFacts, identity: Identity, names: Sequence[str]) -> None:
        self._api = api
        self._facts = facts
        self._identity = identity
        self._names = (*names, *(form for name in names for form in room_names(name)))

    async def show(self, room_id: str) -> tuple[int, dict[str, Any]]:
        """Return everybody's standing in a room, so that the service can find out what is missing here."""
        found = await self._api.run_db_interaction("circles_standings", standings.of_room, room_id)
        return 200, {user_id: each.member.model_dump(mode="json") for user_id, each in found.items()}

    async def take(self, room_id: str, user_id: str, body: Mapping[str, object]) -> tuple[int, dict[str, Any]]:
        """Store a standing, if it is tighter or borne out."""
        try:
            claimed = Member.model_validate_json(_dumped(body.get("member")), strict=True)
        except (ValidationError, ValueError):
            return _WRONG
        named = text(body.get("because"))
        because = None if named is None else await self._facts.event(named)
        if because is not None and because.redacted:
            because = None
        stored = await self._api.run_db_interaction("circles_standing", standings.one, room_id, user_id)
        looser = standings.compare(stored.member, claimed)
        own = because is not None and because.sender == user_id and self._says(because, ControlWord.IN)
        chosen_at = stored.chosen_at
        if _is_tightened(stored.member, claimed):
            # From now on an older "in" or "let back" undoes nothing.
            mine = because is not None and because.sender == user_id
            chosen_at = max(chosen_at, because.at if because is not None and mine else self._facts.now())
        not_before = stored.member.since or 0
        if because is not None and (looser.level or looser.kept_out):
            # What was shut stays shut: it opens from the event on, whatever is claimed.
            not_before = max(not_before, because.at)
        if looser.level:
            if because is None or not own or because.at <= stored.chosen_at:
                return _UNPROVEN
            chosen_at = because.at
        if looser.kept_out:
            if because is None or because.at <= stored.chosen_at or not await self._lets_back(because, room_id):
                return _UNPROVEN
            chosen_at = because.at
        if stored.member.since is None and claimed.since is not None:
            told_at = await self._told_at(room_id, stored)
            told_at = because.at if own and because is not None and told_at is None else told_at
            if told_at is None:
                return _UNPROVEN
            not_before = max(not_before, told_at)
        member = _no_earlier(claimed, stored.member, not_before)

        def write(txn: LoggingTransaction) -> bool:
            if standings.one(txn, room_id, user_id) != stored:
                return False  # Something tightened it meanwhile.
            standings.save(txn, {(room_id, user_id): replace(stored, member=member, chosen_at=chosen_at)})
            return True

        written = await self._api.run_db_interaction("circles_vouched", write)
        return (200, {}) if written else (409, {"errcode": "M_UNKNOWN", "error": "It changed meanwhile: try again."})

    async def _told_at(self, room_id: str, stored: Standing) -> int | None:
        """Return when the AI first said something that somebody could see who came when they came."""
        return await self._api.run_db_interaction(
            "circles_told", history.first_said, room_id, self._identity.ai, stored.came_at
        )

    async def _lets_back(self, because: Stored, room_id: str) -> bool:
        """Say whether an event lets somebody back in: said, there or in private, by who decides in that room."""
        if self._identity.is_ours(because.sender) or not self._says(because, ControlWord.LET_BACK):
            return False
        power = (await self._facts.state(room_id)).power
        return power is not None and power.may_set_policy(because.sender)

    def _says(self, event: Stored, word: ControlWord) -> bool:
        if event.event_type == _ENCRYPTED:
            return True  # What it says only the AI can know; whose it is, is certain.
        body = without_reply_fallback(text(event.content.get("body")) or "")
        found = parse_control(body, self._names, addressed=True) if event.event_type == "m.room.message" else None
        return found is not None and found[0] is word


def _is_tightened(stored: Member, claimed: Member) -> bool:
    looser = standings.compare(claimed, stored)
    return looser.level or looser.kept_out


def _no_earlier(claimed: Member, stored: Member, at: int) -> Member:
    """Return what is claimed with nothing in it that reaches further back than `at` (ms), or than what is stored."""
    consented = claimed.consented_since
    if consented is not None and (stored.consented_since is None or consented < stored.consented_since):
        consented = max(consented, at)
    addressed = max(claimed.addressed_since, stored.addressed_since)
    if stored.level is Level.NOT_AT_ALL and claimed.level is not Level.NOT_AT_ALL:
        addressed = max(addressed, at)
    since = None if claimed.since is None else max(claimed.since, at)
    return claimed.model_copy(update={"since": since, "consented_since": consented, "addressed_since": addressed})


def _dumped(member: object) -> str:
    return json.dumps(dict(mapping(member)))
