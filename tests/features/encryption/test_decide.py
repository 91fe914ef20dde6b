"""What a room is told about keys, once, and in whose words."""

from __future__ import annotations

from functools import partial

import pytest

from circles.adapters.store import outbox
from circles.core import effects as fx
from circles.core.call import Fire
from circles.core.effects import Post, SendEvent
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language
from circles.facts import rooms
from circles.features.encryption import handler, strings
from circles.features.encryption.decide import MOST_A_DAY, in_groups, notice_id
from circles.ports import KnownKeys, Ports, Unread
from circles.testing import NOON, ROOM, a_call, a_room, some_ports

MEI = UserID("@mei:home.example")


class FakeKeys:
    """What is unread here."""

    def __init__(self, unread: Unread | None = None) -> None:
        self.left = unread

    async def about(self, _room_id: RoomID) -> KnownKeys:
        left = (self.left,) if self.left is not None else ()
        return KnownKeys(True, "CIRCLES", "abcdefgh", signed=True, unread=left)

    async def unread(self, _room_id: RoomID, _session: str) -> Unread | None:
        return self.left


def unread(session: str = "s1", reason: str = "no_key") -> Fire:
    payload = {"event": "$e", "session": session, "reason": reason}
    return Fire(room=a_room(), key=f"unread:{ROOM}:{session}", payload=payload, due=NOON, now=NOON)


async def said(effects: tuple[fx.Effect, ...], ports: Ports) -> None:
    """Note posts as the outbox does."""
    now = int(NOON.timestamp() * 1000)
    for effect in effects:
        await ports.database.write(partial(outbox.add, effect=effect, now=now))


def test_a_key_is_shown_as_clients_show_it() -> None:
    assert in_groups("abcdefghij") == "abcd efgh ij"


def test_one_notice_a_key_and_room() -> None:
    """Its id is the same on every attempt, and another for another key or room."""
    assert notice_id(ROOM, "s1") == notice_id(ROOM, "s1")
    assert len({notice_id(ROOM, "s1"), notice_id(ROOM, "s2"), notice_id(RoomID("!other"), "s1")}) == 3


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("code", "reason"),
    [(None, "no_key"), ("m.unverified", "no_key"), (None, "unknown_device"), ("x.unknown", "broken")],
)
def test_every_cause_has_its_sentence(language: Language, code: str | None, reason: str) -> None:
    """What an app says of its refusal goes before what we found; what nobody knows is the missing key."""
    words = strings.unreadable(language, code, reason).body

    assert strings.cause(language, code, reason) in words
    assert "None" not in words
    assert ("verified" in words or "验证" in words) is (code == "m.unverified")


async def test_what_stays_unread_is_said_as_a_reply_to_it() -> None:
    """In the room it stands in."""
    (post,) = await handler.fire(unread(), some_ports(keys=FakeKeys(Unread(1, None))))

    assert isinstance(post, Post)
    assert (post.room_id, post.reply_to, post.id) == (ROOM, EventID("$e"), notice_id(ROOM, "s1"))


async def test_the_cause_is_the_one_that_was_found_last() -> None:
    """A key came since, from a device that nobody knows: it is not missing any more."""
    keys = FakeKeys(Unread(1, None, "unknown_device"))
    (post,) = await handler.fire(unread(reason="no_key"), some_ports(keys=keys))

    assert isinstance(post, Post)
    assert strings.cause("en", None, "unknown_device") in post.words.body


async def test_what_was_read_meanwhile_is_not_mentioned() -> None:
    assert await handler.fire(unread(), some_ports(keys=FakeKeys())) == ()


async def test_a_key_is_mentioned_once_and_a_flood_is_not() -> None:
    """Garbage under many keys makes few notices a day, the last of which says where the others are listed."""
    ports = some_ports(keys=FakeKeys(Unread(1, None)))
    told: list[str] = []
    for number in range(MOST_A_DAY):
        effects = await handler.fire(unread(f"s{number}"), ports)
        told += [effect.words.body for effect in effects if isinstance(effect, Post)]
        await said(effects, ports)
    assert ["e2ee" in words for words in told] == [False] * (MOST_A_DAY - 1) + [True]

    assert await handler.fire(unread("s0"), ports) == ()
    assert await handler.fire(unread("more"), ports) == ()


async def test_a_verification_is_declined_with_what_to_do_instead() -> None:
    """The client's dialog ends, and the person hears how the device can be checked, in their language."""
    ports = some_ports(keys=FakeKeys())
    await ports.database.write(lambda c: rooms.save_person(c, MEI, language="zh"))
    payload = {"event": "$v", "sender": MEI}

    cancel, post = await handler.fire(Fire(room=a_room(), key="verify:$v", payload=payload, due=NOON, now=NOON), ports)

    assert isinstance(cancel, SendEvent)
    assert cancel.content["m.relates_to"] == {"rel_type": "m.reference", "event_id": "$v"}
    assert isinstance(post, Post)
    assert "指纹" in post.words.body


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_e2ee_tells_the_device_and_what_is_unread(language: Language) -> None:
    """Device, fingerprint, signature, and each cause."""
    for unread, cause in (
        (Unread(2, "m.unverified", "no_key"), strings.cause(language, "m.unverified", "")),
        (Unread(2, None, "unknown_device"), strings.cause(language, None, "unknown_device")),
    ):
        ports = some_ports(keys=FakeKeys(unread))
        (post,) = await handler.show_keys(a_call("e2ee", language=language), ports)

        assert isinstance(post, Post)
        for part in ("CIRCLES", "abcd efgh", "2", cause):
            assert part in post.words.body
