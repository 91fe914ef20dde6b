"""SIGTERM: what is begun comes to its end, and whoever waits for longer is told."""

from circles_harness.model import Delay
from walks import admitted, answer, body, placeholder, settled

from .conftest import Breakable, NewPerson
from .test_crash import replies

FOUND = {"found": True, "answer": "The boat is with Agnes.", "messages": [1]}


async def test_an_answer_that_is_begun_is_said_before_it_stops(breakable: Breakable, person: NewPerson) -> None:
    """Nothing of it is left for the next start."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, thinker)
    await mei.say(room, "The boat is with Agnes")
    model.script((Delay(1), FOUND))
    question = await mei.say(room, "!circle ask where is the boat?")
    sign = await placeholder(mei, room, question, thinker)
    assert await thinker.stop() == 0

    assert "Agnes" in body(await answer(mei, room, question, thinker))
    await mei.wait_for_redaction(room, sign["event_id"])
    await thinker.start()
    await settled(mei, room, thinker)
    assert len(replies(mei, room, thinker.user_id)[question]) == 1
    model.reset()


async def test_who_waits_for_longer_is_told_to_ask_again(breakable: Breakable, person: NewPerson) -> None:
    """By one message, and the sign that it takes a while goes; the next start says nothing more of it."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, thinker)
    await mei.say(room, "The boat is with Agnes")
    model.script((Delay(2.5), FOUND))
    thinker.configure({"timing": {"drain_seconds": 0.2}})
    await thinker.restart()
    question = await mei.say(room, "!circle ask where is the boat?")
    sign = await placeholder(mei, room, question, thinker)
    assert await thinker.stop() == 0

    assert "Ask me again" in body(await answer(mei, room, question, thinker))
    await mei.wait_for_redaction(room, sign["event_id"])
    thinker.configure({"timing": {"drain_seconds": 5}})
    await thinker.start()
    await settled(mei, room, thinker)
    assert len(replies(mei, room, thinker.user_id)[question]) == 1
    model.reset()
