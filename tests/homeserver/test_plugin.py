"""The module in a real Synapse: what it refuses, publishes and stamps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from circles_harness import Event, Homeserver, Person, Refused
from circles_harness.process import DidNotStart
from circles_harness.service import registration
from circles_policies import (
    MARK_KEY,
    POLICY_TYPE,
    PROPOSAL_KEY,
    Authorisation,
    Policy,
    Preset,
    preset,
    to_content,
    to_proposal,
)

from .conftest import BOOT_DEADLINE_SECONDS, NewHomeserver, NewPerson

START_TYPE = "io.github.matrix_circles.start"
MODULE = {"module": "circles_plugin.CirclesModule", "config": {"ai_user": "circle"}}
RESTING, ADDRESSED = preset(Preset.RESTING), preset(Preset.ADDRESSED)
ON_CALL, NOTEBOOK = preset(Preset.ON_CALL), preset(Preset.NOTEBOOK)
OPTIONS = {"1️⃣": ADDRESSED, "2️⃣": ON_CALL, "3️⃣": NOTEBOOK}


class AsUser(Person):
    """A user of the application service's namespace, written for by its token."""

    async def request(self, method: str, path: str, body: Any = None, *, query: Any = ()) -> dict[str, Any]:
        """Call as this user."""
        return await super().request(method, path, body, query=[*query, ("user_id", self.user_id)])


@dataclass
class Circle:
    """The AI and its helper on a homeserver with the module, and another homeserver that federates with it."""

    homeserver: Homeserver
    elsewhere: Homeserver
    ai: AsUser
    ghost: AsUser

    async def room(self, admin: Person, *members: Person) -> str:
        """A room with the AI in it."""
        room = await admin.create_room("Garden", invite=[self.ai.user_id, *(member.user_id for member in members)])
        for member in (self.ai, *members):
            via = [self.homeserver.server_name] if self.elsewhere.base_url == member.base_url else []
            if via:
                await member.wait_for_invite(sender=admin.user_id)
            await member.join(room, via=via)
        return room

    async def propose(self, room: str, options: dict[str, Policy] | None = None) -> str:
        """A notice of the AI that proposes policies."""
        return await self.ai.send(room, "m.room.message", notice(options or OPTIONS))


def notice(options: dict[str, Policy]) -> dict[str, Any]:
    return {"msgtype": "m.notice", "body": "An admin may tap one", PROPOSAL_KEY: to_proposal(options)}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def circle(new_homeserver: NewHomeserver) -> AsyncIterator[Circle]:
    """Two homeservers, one with the module and the AI."""
    async with AsyncExitStack() as stack:
        here, there = new_homeserver(federation=True, modules=[MODULE]), Homeserver(federation=True)
        given = registration(server_name=here.server_name, url="", localpart="circle") | {"url": None}
        here.add_appservice(given)
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
            async with asyncio.TaskGroup() as boots:
                for each in (here, there):
                    stack.push_async_callback(each.close)
                    boots.create_task(each.start())
            users: list[AsUser] = []
            for localpart in ("circle", "circle_founder"):
                user = AsUser(
                    base_url=here.base_url,
                    user_id=f"@{localpart}:{here.server_name}",
                    access_token=str(given["as_token"]),
                    device_id="",
                )
                stack.push_async_callback(user.close)
                account = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
                await Person.request(user, "POST", "/v3/register", account)
                users.append(user)
        yield Circle(here, there, *users)


@pytest_asyncio.fixture(loop_scope="session")
async def anna(circle: Circle, person: NewPerson) -> Person:
    """Anna, who makes the rooms."""
    return await person("anna", at=circle.homeserver)


@pytest_asyncio.fixture(loop_scope="session")
async def bob(circle: Circle, person: NewPerson) -> Person:
    """Bob, a plain member."""
    return await person("bob", at=circle.homeserver)


async def policy_event(person: Person, room: str, policy: Policy) -> Event:
    """The policy event that says this."""
    content = to_content(policy)
    return await person.wait_for(
        room, lambda e: e["type"] == POLICY_TYPE and e["content"] == content, what=f"the policy {policy.preset}"
    )


async def came(person: Person, room: str, event_id: str) -> Event:
    """This event, once it has come to this person's homeserver."""
    return await person.wait_for(room, lambda event: event["event_id"] == event_id)


