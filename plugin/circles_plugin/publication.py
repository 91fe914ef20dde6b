"""Whether an approved policy may stand now, and its publication as the local person who approved it.

Nobody's power is lent: the state event is sent as that person, so the auth rules decide once more. What they refuse
stays unsaid here; the service tells the person. A looser policy waits for a day or for everybody (`change.starts`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from synapse.module_api import ModuleApi
from synapse.module_api.errors import SynapseError

from circles_plugin.approval import AGREE_KEY, Named, Start, Stored, Tap, commands, proposed, read_tap
from circles_plugin.identity import Identity
from circles_plugin.room_facts import RoomFacts, RoomState
from circles_policies import POLICY_TYPE, Policy, compare, starts, to_content
from circles_policies.engine import DAY_MS

logger = logging.getLogger(__name__)


class Publication:
    """Publishes what people approved."""

    def __init__(self, api: ModuleApi, facts: RoomFacts, identity: Identity, *, loosening_hours: float) -> None:
        self._api = api
        self._facts = facts
        self._identity = identity
        self._notice_ms = int(loosening_hours * 3_600_000)

    async def tapped(self, room_id: str, tap: Tap, reaction: str) -> None:
        """Publish what a local person just tapped, unless it is looser than what held: that waits for `due`."""
        await self._consider(room_id, Start(tap.event_id, tap.key, reaction), just_now=True)

    async def due(self, room_id: str, start: Start | Named) -> None:
        """Publish a policy that the AI says is due, if the homeserver finds so too."""
        await self._consider(room_id, start, just_now=False)

    async def _consider(self, room_id: str, start: Start | Named, *, just_now: bool) -> None:
        if not await self._facts.is_readable():
            return
        if isinstance(start, Named):
            policy: Policy | None = start.policy
        else:
            proposal = await self._facts.event(start.proposal)
            policy = proposed(proposal, start.key, ai=self._identity.ai, room_id=room_id)
        if policy is None:
            return
        approval = await self._facts.event(start.approval)
        if approval is None or approval.redacted or approval.room_id != room_id:
            return
        if not self._identity.is_local_person(approval.sender):
            return
        state = await self._facts.state(room_id)
        if not _approves(approval, start, policy, (await self._facts.standing(room_id, state)).policy):
            return
        if state.policy == policy:
            return
        if await self.may_stand(approval, policy, state, just_now=just_now):
            await self._publish(room_id, approval.sender, policy)
        else:
            logger.info("A policy for %s waits or is spent (action=policy_waits)", room_id)

    async def may_stand(self, approval: Stored, policy: Policy, state: RoomState, *, just_now: bool = False) -> bool:
        """Say whether an approval is still fresh and its policy's time has come.

        An approval older than the last policy event is spent: else the AI could bring an old one back.

        Args:
            approval: the person's event, already found to approve.
            policy: what it approves.
            state: the room's state.
            just_now: whether the event was just taken in, so that it cannot be an old one.
        """
        standing = await self._facts.standing(approval.room_id, state)
        if approval.order <= standing.order and not just_now:
            return False
        change = compare(standing.policy, policy)
        people = {person for person in state.joined if not self._identity.is_ours(person)}

        def begins(agreed: Mapping[str, int]) -> int:
            return starts(change, approval.at, asker=approval.sender, people=people, approvals=agreed)

        now, noticed = self._facts.now(), begins({})
        if noticed == approval.at + DAY_MS:
            # Nobody agreed yet, so the day of notice counts, as long as the operator has it.
            noticed = approval.at + self._notice_ms
        if noticed <= now:
            return True
        for notice_id, agreed in (await self._facts.agreements(approval.room_id, approval.order)).items():
            if begins(agreed) <= now and await self._announces(notice_id, approval, policy):
                return True
        return False

    async def _announces(self, notice_id: str, approval: Stored, policy: Policy) -> bool:
        """Say whether members agreed to this policy: 👍 on anything else that the AI says means something else."""
        notice = await self._facts.event(notice_id)
        offered = proposed(notice, AGREE_KEY, ai=self._identity.ai, room_id=approval.room_id)
        return offered == policy and notice is not None and notice.order > approval.order

    async def _publish(self, room_id: str, person: str, policy: Policy) -> None:
        event = {
            "type": POLICY_TYPE,
            "state_key": "",
            "room_id": room_id,
            "sender": person,
            "content": to_content(policy),
        }
        try:
            sent = await self._api.create_and_send_event_into_room(event)
        except SynapseError as refused:
            # Somebody without the power tapped: usual, and no error of ours.
            logger.info("A policy for %s was refused: %s (action=policy_refused)", room_id, refused.code)
        else:
            logger.info("Published the policy %s in %s (action=policy_published)", sent.event_id, room_id)


def _approves(approval: Stored, start: Start | Named, policy: Policy, standing: Policy | None) -> bool:
    """Say whether a person's event stands for the policy: by a tap on its option, or by words that name it."""
    if isinstance(start, Named):
        # A number means an option, which is not known here.
        return commands(approval, None, policy, standing, by_number=False)
    tap = read_tap(approval.event_type, approval.content)
    return tap == Tap(start.proposal, start.key) or commands(approval, start.key, policy, standing)
