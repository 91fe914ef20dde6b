"""How the rules change: tighter at once and backwards, looser announced and later, forward only."""

import pytest

from circles_harness import Event, Person, Service
from circles_policies import POLICY_TYPE, Preset, Reach, preset, to_content
from walks import (
    ADDRESSED,
    NOTEBOOK,
    admitted,
    ask,
    banner,
    body,
    chat,
    kind,
    look,
    messages,
    settled,
)

from .conftest import NewPerson


async def loosening(person: Person, room: str, service: Service) -> Event:
    """Wait for the announcement of a looser policy."""

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and kind(event) == "loosening"

    return await person.wait_for(room, holds, what="the announcement")


async def banner_says(person: Person, room: str, words: str, service: Service, *, after: str | None = None) -> Event:
    """Wait for a banner that says something."""

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and kind(event) == "banner" and words in body(event)

    return await person.wait_for(room, holds, after=after, what=f"a banner with {words!r}")


async def test_a_tighter_policy_acts_at_once_and_backwards(service: Service, mei: Person, li: Person) -> None:
    """What everyone could be asked about a moment ago is not looked at any more, nor when it loosens again."""
    room = await admitted(mei, service, li)
    await chat(room, [(li, "The tent is with Agnes"), (mei, "One"), (li, "Two"), (mei, "Three")])
    assert "Agnes" in await look(mei, room, "where is the tent?", service)

    await ask(mei, room, "!circle policy addressed", service)

    assert "Agnes" not in await look(mei, room, "where is the tent?", service)


async def test_a_looser_policy_is_announced_and_starts_when_all_agree(
    service: Service, mei: Person, li: Person, person: NewPerson
) -> None:
    """Who asked, from what to what, and when; 👍 by everyone else starts it, and it counts forward only."""
    uncle = await person("uncle")
    room = await admitted(mei, service, li, uncle, option=ADDRESSED)
    await chat(room, [(li, "The stove is with Agnes"), (mei, "One")])
    await mei.say(room, "!circle policy on call")

    notice = await loosening(li, room, service)
    assert body(notice).startswith(
        "Mei asks to change me from 'only what you say to it' to 'looks back when called'. It starts "
    )
    assert notice["content"]["msgtype"] == "m.text"
    await li.react(room, notice["event_id"], "👍")
    await li.unreact(room, notice["event_id"], "👍")
    await uncle.react(room, notice["event_id"], "👍")
    assert "Agnes" not in await look(mei, room, "where is the stove?", service)
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · only @me"
    await li.react(room, notice["event_id"], "👍")

    await banner_says(mei, room, "Circle looks back only when called.", service)
    await chat(room, [(li, "The stove went to Clara"), (mei, "Two"), (li, "Three"), (mei, "Four")])
    found = await look(mei, room, "where is the stove?", service)
    assert "Clara" in found
    assert "Agnes" not in found


async def test_a_looser_policy_starts_by_itself_after_its_day(hasty: Service, mei: Person, li: Person) -> None:
    """Nobody need tap anything: the time that was announced is kept (the day is a moment here)."""
    room = await admitted(mei, hasty, li, option=ADDRESSED)
    await mei.say(room, "!circle policy on call")

    notice = await loosening(li, room, hasty)

    await banner_says(li, room, "looks back only when called.", hasty, after=notice["event_id"])


async def test_the_admin_can_call_an_announced_change_off_and_a_member_cannot(
    service: Service, mei: Person, li: Person
) -> None:
    """❌ by a member gets the kind line; by the admin the change is withdrawn and its buttons go."""
    room = await admitted(mei, service, li, option=ADDRESSED)
    await mei.say(room, "!circle policy on call")
    notice = await loosening(li, room, service)

    await li.react(room, notice["event_id"], "❌")
    await li.wait_for_text(room, "An admin of this room decides that", sender=service.user_id)
    await mei.react(room, notice["event_id"], "❌")
    await mei.wait_for_text(room, "the announced change is called off", sender=service.user_id)
    await li.react(room, notice["event_id"], "👍")

    await settled(li, room, service)
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · only @me"
    left = await mei.relations(room, notice["event_id"], "m.annotation")
    assert service.user_id not in {each["sender"] for each in left}


async def test_asking_twice_for_the_same_change_announces_it_once(service: Service, mei: Person, li: Person) -> None:
    """It neither delays nor hastens the day."""
    room = await admitted(mei, service, li, option=ADDRESSED)
    await mei.say(room, "!circle policy on call")
    await loosening(li, room, service)

    await mei.say(room, "!circle policy on call")

    await settled(li, room, service)
    assert len([event for event in messages(li, room, service) if kind(event) == "loosening"]) == 1


async def test_in_a_room_of_two_a_looser_policy_starts_at_once(service: Service, mei: Person) -> None:
    """There is nobody else to tell."""
    room = await admitted(mei, service, option=ADDRESSED)

    await mei.say(room, "!circle policy on call")

    await banner_says(mei, room, "Circle looks back only when called.", service)