async def settle(circle: Circle, room: str) -> None:
    """Give the background work of what was just sent time to be done.

    It begins before the sender hears of the event, so something sent after is taken in later; there is nothing else
    to wait for where nothing should happen.
    """
    await circle.ai.say(room, "…")
    await asyncio.sleep(0.7)


# What is refused ----------------------------------------------------------------------------------------------


async def test_a_malformed_policy_is_refused_in_words(circle: Circle, anna: Person) -> None:
    """The answer names the key and what to write, and not what was written."""
    room = await anna.create_room("Garden")
    content = to_content(ON_CALL) | {"send": "canary"}

    with pytest.raises(Refused) as refused:
        await anna.set_state(room, POLICY_TYPE, content)

    assert (refused.value.status, refused.value.errcode) == (400, "M_BAD_JSON")
    assert refused.value.text == f"{POLICY_TYPE}: send: Write one of none, local, listed."
    with pytest.raises(Refused, match="redacted or is empty"):
        await anna.set_state(room, POLICY_TYPE, {})


async def test_a_room_is_not_created_with_a_malformed_policy(circle: Circle, anna: Person) -> None:
    """The same words from createRoom; a right one is taken, with the AI invited in the same request."""
    state: Event = {"type": POLICY_TYPE, "state_key": "", "content": {"schema": 1}}
    with pytest.raises(Refused) as refused:
        await anna.create_room("Garden", initial_state=[state])
    assert (refused.value.status, refused.value.text) == (400, f"{POLICY_TYPE}: trigger: Write true or false.")

    state["content"] = to_content(ON_CALL)
    room = await anna.create_room("Garden", initial_state=[state], invite=[circle.ai.user_id])
    await circle.ai.join(room)
    assert await anna.state(room, POLICY_TYPE) == to_content(ON_CALL)


async def test_a_person_may_set_a_policy_and_redact_it(circle: Circle, anna: Person, bob: Person) -> None:
    """The auth rules alone say who."""
    room = await circle.room(anna, bob)
    await anna.set_state(room, POLICY_TYPE, to_content(NOTEBOOK))
    with pytest.raises(Refused, match="M_FORBIDDEN"):
        await bob.set_state(room, POLICY_TYPE, to_content(ON_CALL))
    await anna.redact(room, (await policy_event(anna, room, NOTEBOOK))["event_id"])
    assert await anna.state(room, POLICY_TYPE) == {}


async def test_a_policy_that_everybody_could_set_is_refused(circle: Circle, anna: Person) -> None:
    """It would not count, and the answer says what to change."""
    room = await anna.create_room("Garden", power_level_content_override={"events": {POLICY_TYPE: 0}})
    with pytest.raises(Refused, match="raise the power level") as refused:
        await anna.set_state(room, POLICY_TYPE, to_content(ON_CALL))
    assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")


async def test_the_ai_sets_no_policy_of_its_own(circle: Circle, anna: Person, bob: Person) -> None:
    """Even with all the power: only with the event of a person who has it, for the very policy, once."""
    room = await circle.room(anna, bob)
    await anna.set_power(room, circle.ai.user_id, 100)
    proposal = await circle.propose(room)
    plain = await bob.react(room, proposal, "1️⃣")

    async def refusal(policy: Policy, by: Authorisation | None) -> str:
        with pytest.raises(Refused) as refused:
            await circle.ai.set_state(room, POLICY_TYPE, to_content(policy, authorised_by=by))
        assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")
        return refused.value.text

    assert "authorised_by" in await refusal(ADDRESSED, None)
    assert "the AI cannot approve" in await refusal(ADDRESSED, Authorisation(proposal, circle.ai.user_id))
    assert "has not the power" in await refusal(ADDRESSED, Authorisation(plain, bob.user_id))
    assert "no event of that person" in await refusal(ADDRESSED, Authorisation(plain, anna.user_id))
    assert "no event of that person" in await refusal(ADDRESSED, Authorisation("$none", anna.user_id))
    said = await anna.say(room, "I like notebooks")
    assert "no event of that person" in await refusal(NOTEBOOK, Authorisation(said, anna.user_id))
    tap = await anna.react(room, proposal, "1️⃣")
    assert "no event of that person" in await refusal(NOTEBOOK, Authorisation(tap, anna.user_id))
    await policy_event(anna, room, ADDRESSED)
    await anna.set_state(room, POLICY_TYPE, to_content(RESTING))
    assert "is spent" in await refusal(ADDRESSED, Authorisation(tap, anna.user_id))


