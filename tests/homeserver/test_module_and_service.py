"""The homeserver's module and the service together: who publishes a policy, and what the auth rules make of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from circles_harness import Homeserver, Person, Refused, Service

from .conftest import NewHomeserver

POLICY = "io.github.matrix_circles.policy"
MARK = "io.github.matrix_circles.ai"
MODULE = {"module": "circles_plugin.CirclesModule", "config": {"ai_user": "circle"}}

Circle = tuple[Homeserver, Service, Person, Person, str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def circle(new_homeserver: NewHomeserver) -> AsyncIterator[Circle]:
    """A homeserver with the module, the service told of it, and a room with an admin and a member."""
    homeserver = new_homeserver(modules=[MODULE])
    service = Service(homeserver, config={"homeserver": {"plugin": True}})
    async with asyncio.timeout(90):
        await homeserver.start()
    try:
        async with service:
            mei = await homeserver.person("mei", display_name="Mei")
            li = await homeserver.person("li", display_name="Li")
            room = await mei.create_room("Garden", invite=[service.user_id, li.user_id])
            await li.join(room)
            yield homeserver, service, mei, li, room
            await mei.close()
            await li.close()
    finally:
        await homeserver.close()


async def test_a_tap_becomes_the_admins_own_state(circle: Circle) -> None:
    """What an admin tapped stands in the room's state as theirs, though the AI has no power; a member's does not."""
    _, service, mei, li, room = circle
    notice = await mei.wait_for_text(room, "An admin may tap one", sender=service.user_id)
    await li.react(room, notice["event_id"], "3️⃣")
    await mei.wait_for_text(room, "An admin of this room decides", sender=service.user_id)
    assert await mei.state(room, POLICY, "") is None

    await mei.react(room, notice["event_id"], "2️⃣")
    written = await mei.wait_for(room, lambda event: event["type"] == POLICY, what="the published policy")
    await mei.wait_for_text(room, "looks back only when called", sender=service.user_id)

    assert written["sender"] == mei.user_id
    assert written["content"]["preset"] == "on_call"


async def test_what_the_ai_says_is_stamped_with_the_policy(circle: Circle) -> None:
    """An answer carries the homeserver's stamp beside the service's own mark: kind, effect and the policy in force."""
    _, service, mei, _, room = circle
    await mei.say(room, "!circle help")
    said = await mei.wait_for_text(room, "What you can say to me", sender=service.user_id)

    mark = said["content"][MARK]

    assert mark["kind"] == "help"
    assert mark["stamped"] is True
    assert mark["preset"] == "on_call"


async def test_a_malformed_policy_is_refused_and_nothing_changes(circle: Circle) -> None:
    """An admin's mistyped policy gets a readable 400, and the one in force stays."""
    _, _, mei, _, room = circle
    before = await mei.state(room, POLICY, "")

    with pytest.raises(Refused) as refused:
        await mei.set_state(room, POLICY, {"schema": 1, "trigger": "yes"})

    assert (refused.value.status, refused.value.errcode) == (400, "M_BAD_JSON")
    assert "trigger" in refused.value.text
    assert await mei.state(room, POLICY, "") == before
