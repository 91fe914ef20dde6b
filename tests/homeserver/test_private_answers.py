"""What is asked in private stays there, and what an admin does in private shows nowhere else."""

from circles_harness import Person, Service
from walks import admitted, ask, body, chat, private_room, settled

LINES = ("The boat is with Agnes", "Dinner is on Sunday at six", "I bring the cake", "Rosa comes too")


async def test_why_is_told_in_private_wherever_the_answer_stands(service: Service, mei: Person, li: Person) -> None:
    """`why` in the direct message, and `why privately` in the room: both lead to the direct message only."""
    room = await admitted(mei, service, li)
    await chat(room, [(li, line) for line in LINES])
    await ask(mei, room, "!circle summary", service)
    private = await private_room(mei, service)

    assert "rests on" in await ask(mei, private, "why", service)

    last = mei.timeline(private)[-1]["event_id"]
    await mei.say(room, "!circle why privately")
    await mei.wait_for(
        private, lambda event: event["sender"] == service.user_id and "rests on" in body(event), after=last
    )
    assert not any("rests on" in said for said in await settled(mei, room, service))


async def test_keeping_someone_out_shows_nowhere_and_is_not_denied(service: Service, mei: Person, li: Person) -> None:
    """No answer is posted again in the room, and whoever says `in` meanwhile is told the truth."""
    room = await admitted(mei, service, li)
    await chat(room, [(li, line) for line in LINES])
    await ask(mei, room, "!circle summary", service)

    assert (await ask(mei, await private_room(mei, service), "keep out Li", service)).startswith("Done.")

    assert not any("Posted again" in said for said in await settled(mei, room, service))
    assert "an admin asked me to skip your words" in await ask(li, await private_room(li, service), "in", service)