async def test_the_ai_may_publish_a_copy_for_a_person_elsewhere(
    circle: Circle, anna: Person, person: NewPerson
) -> None:
    """A remote admin's tap is published by nobody here but the AI, where it has the power."""
    uncle = await person("uncle", at=circle.elsewhere)
    room = await circle.room(anna, uncle)
    await anna.set_power(room, uncle.user_id, 100)
    await anna.set_power(room, circle.ai.user_id, 50)
    proposal = await circle.propose(room)
    await came(uncle, room, proposal)
    tap = await uncle.react(room, proposal, "2⃣")
    await circle.ai.wait_for_reaction(room, proposal, "2⃣")
    await settle(circle, room)
    assert await anna.state(room, POLICY_TYPE) is None

    content = to_content(ON_CALL, authorised_by=Authorisation(tap, uncle.user_id))
    await circle.ai.set_state(room, POLICY_TYPE, content)
    await circle.ai.set_state(room, POLICY_TYPE, content)
    assert await anna.state(room, POLICY_TYPE) == content


async def test_a_command_authorises_a_copy_of_what_it_names(circle: Circle, anna: Person) -> None:
    """The words of an unencrypted command are checked."""
    room = await circle.room(anna)
    await anna.set_power(room, circle.ai.user_id, 50)
    said = Authorisation(await anna.say(room, "!circle policy on call"), anna.user_id)
    with pytest.raises(Refused, match="no event of that person"):
        await circle.ai.set_state(room, POLICY_TYPE, to_content(NOTEBOOK, authorised_by=said))
    await circle.ai.set_state(room, POLICY_TYPE, to_content(ON_CALL, authorised_by=said))


async def test_a_founder_ghost_creates_a_room_with_the_askers_policy(circle: Circle, anna: Person) -> None:
    """At creation there is no event to look at, but a name must stand there, and a person's."""

    async def create(by: Authorisation | None) -> str:
        state = {"type": POLICY_TYPE, "state_key": "", "content": to_content(ON_CALL, authorised_by=by)}
        return await circle.ghost.create_room("Garden", initial_state=[state])

    with pytest.raises(Refused, match="M_FORBIDDEN"):
        await create(None)
    with pytest.raises(Refused, match="the AI cannot approve"):
        await create(Authorisation("$asked", circle.ai.user_id))
    room = await create(Authorisation("$asked", anna.user_id))
    # Once the room stands, the same is looked up.
    with pytest.raises(Refused, match="has not the power"):
        await circle.ghost.set_state(
            room, POLICY_TYPE, to_content(NOTEBOOK, authorised_by=Authorisation("$asked", anna.user_id))
        )


# What is published --------------------------------------------------------------------------------------------


async def test_an_admins_tap_is_published_as_the_admin(circle: Circle, anna: Person, bob: Person) -> None:
    """Once, however often and by whomever it is tapped, and a plain member's tap does nothing."""
    room = await circle.room(anna, bob)
    proposal = await circle.propose(room)
    await bob.react(room, proposal, "3️⃣")
    await settle(circle, room)
    assert await anna.state(room, POLICY_TYPE) is None

    await anna.react(room, proposal, "2️⃣")
    event = await policy_event(anna, room, ON_CALL)
    assert event["sender"] == anna.user_id

    await anna.unreact(room, proposal, "2️⃣")
    await anna.react(room, proposal, "2️⃣")
    await settle(circle, room)
    await anna.sync()
    assert [e["event_id"] for e in anna.timeline(room) if e["type"] == POLICY_TYPE] == [event["event_id"]]


async def test_a_tap_in_an_encrypted_room_is_published(circle: Circle, anna: Person) -> None:
    """The proposal stands in the clear content beside the ciphertext, and reactions are not encrypted."""
    room = await anna.create_room("Garden", encrypted=True, invite=[circle.ai.user_id])
    await circle.ai.join(room)
    content = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…", PROPOSAL_KEY: to_proposal(OPTIONS)}
    proposal = await circle.ai.send(room, "m.room.encrypted", content)
    await anna.react(room, proposal, "1️⃣")
    await policy_event(anna, room, ADDRESSED)


