"""Rooms that change under the AI: put out in the middle of an answer, state that was reset, servers shut out."""

import pytest

from circles_harness import Person, Service
from circles_harness.model import Delay
from walks import (
    ON_CALL,
    admission,
    admitted,
    answer,
    ask,
    banner,
    body,
    chat,
    placeholder,
    private_room,
    push,
    settled,
    spoken,
)

from .conftest import Breakable, NewPerson


@pytest.mark.parametrize("how", ["kick", "ban"])
async def test_put_out_in_the_middle_of_an_answer_it_says_nothing_more(
    breakable: Breakable, person: NewPerson, how: str
) -> None:
    """Invited again it begins with the question for a policy; who was out is out, and a new question is answered."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei, li = await person("mei", at=breakable.homeserver), await person("li", at=breakable.homeserver)
    room = await admitted(mei, thinker, li)
    private = await private_room(li, thinker)
    await ask(li, private, "out", thinker)
    await chat(room, [(mei, "The boat is with Agnes.")])
    model.always(Delay(20))
    question = await mei.say(room, "!circle ask where is the boat?")
    await placeholder(mei, room, question, thinker)
    await (mei.kick if how == "kick" else mei.ban)(room, thinker.user_id)
    gone = await mei.wait_for_member(room, thinker.user_id, "leave" if how == "kick" else "ban")
    model.reset()
    if how == "ban":
        await mei.unban(room, thinker.user_id)
    await mei.invite(room, thinker.user_id)
    notice = await admission(mei, room, thinker, after=gone["event_id"])
    await mei.react(room, notice["event_id"], ON_CALL)
    await banner(mei, room, thinker, after=notice["event_id"])
    said = await settled(mei, room, thinker)

    assert not any("Agnes" in text for text in said)
    assert "Garden: out" in await ask(li, private, "me", thinker)


async def test_a_state_reset_is_noticed_and_the_homeserver_believed(service: Service, mei: Person, li: Person) -> None:
    """We were told of a leave and of levels that the homeserver has dropped since: what we hear next cannot be."""
    room = await admitted(mei, service, li)
    common = {"room_id": room, "sender": mei.user_id, "origin_server_ts": 1}
    levels = await mei.state(room, "m.room.power_levels")
    assert levels is not None
    usurped = levels | {"users": {li.user_id: 100}, "users_default": 0}
    await push(
        service,
        common | {"type": "m.room.power_levels", "state_key": "", "event_id": f"$p{room}", "content": usurped},
        common
        | {
            "type": "m.room.member",
            "state_key": li.user_id,
            "event_id": f"$m{room}",
            "content": {"membership": "leave"},
        },
    )
    written = len(service.log())
    await mei.set_state(room, "m.room.topic", {"topic": "plates"})
    await li.say(room, "hello")
    await settled(mei, room, service)
    assert "action=state_reread" in service.log()[written:]

    question = await mei.say(room, "!circle policy resting")
    assert "decides" not in body(await answer(mei, room, question, service)), "Mei holds the level again"
    assert "Resting" in " ".join(spoken(mei, room, service))
