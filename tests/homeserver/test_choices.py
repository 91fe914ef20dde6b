"""What each person chooses for themselves: out, not at all, in; and what an admin may choose for another."""

import re

import pytest

from circles_harness import Person, Service
from walks import (
    NOTEBOOK,
    admitted,
    answer,
    ask,
    body,
    chat,
    let_in,
    look,
    on_disk,
    private_room,
    settled,
)

from .conftest import NewPerson

KEPT_OUT = "Some messages were kept out."


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        pytest.param("out", "Done (Garden). I skip what you say to others; what you say to me still counts.", id="en"),
        pytest.param("不看我", "好的（Garden）：你跟大家说的话我不看了；直接对我说的还算数。", id="zh"),
    ],
)
async def test_out_said_as_the_first_words_of_a_direct_message_is_obeyed(
    service: Service, mei: Person, li: Person, words: str, reply: str
) -> None:
    """Element sends the first message before the AI has joined; it is read from the invite on."""
    room = await admitted(mei, service, li)
    private = await li.start_dm(service.user_id)

    said = await li.say(private, words)

    assert body(await answer(li, private, said, service)).startswith(reply)
    await chat(room, [(li, "The ladder is with Agnes"), (mei, "Which ladder?"), (mei, "The long one?"), (mei, "Hm")])
    found = await look(mei, room, "where is the ladder?", service)
    assert "Agnes" not in found


async def test_out_typed_with_msg_has_no_mentions_key_and_is_obeyed(service: Service, mei: Person, li: Person) -> None:
    """`/msg @circle out` posts nothing in the room and carries no `m.mentions`."""
    room = await admitted(mei, service, li)
    private = await private_room(li, service)

    said = await li.say(private, "out", mentions=None)

    assert "Nobody is told." in body(await answer(li, private, said, service))
    assert len(await settled(mei, room, service)) == 3


async def test_out_said_in_the_room_is_answered_in_private_only(service: Service, mei: Person, li: Person) -> None:
    """The room sees nothing of the AI's: no reply, no reaction; the person gets a direct message."""
    room = await admitted(mei, service, li)
    before = await settled(mei, room, service)

    said = await li.say(room, "!circle out")

    private = await let_in(li, service)
    told = await li.wait_for_text(private, "Done (Garden).", sender=service.user_id)
    assert 'To come back, say "in".' in body(told)
    assert await settled(mei, room, service) == before
    assert [event for event in await mei.relations(room, said) if event["sender"] == service.user_id] == []


async def test_what_an_outed_person_says_to_the_ai_still_counts(service: Service, mei: Person, li: Person) -> None:
    """Out is about talk: they may go on asking."""
    room = await admitted(mei, service, li)
    await ask(li, await private_room(li, service), "out", service)
    await chat(room, [(mei, "The drill is with Berta"), (mei, "Anyone need it?"), (mei, "No?"), (mei, "Fine")])

    assert "Berta" in await look(li, room, "where is the drill?", service)


async def test_not_at_all_leaves_only_control_words(service: Service, mei: Person, li: Person) -> None:
    """Even what is said to the AI is not looked at; `in` brings the person back, for newer messages only."""
    room = await admitted(mei, service, li)
    private = await private_room(li, service)
    told = await ask(li, private, "not at all", service)
    assert told.startswith("Done (Garden). I look at nothing of yours, not even what you say to me.")

    unheard = await li.say(room, "!circle ask where is the rhubarb?")
    await chat(room, [(li, "The rhubarb is with Agnes"), (mei, "One"), (mei, "Two"), (mei, "Three")])
    await settled(mei, room, service)

    assert not [event for event in await li.relations(room, unheard) if event["sender"] == service.user_id]
    assert b"rhubarb" not in on_disk(service)
    back = await ask(li, private, "in", service)
    assert back.startswith("Done (Garden). I may look at what you say from now on, not at what came before.")
    await chat(room, [(li, "The rhubarb pie is with Clara"), (mei, "Four")])
    found = await look(li, room, "where is the rhubarb pie?", service)
    assert "Clara" in found
    assert "Agnes" not in found


async def test_out_is_obeyed_backwards_and_in_only_forward(service: Service, mei: Person, li: Person) -> None:
    """What was said before the out goes too, and does not come back with a later in."""
    room = await admitted(mei, service, li)
    private = await private_room(li, service)
    await chat(room, [(li, "The kayak is with Agnes"), (mei, "One"), (mei, "Two"), (mei, "Three")])
    assert "Agnes" in await look(mei, room, "where is the kayak?", service)

    await ask(li, private, "out", service)
    await ask(li, private, "in", service)
    await chat(room, [(li, "The kayak paddle is with Clara"), (mei, "Four"), (mei, "Five")])

    found = await look(mei, room, "where is the kayak paddle?", service)
    assert "Clara" in found
    assert "Agnes" not in found


