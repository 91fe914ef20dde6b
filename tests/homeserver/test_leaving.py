"""How the AI goes, and where it does not come: leave, vote, kick, the operator's list."""

from circles_harness import Person, Service
from walks import admitted, ask, chat, circle, kind, messages, private_room, settled

from .conftest import NewPerson


async def test_an_admin_says_leave_and_it_goes(service: Service, mei: Person, li: Person) -> None:
    """It says goodbye, and what follows from its leaving."""
    room = await admitted(mei, service, li)

    await mei.say(room, "!circle leave")

    await li.wait_for_text(room, "All right, I'm leaving. Reminders end", sender=service.user_id)
    await li.wait_for_member(room, service.user_id, "leave")


async def test_members_vote_and_more_than_half_is_enough(
    service: Service, mei: Person, li: Person, person: NewPerson
) -> None:
    """Any member may call it; a vote taken back does not count."""
    uncle = await person("uncle")
    room = await admitted(mei, service, li, uncle)
    await li.say(room, "!circle 投票离开")
    vote = await li.wait_for(room, lambda event: kind(event) == "vote", what="the vote")
    assert vote["content"]["body"].startswith("Li suggests that I leave. Tap ✅ if you agree")

    await li.react(room, vote["event_id"], "✅")
    await li.unreact(room, vote["event_id"], "✅")
    await uncle.react(room, vote["event_id"], "✅")
    await settled(li, room, service)
    assert service.user_id in await li.members(room)
    await li.react(room, vote["event_id"], "✅")

    gone = await li.wait_for_member(room, service.user_id, "leave")
    assert gone["content"]["reason"] == "Most of you voted that I leave. Goodbye! 大家投票让我离开，再见！"


async def test_whom_the_operator_does_not_allow_is_declined_with_a_reason(picky: Service, person: NewPerson) -> None:
    """The operator's list holds for rooms; who shares a circle with the AI may still write to it in private."""
    friend, stranger = await person("friend"), await person("eve")
    room = await stranger.create_room("Trap", invite=[picky.user_id])

    gone = await stranger.wait_for_member(room, picky.user_id, "leave")

    assert gone["content"]["reason"].startswith("My operator lets me join only some people's rooms")
    assert "管理我的人只让我进部分群" in gone["content"]["reason"]
    await admitted(friend, picky, stranger)
    private = await private_room(stranger, picky)
    assert "Nobody is told." in await ask(stranger, private, "out", picky)


async def test_after_a_kick_nothing_of_the_room_is_kept(service: Service, mei: Person, li: Person) -> None:
    """A reminder that was set does not come, and the banner of a later stay is a new one."""
    room = await admitted(mei, service, li)
    await ask(mei, room, "!circle remind us in 3 seconds to stand up", service)

    await mei.kick(room, service.user_id)
    await mei.wait_for_member(room, service.user_id, "leave")
    again = await circle(mei, service, li, name="Elsewhere")
    await ask(mei, again, "!circle help", service)
    await chat(room, [(li, "Still here?")])
    await li.sync()

    assert [event for event in messages(li, room, service) if kind(event) == "reminder"] == []
