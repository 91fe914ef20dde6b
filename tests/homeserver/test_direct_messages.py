"""A direct message with the AI: what is said there is between two, and ends when a third comes."""

from circles_harness import Person, Service
from walks import admission, admitted, ask, body, chat, let_in, private_room, settled, spoken

from .conftest import NewPerson


async def test_help_is_answered_at_once_and_needs_no_policy(service: Service, mei: Person) -> None:
    """A direct message has its own policy: only what you say to it."""
    private = await private_room(mei, service)

    assert (await ask(mei, private, "help", service)).startswith("What you can say to me:")
    assert (await ask(mei, private, "帮助", service)).startswith("可以对我说：")


async def test_off_in_private_says_what_it_is_for(service: Service, mei: Person) -> None:
    """There is nothing to switch off between two."""
    private = await private_room(mei, service)

    assert (await ask(mei, private, "off", service)).startswith("In private I look only at what you say to me")
    assert (await ask(mei, private, "休息", service)).startswith("私信里我只看你对我说的话")


async def test_the_policy_of_a_circle_is_shown_in_private_and_chosen_in_the_room(
    service: Service, mei: Person, li: Person
) -> None:
    """What all must see done is not done in private, not even by the admin."""
    room = await admitted(mei, service, li)
    private = await private_room(mei, service)

    shown = await ask(mei, private, "policy", service)
    assert shown.startswith("Circle looks back only when called.")
    assert shown.endswith("To change it, an admin says “policy” in the room itself, where everyone sees it.")
    assert (await ask(mei, private, "policy notebook", service)).startswith("To change it, an admin says")

    await settled(li, room, service)
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · on call"
    assert len(spoken(mei, private, service)) == 2


async def test_a_third_person_makes_it_a_circle(service: Service, mei: Person, li: Person, person: NewPerson) -> None:
    """It asks to be admitted, what was said between two is not looked at, and private words go elsewhere."""
    circle = await admitted(mei, service, person_in := await person("uncle"))
    private = await private_room(mei, service)
    await ask(mei, private, "help", service)
    await mei.say(private, "The ring is with Agnes")

    await mei.invite(private, li.user_id)
    await li.join(private)

    notice = await admission(li, private, service)
    await mei.react(private, notice["event_id"], "2️⃣")
    await mei.wait_for_text(private, "Circle looks back only when called.", sender=service.user_id)
    await chat(private, [(mei, "One"), (li, "Two"), (mei, "Three"), (li, "Four")])
    assert "Agnes" not in await ask(li, private, "!circle ask where is the ring?", service)
    before = len(spoken(li, private, service))
    await mei.say(circle, "!circle out")
    elsewhere = await let_in(mei, service)
    await mei.wait_for_text(elsewhere, "Done (Garden).", sender=service.user_id)
    assert elsewhere != private
    await li.sync()
    assert len(spoken(li, private, service)) == before
    assert person_in.user_id in await mei.members(circle)


async def test_a_room_of_ours_that_others_came_into_is_not_used_for_private_words_again(
    service: Service, mei: Person, li: Person
) -> None:
    """The AI makes another one, though the first carries the alias by which it finds its direct messages."""
    room = await admitted(mei, service, li)
    await li.say(room, "!circle out")
    first = await let_in(li, service)
    await li.wait_for_text(first, "Done (Garden).", sender=service.user_id)
    await li.invite(first, mei.user_id)
    await mei.join(first)
    await admission(mei, first, service)

    await li.say(room, "!circle in")

    second = await let_in(li, service)
    assert second != first
    told = await li.wait_for_text(second, "I may look at what you say from now on", sender=service.user_id)
    assert body(told).startswith("Done (")
    await mei.sync()
    assert not any("Done" in said for said in spoken(mei, first, service) if "from now on" in said)