async def test_after_off_the_way_back_is_announced(service: Service, mei: Person, li: Person) -> None:
    """Resting is a policy like the others: it looks at nothing from then on, and waking is loosening."""
    room = await admitted(mei, service, li)
    told = await ask(mei, room, "!circle off", service)
    assert told.startswith("All right, I'm resting: I look at nothing and keep nothing new.")
    await banner_says(li, room, "Circle is resting: it looks at nothing.", service)

    await mei.say(room, "!circle ask where is the marzipan?")
    await mei.say(room, "!circle policy on call")

    notice = await loosening(li, room, service)
    assert "from 'resting' to 'looks back when called'" in body(notice)
    assert not any("marzipan" in said for said in await settled(mei, room, service))


async def test_off_by_a_member_is_answered_kindly(service: Service, mei: Person, li: Person) -> None:
    """The rules of the room are not one member's to change."""
    room = await admitted(mei, service, li)

    assert (await ask(li, room, "!circle off", service)).startswith("Thanks! An admin of this room decides that")
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · on call"


async def test_a_policy_written_as_state_counts_like_a_tap(service: Service, mei: Person, li: Person) -> None:
    """Developer tools work too: tighter at once; looser is announced all the same, and redacting it ends it."""
    room = await admitted(mei, service, li)
    written = await mei.set_state(room, POLICY_TYPE, to_content(preset(Preset.ADDRESSED, Reach.NONE)))
    await banner_says(mei, room, "Circle looks only at what you say to it.", service)

    await mei.redact(room, written)
    gone = await banner_says(mei, room, "No rules now: I look at nothing.", service)
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle"
    await mei.set_state(room, POLICY_TYPE, to_content(preset(Preset.NOTEBOOK, Reach.NONE)))

    notice = await loosening(li, room, service)
    assert "to 'group notebook'" in body(notice)
    await settled(li, room, service)
    later = [event for event in messages(li, room, service) if kind(event) == "banner"]
    assert later[-1]["event_id"] == gone["event_id"]


async def test_writing_an_announced_policy_as_state_does_not_start_it(
    service: Service, mei: Person, li: Person
) -> None:
    """The day of notice cannot be walked round by developer tools."""
    room = await admitted(mei, service, li, option=ADDRESSED)
    await mei.say(room, "!circle policy on call")
    await loosening(li, room, service)

    await mei.set_state(room, POLICY_TYPE, to_content(preset(Preset.ON_CALL, Reach.NONE)))

    await settled(mei, room, service)
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · only @me"


async def test_a_malformed_policy_means_nothing_is_looked_at(service: Service, mei: Person, li: Person) -> None:
    """The message names the key and what to write instead; choosing again helps."""
    room = await admitted(mei, service, li)
    await chat(room, [(li, "The lamp is with Agnes"), (mei, "One"), (li, "Two"), (mei, "Three")])

    await mei.set_state(room, POLICY_TYPE, {**to_content(preset(Preset.ON_CALL, Reach.NONE)), "read": {"who": "all"}})

    said = await mei.wait_for_text(room, "I can't read the policy that was set", sender=service.user_id)
    assert "read.who: Write one of nobody, addressed, consenting, everyone." in body(said)
    await mei.say(room, "!circle ask where is the lamp?")
    assert not any("Agnes" in each for each in await settled(mei, room, service))
    await ask(mei, room, "!circle policy on call", service)
    assert "Agnes" not in await look(mei, room, "where is the lamp?", service)


@pytest.mark.parametrize("words", ["!circle policy notebook", "!circle 规则 群笔记"])
async def test_a_member_cannot_change_the_policy_by_words(
    service: Service, mei: Person, li: Person, words: str
) -> None:
    """One kind line, in the language it was said in."""
    room = await admitted(mei, service, li)

    told = await ask(li, room, words, service)

    assert told.startswith(("Thanks! An admin of this room decides that", "谢谢！这件事由群管理员决定"))
    await settled(li, room, service)
    assert len([event for event in messages(li, room, service) if kind(event) == "loosening"]) == 0


async def test_the_offer_after_policy_can_be_tapped(service: Service, mei: Person, li: Person) -> None:
    """`policy` shows what holds and all five ways; the admin taps one of them."""
    room = await admitted(mei, service, li, option=NOTEBOOK)

    shown = await ask(li, room, "!circle policy", service)

    assert shown.startswith("Circle keeps a notebook of all said here.")
    assert shown.splitlines()[-5:] == [
        "1️⃣ Only what you say to it",
        "2️⃣ Looks back when called",
        "3️⃣ Only people who said yes",
        "4️⃣ Group notebook",
        "5️⃣ Resting",
    ]
    offer = next(event for event in messages(li, room, service) if kind(event) == "offer")
    first = await banner(mei, room, service)
    await mei.react(room, offer["event_id"], "5️⃣")
    await banner_says(mei, room, "Circle is resting", service, after=first["event_id"])