async def test_only_a_standing_proposal_of_the_ai_counts(circle: Circle, anna: Person, bob: Person) -> None:
    """Not a redacted one, nor somebody else's, nor a helper's, nor one of another room, nor another key."""
    room = await circle.room(anna, bob)
    redacted = await circle.propose(room)
    await circle.ai.redact(room, redacted)
    forged = await bob.send(room, "m.room.message", notice(OPTIONS))
    await anna.invite(room, circle.ghost.user_id)
    await circle.ghost.join(room)
    helpers = await circle.ghost.send(room, "m.room.message", notice(OPTIONS))
    for target in (redacted, forged, helpers):
        await anna.react(room, target, "1️⃣")
    await anna.react(room, await circle.propose(room), "❌")
    await settle(circle, room)
    assert await anna.state(room, POLICY_TYPE) is None


async def test_a_looser_policy_waits(circle: Circle, anna: Person, bob: Person) -> None:
    """A tap does not publish it, neither does the AI's asking, until everybody has agreed to this very policy."""
    room = await circle.room(anna, bob)
    proposal = await circle.propose(room)
    await anna.react(room, proposal, "1️⃣")
    await policy_event(anna, room, ADDRESSED)
    tap = await anna.react(room, proposal, "3️⃣")
    start = {"proposal": proposal, "key": "3️⃣", "approval": tap}

    other = await circle.propose(room, {"👍": ON_CALL})
    asked = await circle.propose(room, {"👍": NOTEBOOK})
    await bob.react(room, other, "👍")
    await bob.react(room, await circle.ai.say(room, "Lunch?"), "👍")
    await circle.ai.send(room, START_TYPE, start)
    await anna.send(room, START_TYPE, start)
    await settle(circle, room)
    assert await anna.state(room, POLICY_TYPE) == to_content(ADDRESSED)

    await bob.react(room, asked, "👍️")
    await circle.ai.send(room, START_TYPE, start)
    assert (await policy_event(anna, room, NOTEBOOK))["sender"] == anna.user_id


async def test_tightening_acts_at_once_and_brings_nothing_back(circle: Circle, anna: Person, bob: Person) -> None:
    """A tap is spent once a later policy stands: the AI cannot use it to loosen again."""
    room = await circle.room(anna, bob)
    proposal = await circle.propose(room)
    tap = await anna.react(room, proposal, "3️⃣")
    await policy_event(anna, room, NOTEBOOK)
    await anna.react(room, proposal, "2️⃣")
    await policy_event(anna, room, ON_CALL)

    asked = await circle.propose(room, {"👍": NOTEBOOK})
    await bob.react(room, asked, "👍")
    await circle.ai.send(room, START_TYPE, {"proposal": proposal, "key": "3️⃣", "approval": tap})
    await settle(circle, room)
    assert await anna.state(room, POLICY_TYPE) == to_content(ON_CALL)


async def test_emptying_a_policy_is_no_way_round_the_notice(circle: Circle, anna: Person, bob: Person) -> None:
    """After a redaction the last policy of the history still counts, as it was sent."""
    room = await circle.room(anna, bob)
    proposal = await circle.propose(room)
    await anna.react(room, proposal, "1️⃣")
    await anna.redact(room, (await policy_event(anna, room, ADDRESSED))["event_id"])
    await anna.react(room, proposal, "3️⃣")
    await settle(circle, room)
    assert await anna.state(room, POLICY_TYPE) == {}


async def test_alone_with_the_ai_looser_acts_at_once(circle: Circle, anna: Person) -> None:
    """In a room of two there is nobody to give notice to."""
    room = await circle.room(anna)
    proposal = await circle.propose(room)
    await anna.react(room, proposal, "1️⃣")
    await policy_event(anna, room, ADDRESSED)
    await anna.react(room, proposal, "3️⃣")
    await policy_event(anna, room, NOTEBOOK)


async def test_a_command_is_published_when_the_ai_says_it_is_due(circle: Circle, anna: Person) -> None:
    """A local person's command counts for the option it names, by number or by name."""
    room = await circle.room(anna)
    proposal = await circle.propose(room)
    wrong = await anna.say(room, "!circle policy resting")
    right = await anna.say(room, "!circle enable 2")
    for approval in (wrong, right):
        start = {"proposal": proposal, "key": "2️⃣", "approval": approval}
        await circle.ai.send(room, START_TYPE, start)
        await settle(circle, room)
        assert (await anna.state(room, POLICY_TYPE) is None) == (approval == wrong)
    assert (await policy_event(anna, room, ON_CALL))["sender"] == anna.user_id


