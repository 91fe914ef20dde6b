"""What the service says of people's choices, and whether events that this homeserver holds bear it out.

Tighter is taken on its word.  Looser has to rest on an event: "in" on the person's own, "let back" on a decider's, and
that somebody was told on something the AI said in the room after they came.  No claim reaches further back than that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, Final, cast

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
MOST: Final = 1_000
"""About so many people something may be said in one request."""


class _Outcome(Enum):
    """What became of a claim."""

    STORED = 200
    UNPROVEN = 403
    CHANGED = 409


_ANSWERS: Final = {
    _Outcome.STORED: (200, dict[str, Any]()),
    _Outcome.UNPROVEN: (403, {"errcode": "M_FORBIDDEN", "error": "because: no event here bears this out."}),
    _Outcome.CHANGED: (409, {"errcode": "M_UNKNOWN", "error": "It changed meanwhile: try again."}),
}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A standing as the service says it is, and the event that is to bear it out."""

    member: Member
    because: str | None


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
        claim = _claim(body)
        if claim is None:
            return _WRONG
        return _ANSWERS[(await self._take(room_id, {user_id: claim}))[user_id]]

    async def take_some(self, room_id: str, body: Mapping[str, object]) -> tuple[int, dict[str, Any]]:
        """Store the standings of many people, each if it is tighter or borne out.

        Answers whose were refused, and whose changed meanwhile and are to be told again.
        """
        listed = body.get("standings")
        claims: dict[str, _Claim] = {}
        for each in cast("list[object]", listed) if isinstance(listed, list) else [None]:
            user_id, claim = text(mapping(each).get("user_id")), _claim(mapping(each))
            if user_id is None or claim is None:
                return _WRONG
            claims[user_id] = claim
        if len(claims) > MOST:
            return _WRONG
        outcomes = await self._take(room_id, claims)
        return 200, {
            name: sorted(user for user, outcome in outcomes.items() if outcome is which)
            for name, which in (("refused", _Outcome.UNPROVEN), ("changed", _Outcome.CHANGED))
        }

    async def _take(self, room_id: str, claims: Mapping[str, _Claim]) -> dict[str, _Outcome]:
        """Store what may be stored of what is claimed about people in a room."""
        load = partial(standings.load, rooms=[room_id], people=set(claims))
        before = await self._api.run_db_interaction("circles_standing", load)
        told_at: dict[int, int | None] = {}
        weighed: dict[str, tuple[Standing, Standing]] = {}
        for user_id, claim in claims.items():
            stored = before.get((room_id, user_id), Standing())
            new = await self._weigh(room_id, user_id, claim, stored, told_at)
            if new is not None:
                weighed[user_id] = stored, new

        def write(txn: LoggingTransaction) -> set[str]:
            now = load(txn)
            same = {user for user, (old, _) in weighed.items() if now.get((room_id, user), Standing()) == old}
            standings.save(txn, {(room_id, user): weighed[user][1] for user in same})
            return same  # Of the others something was tightened meanwhile.

        written = await self._api.run_db_interaction("circles_vouched", write)
        outcomes = dict.fromkeys(claims, _Outcome.UNPROVEN)
        outcomes |= dict.fromkeys(weighed, _Outcome.CHANGED)
        return outcomes | dict.fromkeys(written, _Outcome.STORED)

    async def _weigh(
        self, room_id: str, user_id: str, claim: _Claim, stored: Standing, told_at: dict[int, int | None]
    ) -> Standing | None:
        """Return what may be stored of a claim, None if no event bears it out.

        `told_at`: what was found out before of when the AI first said something, by when somebody had come.
        """
        claimed = claim.member
        because = None if claim.because is None else await self._facts.event(claim.because)
        if because is not None and because.redacted:
            because = None
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
                return None
            chosen_at = because.at
        if looser.kept_out:
            if because is None or because.at <= stored.chosen_at or not await self._lets_back(because, room_id):
                return None
            chosen_at = because.at
        if stored.member.since is None and claimed.since is not None:
            if stored.came_at not in told_at:
                told_at[stored.came_at] = await self._told_at(room_id, stored)
            told = told_at[stored.came_at]
            told = because.at if own and because is not None and told is None else told
            if told is None:
                return None
            not_before = max(not_before, told)
        return replace(stored, member=_no_earlier(claimed, stored.member, not_before), chosen_at=chosen_at)

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


def _claim(body: Mapping[str, object]) -> _Claim | None:
    """Read a claim, None if it is none."""
    try:
        member = Member.model_validate_json(json.dumps(dict(mapping(body.get("member")))), strict=True)
    except (ValidationError, ValueError):
        return None
    return _Claim(member, text(body.get("because")))
