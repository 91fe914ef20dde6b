"""Circles through their handlers: made once, found by number."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert

from circles.core.effects import Effect, Post
from circles.core.ids import RoomID, UserID
from circles.errors import MatrixBadRequest
from circles.facts import rooms
from circles.facts.tables import posts
from circles.features.circle import handler, store
from circles.features.circle.decide import NumberCircle
from circles.ports import NewRoom
from circles.testing import ROOM, FakeClock, FakeRooms, a_call, a_room, some_ports

LI, MEI = UserID("@li:far.example"), UserID("@mei:home.example")


class Crowded(FakeRooms):
    """A homeserver on which the first numbers asked for belong to others."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    async def create(self, room: NewRoom) -> RoomID:
        """Refuse the first ones."""
        if self.refusals:
            self.refusals -= 1
            raise MatrixBadRequest(errcode="M_ROOM_IN_USE")
        return await super().create(room)


class Door:
    """A door that is open or not."""

    def __init__(self, is_open: bool | None) -> None:
        self.answer = is_open

    async def is_open(self, room_id: RoomID) -> bool | None:
        """Say so."""
        return self.answer


def post_of(effects: tuple[Effect, ...]) -> Post:
    """Return the one post among effects."""
    (post,) = [effect for effect in effects if isinstance(effect, Post)]
    return post


async def test_a_goal_becomes_a_room() -> None:
    """Its name is short, its topic the goal as written, its asker the one who asked."""
    made = FakeRooms()
    ports = some_ports(rooms=made)
    call = a_call("create", "New Year visits. Who visits whom?")

    number, post = await handler.create(call, ports)

    ((room, room_id),) = made.created.values()
    assert (room.name, room.topic, room.asker) == ("New Year visits", call.argument.text, call.asker)
    assert number == NumberCircle(room_id, room.number)
    assert isinstance(post, Post)


async def test_asking_again_with_the_same_event_makes_no_second_room() -> None:
    """A crash after the room was made leads to the same room and number."""
    made = FakeRooms()
    ports = some_ports(rooms=made)
    call = a_call("create", "Trip")

    assert await handler.create(call, ports) == await handler.create(call, ports)
    assert len(made.created) == 1


async def test_a_number_of_another_circle_is_passed_over() -> None:
    """The next number is tried; when none is left, a kind sentence."""
    ports = some_ports(rooms=Crowded(2))
    call = a_call("create", "Trip")

    number, _ = await handler.create(call, ports)
    nothing = await handler.create(call, some_ports(rooms=Crowded(1000)))

    assert isinstance(number, NumberCircle)
    assert "no free number" in post_of(nothing).words.body


async def test_a_goal_is_needed() -> None:
    """Without one, or with a very long one, nothing is made."""
    made = FakeRooms()
    ports = some_ports(rooms=made)

    for argument in ("", "x" * 501):
        assert post_of(await handler.create(a_call("create", argument), ports)).kind == "problem"
    assert not made.created


async def test_one_person_has_so_many_circles_made_a_day() -> None:
    """Whoever scripts it fills no server with rooms; what is made already is told as often as it is asked for."""
    made, clock = FakeRooms(), FakeClock()
    ports = some_ports(rooms=made, clock=clock, settings=replace(some_ports().settings, circles_per_day=2))
    for name, asker, age in (("1", MEI, 1), ("2", MEI, 25), ("3", LI, 1)):
        at = int((clock.now() - timedelta(hours=age)).timestamp() * 1000)
        row = told(name, asker, at)
        await ports.database.write(lambda c, row=row: c.execute(insert(posts).values(row)))  # type: ignore[misc]
    call = a_call("create", "Trip", asker=MEI)

    assert post_of(await handler.create(call, ports)).kind == "created"
    at = int(clock.now().timestamp() * 1000)
    await ports.database.write(lambda c: c.execute(insert(posts).values(told("4", MEI, at))))
    again = post_of(await handler.create(a_call("create", "Trip 2", asker=MEI), ports))
    chinese = post_of(await handler.create(a_call("create", "旅行", asker=MEI), ports))

    assert again.words.body == "Circles I made for you in 24 hours: 2. That's as many as I may; ask me again tomorrow."
    assert chinese.words.body == "24 小时内已经给你建了 2 个圈子，到上限了，明天再来。"
    assert len(made.created) == 1
    clock.advance(timedelta(hours=24))
    assert post_of(await handler.create(a_call("create", "Trip 3", asker=MEI), ports)).kind == "created"


async def test_an_operator_may_have_no_circles_made_at_all() -> None:
    """Said as it is, with what works instead."""
    ports = some_ports(settings=replace(some_ports().settings, circles_per_day=0))

    assert "operator switched that off" in post_of(await handler.create(a_call("create", "Trip"), ports)).words.body


def told(effect_id: str, asker: UserID, at: int) -> dict[str, object]:
    """Return the row of a post that said that a circle stands."""
    where = {"room_id": ROOM, "about": ROOM, "event_id": f"$told{effect_id}", "state": "final", "at": at}
    return {**where, "effect_id": effect_id, "kind": "created", "feature": "circle", "asker": asker}


async def test_the_number_is_remembered() -> None:
    """It stands in the room's row, where links and the next number look for it."""
    database = some_ports().database
    await database.write(lambda c: store.write(c, NumberCircle(ROOM, 4821)))

    assert await database.read(store.taken) == {4821}
    facts = await database.read(lambda c: rooms.room_facts(c, ROOM))
    assert facts is not None
    assert facts.number == 4821


async def test_an_invitation_shows_the_number() -> None:
    """Also where nobody has chosen a policy yet."""
    call = a_call("invite", room=a_room(number=4821, policy=None))

    post = post_of(await handler.invite(call, some_ports(doors=Door(is_open=True))))

    assert "#circle-4821:home.example" in post.words.body
    assert post.attachment is not None


async def test_a_direct_message_has_no_link() -> None:
    """Nobody is invited into a private chat."""
    post = post_of(await handler.invite(a_call("invite", room=a_room(direct=True)), some_ports()))

    assert "private chat" in post.words.body
    assert post.attachment is None