# What is stamped ----------------------------------------------------------------------------------------------


async def test_what_the_ai_writes_is_stamped_for_everybody(circle: Circle, anna: Person, person: NewPerson) -> None:
    """The stamp federates, keeps what the service put in the mark, and stands beside ciphertext."""
    uncle = await person("uncle", at=circle.elsewhere)
    room = await circle.room(anna, uncle)
    early = await circle.ai.say(room, "Hello")
    await anna.set_state(room, POLICY_TYPE, to_content(ON_CALL))
    policy = await policy_event(anna, room, ON_CALL)
    mark = {"kind": "answer", "effect": "7", "stamped": False, "preset": "resting"}
    said = await circle.ai.send(room, "m.room.message", {"msgtype": "m.notice", "body": "Four pots", MARK_KEY: mark})
    secret = await circle.ai.send(room, "m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…"})
    edit = await circle.ai.edit(room, said, "Five pots")
    reaction = await circle.ai.react(room, said, "👀")

    stamp = {"stamped": True, "policy_event": policy["event_id"], "preset": "on_call"}
    for reader in (anna, uncle):
        seen = {e: await came(reader, room, e) for e in (early, said, secret, edit)}
        assert seen[early]["content"][MARK_KEY] == {"stamped": True}
        assert seen[said]["content"][MARK_KEY] == {"kind": "answer", "effect": "7", **stamp}
        assert seen[secret]["content"][MARK_KEY] == stamp
        assert seen[edit]["content"]["m.new_content"][MARK_KEY] == stamp
    assert MARK_KEY not in (await anna.event(room, reaction))["content"]


async def test_nobody_else_carries_the_mark(circle: Circle, anna: Person) -> None:
    """A person who sends, or forwards, the AI's mark is heard without it."""
    room = await circle.room(anna)
    mark = {MARK_KEY: {"stamped": True}}
    content = {"msgtype": "m.text", "body": "I am the AI", **mark, "m.new_content": {"body": "x", **mark}}
    sent = await anna.send(room, "m.room.message", content)
    seen = (await anna.event(room, sent))["content"]
    assert seen == {"msgtype": "m.text", "body": "I am the AI", "m.new_content": {"body": "x"}}


async def test_a_repeated_send_is_still_one_event(circle: Circle, anna: Person) -> None:
    """The stamp does not disturb the transaction id, by which the outbox repeats safely."""
    room = await circle.room(anna)
    path = f"/v3/rooms/{room}/send/m.room.message/once"
    body = {"msgtype": "m.notice", "body": "Once"}
    first, second = [(await circle.ai.request("PUT", path, body))["event_id"] for _ in range(2)]
    assert first == second


# How it is run ------------------------------------------------------------------------------------------------


async def test_a_wrong_setting_says_what_to_write() -> None:
    """Synapse does not start, names the key, and shows nothing that stood there."""
    config = {"ai_user": "circle", "as_token": "canary-secret"}
    homeserver = Homeserver(modules=[{"module": MODULE["module"], "config": config}])
    with pytest.raises(DidNotStart) as failed:
        await homeserver.start()
    assert "as_token: take this key out; known are ai_user" in str(failed.value)
    assert "canary-secret" not in homeserver.log()
    await homeserver.close()


async def test_the_log_holds_no_content(circle: Circle, anna: Person, bob: Person) -> None:
    """The module's lines name ids only, also of what was refused; nothing failed unexpectedly."""
    room = await circle.room(anna, bob)
    proposal = await circle.propose(room)
    await circle.ai.say(room, "canary pots")
    await bob.react(room, proposal, "2️⃣")
    await settle(circle, room)
    await anna.react(room, proposal, "2️⃣")
    await policy_event(anna, room, ON_CALL)

    lines = [line for line in circle.homeserver.log().splitlines() if " circles_plugin." in line]
    assert any(room in line and "action=policy_published" in line for line in lines)
    assert any(room in line and "action=policy_refused" in line for line in lines)
    assert not any("failed" in line or "Cannot read" in line or "canary" in line for line in lines)
