"""A tighter keeping: what it would delete is counted and shown, and goes after a ✅; once it can be undone."""

from circles_harness import Event, Person, Service
from walks import NOTEBOOK, admitted, body, chat, kind


async def notice(person: Person, room: str, service: Service) -> Event:
    """Wait for the count of what would go."""

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and kind(event) == "tightening"

    return await person.wait_for(room, holds, what="the count")


async def test_what_a_tighter_keeping_deletes_is_counted_and_goes_after_a_tick(
    service: Service, mei: Person, li: Person
) -> None:
    """Three messages are kept; on call they may not be; a member's ✅ does nothing, an admin's deletes them."""
    room = await admitted(mei, service, li, option=NOTEBOOK)
    await chat(room, [(li, "The zither is with Agnes"), (mei, "And the flute with Rosa"), (li, "Then all is well")])

    await mei.say(room, "!circle policy on call")
    told = await notice(mei, room, service)
    assert body(told).startswith("Mei asks me to keep less: 3 messages and 0 notes would go.")
    await li.react(room, told["event_id"], "✅")
    await li.wait_for_text(room, "An admin of this room decides", sender=service.user_id)
    await mei.react(room, told["event_id"], "✅")

    await mei.wait_for_text(room, "Deleted: I no longer hold", sender=service.user_id)


async def test_a_tighter_keeping_can_be_undone_once(service: Service, mei: Person, li: Person) -> None:
    """↩️ by an admin brings the notebook back and deletes nothing."""
    room = await admitted(mei, service, li, option=NOTEBOOK)
    await chat(room, [(li, "The drum is with Agnes"), (mei, "And the horn with Rosa"), (li, "Good")])
    await mei.say(room, "!circle policy addressed")
    told = await notice(mei, room, service)

    await mei.react(room, told["event_id"], "↩️")

    await mei.wait_for_text(room, "Undone; nothing was deleted.", sender=service.user_id)
    await mei.wait_for(
        room,
        lambda event: kind(event) == "banner" and "notebook" in body(event),
        after=told["event_id"],
        what="the banner of the notebook",
    )