async def test_an_out_for_all_holds_in_circles_joined_later(service: Service, mei: Person, li: Person) -> None:
    """Said in private it is for every circle, those to come included; one word is enough."""
    await ask(li, await private_room(li, service), "out", service)

    room = await admitted(mei, service, li)
    await chat(room, [(li, "The sledge is with Agnes"), (mei, "One"), (mei, "Two"), (mei, "Three")])

    assert "Agnes" not in await look(mei, room, "where is the sledge?", service)


async def test_under_agreed_silence_means_no_and_in_means_yes(service: Service, mei: Person, li: Person) -> None:
    """Only people who said yes are looked at, from their yes on."""
    room = await admitted(mei, service, li)
    await ask(mei, room, "!circle policy agreed", service)
    await chat(room, [(mei, "The canoe is with Berta"), (li, "The canoe was with Agnes")])
    assert "with" not in (await look(mei, room, "where is the canoe?", service)).replace("without", "")

    await ask(li, await private_room(li, service), "可以看我", service)
    await chat(room, [(mei, "The canoe is with Berta still"), (li, "The canoe is with Clara now")])

    found = await look(mei, room, "where is the canoe?", service)
    assert "Clara" in found
    assert "Berta" not in found
    assert "Agnes" not in found


async def test_an_admin_keeps_someone_out_and_lets_them_back_in_private(
    service: Service, mei: Person, person: NewPerson
) -> None:
    """The room is told nothing; the person's own words are as if out, until let back."""
    child = await person("tom", display_name="Tom")
    room = await admitted(mei, service, child)
    private = await private_room(mei, service)

    kept = await ask(mei, private, "keep out Tom", service)

    assert kept == 'Done. I skip what Tom says; the room is not told. To undo it, tell me "let back Tom".'
    await chat(room, [(child, "The skates are with Agnes"), (mei, "One"), (mei, "Two"), (mei, "Three")])
    assert "Agnes" not in await look(mei, room, "where are the skates?", service)
    assert (await ask(mei, private, "let back Tom", service)).startswith("Done. I no longer keep Tom out;")
    await chat(room, [(child, "The skates went to Clara"), (mei, "Four")])
    found = await look(mei, room, "where are the skates?", service)
    assert "Clara" in found
    assert "Agnes" not in found


async def test_a_member_cannot_keep_another_out_not_even_in_private(service: Service, mei: Person, li: Person) -> None:
    """The power that counts is the one in the circle, not the one everybody has in their direct message."""
    room = await admitted(mei, service, li)
    await settled(li, room, service)  # It knows by now who is here.

    told = await ask(li, await private_room(li, service), "keep out Mei", service)

    assert told.startswith("Thanks! An admin of this room decides that")
    await chat(room, [(mei, "The axe is with Agnes"), (li, "One"), (li, "Two"), (li, "Three")])
    assert "Agnes" in await look(li, room, "where is the axe?", service)


async def test_nobody_can_loosen_anothers_choice(service: Service, mei: Person, li: Person) -> None:
    """An admin's `let back` undoes a keeping out, never an out; nor does the room's policy."""
    room = await admitted(mei, service, li)
    await ask(li, await private_room(li, service), "out", service)

    await ask(mei, await private_room(mei, service), "let back Li", service)
    await chat(room, [(li, "The spade is with Agnes"), (mei, "One"), (mei, "Two"), (mei, "Three")])

    assert "Agnes" not in await look(mei, room, "where is the spade?", service)


async def test_small_windows_do_not_tell_out_from_silent(service: Service, mei: Person, person: NewPerson) -> None:
    """Asked for one, two and three messages, the answers are the same whether the last speaker is out or not there."""

    async def answers(*, out: bool) -> list[str]:
        quiet, other = await person("li", display_name="Li"), await person("uncle", display_name="Uncle")
        room = await admitted(mei, service, quiet, other, option=NOTEBOOK)
        if out:
            await ask(quiet, await private_room(quiet, service), "out", service)
        await chat(room, [(mei, "Shall we meet on Sunday?"), (other, "Yes, I'll bring cake."), (mei, "Good.")])
        if out:
            await quiet.say(room, "I would rather not.")
        return [await ask(mei, room, f"!circle summary last {number}", service) for number in (1, 2, 3)]

    assert await answers(out=True) == await answers(out=False)


async def test_a_summary_says_that_something_was_kept_out_without_a_count(
    service: Service, mei: Person, li: Person
) -> None:
    """One fixed sentence, whoever and however many."""
    room = await admitted(mei, service, li)
    await ask(li, await private_room(li, service), "out", service)
    await chat(
        room,
        [
            (mei, "Shall we meet on Sunday at ten?"),
            (li, "I would rather meet on Monday."),
            (li, "Or on Tuesday."),
            (li, "Or at my place."),
            (li, "Whatever suits you."),
            (mei, "I'll bring cake."),
            (mei, "So Sunday at ten it is, agreed."),
        ],
    )

    told = await ask(mei, room, "!circle summary", service)

    assert KEPT_OUT in told.splitlines()
    assert "Monday" not in told
    assert "Tuesday" not in told
    assert "Li" not in re.sub(r"https://\S+", "", told), "beside the links, which are made of any letters"
