"""Control events against rows in memory: what is written at once, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert

from circles.core import effects as fx
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.settings import Settings
from circles.facts import events as event_facts
from circles.facts import rooms
from circles.facts.tables import metadata, posts, wakes
from circles.feature import Control, Effects
from circles.features.consent import store
from circles.features.consent.control import control
from circles_policies.content import POLICY_TYPE, to_content
from circles_policies.events import Classified, Kind
from circles_policies.events import Control as Why
from circles_policies.model import Level, Preset, Reach, preset
from circles_policies.words import ControlWord

AI, MEI, LI, UNCLE = (UserID(f"@{name}:home.example") for name in ("circle", "mei", "li", "uncle"))
ROOM = RoomID("!family")
SETTINGS = Settings(ai=AI, server_name="home.example", marks_per_day=2)
LEVELS = {"users": {MEI: 100, AI: 0}, "users_default": 0, "state_default": 50}
happened: list[EventID] = []
"""The ids of the events that a test let happen, the newest last."""


@pytest.fixture
def rows() -> Iterator[Connection]:
    """A room of Mei (admin), Li, Uncle and the AI, in which nobody has chosen."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        rooms.save_room(connection, ROOM, membership="join", filled=True, version="10", levels=LEVELS)
        for user in (MEI, LI, UNCLE, AI):
            event_facts.membership(connection, ROOM, user, "join", 1)
        rooms.save_member(connection, ROOM, AI, since=0)
        yield connection
    engine.dispose()


def happens(
    rows: Connection,
    why: Why,
    sender: UserID = MEI,
    *,
    kind: Kind = Kind.STATE,
    content: Mapping[str, Any] | None = None,
    state_key: str | None = None,
    now: int = 1000,
    settings: Settings = SETTINGS,
    **classified: Any,
) -> Effects:
    """Let one control event happen."""
    room, facts = rooms.view(rows, ROOM, "en"), rooms.room_facts(rows, ROOM)
    assert room is not None
    assert facts is not None
    happened.append(EventID(f"$event{len(happened)}"))
    event = Control(
        event=Classified(kind, now, control=why, **classified),
        room=room,
        sender=sender,
        event_id=happened[-1],
        at=now,
        now=now,
        content=content or {},
        state_key=state_key,
        words=None,
        language="en",
        decides=facts.power.may_set_policy(sender),
    )
    return control(event, rows, settings)


def taps(rows: Connection, who: UserID, post: str, key: str, **more: Any) -> Effects:
    """Tap a reaction on a post of the AI's."""
    return happens(rows, Why.REACTION, who, kind=Kind.REACTION, reacts_to=f"${post}", reaction_key=key, **more)


def writes(rows: Connection, policy: Preset, who: UserID = MEI, **more: Any) -> Effects:
    """Write a policy as state."""
    return happens(rows, Why.POLICY, who, content=to_content(preset(policy, Reach.NONE)), state_key="", **more)


def posted(rows: Connection, name: str, kind: str, subject: str = "") -> None:
    """Note a post of the AI's."""
    rows.execute(
        insert(posts).values(
            effect_id=name,
            room_id=ROOM,
            about=ROOM,
            event_id=f"${name}",
            kind=kind,
            feature="consent",
            subject=subject,
            state="final",
            at=1,
        )
    )


def kinds(effects: Effects) -> list[str]:
    """Return what effects there are, posts by their kind and wakes by the first word of their key."""
    return [
        effect.kind
        if isinstance(effect, fx.Post)
        else effect.key.partition(":")[0]
        if isinstance(effect, fx.WakeAt)
        else type(effect).__name__
        for effect in effects
    ]


def in_force(rows: Connection) -> Preset | None:
    """Return the preset in force."""
    found = store.in_force(rows, ROOM)
    return Preset(str(found.policy.preset)) if found is not None else None


# --- taps ---------------------------------------------------------------------------------------------------------


def test_an_admins_tap_puts_the_policy_in_force_and_tells_everyone_here(rows: Connection) -> None:
    posted(rows, "admission", "admission")

    assert kinds(taps(rows, MEI, "admission", "2️⃣", now=500)) == ["ClearButtons", "banner", "Follow"]
    assert in_force(rows) is Preset.ON_CALL
    assert {rooms.member(rows, ROOM, user).since for user in (MEI, LI, UNCLE)} == {500}


@pytest.mark.parametrize("key", ["2", "2⃣", "2️⃣"])
def test_a_keycap_counts_with_and_without_its_variation_selector(rows: Connection, key: str) -> None:
    posted(rows, "admission", "admission")

    taps(rows, MEI, "admission", key)

    assert in_force(rows) is (None if key == "2" else Preset.ON_CALL)


def test_a_members_tap_is_answered_once(rows: Connection) -> None:
    posted(rows, "admission", "admission")

    assert kinds(taps(rows, LI, "admission", "2️⃣")) == ["notice"]
    assert taps(rows, LI, "admission", "3️⃣") == ()
    assert kinds(taps(rows, UNCLE, "admission", "❌")) == ["notice"]
    assert in_force(rows) is None


def test_another_reaction_on_the_notice_means_nothing(rows: Connection) -> None:
    posted(rows, "admission", "admission")

    assert taps(rows, MEI, "admission", "👍") == ()
    assert taps(rows, MEI, "admission", "5️⃣") == ()


def test_a_tap_on_a_withdrawn_notice_or_one_of_another_room_decides_nothing(rows: Connection) -> None:
    posted(rows, "gone", "admission")
    posted(rows, "elsewhere", "admission")
    rows.execute(posts.update().where(posts.c.effect_id == "gone").values(state="gone"))
    rows.execute(posts.update().where(posts.c.effect_id == "elsewhere").values(room_id="!other", about="!other"))

    assert taps(rows, MEI, "gone", "2️⃣") == ()
    assert taps(rows, MEI, "elsewhere", "2️⃣") == ()


def test_a_remote_tap_counts_from_its_receipt_and_a_local_one_from_its_time(rows: Connection) -> None:
    """Of our own server the time is known; another server could date its admin's tap back over what was said."""
    remote = UserID("@mei:other.example")
    rooms.save_room(rows, ROOM, levels={**LEVELS, "users": {remote: 100}})
    posted(rows, "admission", "admission")

    taps(rows, remote, "admission", "2️⃣", now=900)

    found = store.in_force(rows, ROOM)
    assert found is not None
    assert found.starts_at == 900


# --- policies -----------------------------------------------------------------------------------------------------


def test_a_policy_of_someone_without_the_level_is_ignored(rows: Connection) -> None:
    assert writes(rows, Preset.NOTEBOOK, LI) == ()
    assert in_force(rows) is None


def test_a_policy_counts_for_nothing_where_everybody_could_write_it(rows: Connection) -> None:
    rooms.save_room(rows, ROOM, levels={**LEVELS, "events": {POLICY_TYPE: 0}})

    assert writes(rows, Preset.NOTEBOOK, MEI) == ()


def test_the_ais_own_copy_is_no_authority(rows: Connection) -> None:
    rooms.save_room(rows, ROOM, levels={**LEVELS, "users": {AI: 100}})

    assert writes(rows, Preset.NOTEBOOK, AI) == ()


def test_a_looser_policy_waits_and_a_tighter_one_does_not(rows: Connection) -> None:
    writes(rows, Preset.ADDRESSED)

    assert kinds(writes(rows, Preset.ON_CALL)) == ["announce", "start"]
    assert in_force(rows) is Preset.ADDRESSED
    assert kinds(writes(rows, Preset.RESTING)) == [
        "CancelWake",
        "CancelWake",
        "ClearButtons",
        "notice",
        "banner",
        "Follow",
    ]
    assert in_force(rows) is Preset.RESTING
    assert store.waiting(rows, ROOM) is None


def test_after_a_malformed_one_the_last_valid_one_is_the_measure(rows: Connection) -> None:
    writes(rows, Preset.ADDRESSED)

    said = happens(rows, Why.POLICY, content={"schema": 1}, state_key="")

    assert kinds(said) == ["notice", "banner"]
    assert in_force(rows) is None
    assert kinds(writes(rows, Preset.ON_CALL)) == ["announce", "start"]
    assert in_force(rows) is None


def test_redacting_the_state_ends_the_policy_and_taking_a_tap_back_does_not(rows: Connection) -> None:
    posted(rows, "admission", "admission")
    taps(rows, MEI, "admission", "2️⃣")
    tap = store.in_force(rows, ROOM)
    assert tap is not None
    assert happens(rows, Why.REDACTION, kind=Kind.REDACTION, redacts=tap.authority) == ()
    assert in_force(rows) is Preset.ON_CALL

    writes(rows, Preset.ADDRESSED)
    written = store.in_force(rows, ROOM)
    assert written is not None
    assert kinds(happens(rows, Why.REDACTION, kind=Kind.REDACTION, redacts=written.authority)) == ["banner"]
    assert in_force(rows) is None


def test_redacting_the_state_of_a_policy_that_waits_calls_it_off(rows: Connection) -> None:
    """The room's state says nothing any more, so nothing is in force either, and nothing starts the day after."""
    writes(rows, Preset.ADDRESSED)
    writes(rows, Preset.ON_CALL)
    waiting = store.waiting(rows, ROOM)
    assert waiting is not None

    told = happens(rows, Why.REDACTION, kind=Kind.REDACTION, redacts=waiting.authority)

    assert {"notice", "banner"} <= set(kinds(told))
    assert store.waiting(rows, ROOM) is None
    assert in_force(rows) is None


def test_all_must_agree_and_a_thumb_taken_back_does_not_count(rows: Connection) -> None:
    writes(rows, Preset.ADDRESSED)
    writes(rows, Preset.ON_CALL)
    waiting = store.waiting(rows, ROOM)
    assert waiting is not None
    posted(rows, "loosening", "loosening", str(waiting.id))

    assert taps(rows, LI, "loosening", "👍🏽") == ()
    assert store.does_not_agree(rows, waiting, AI) == UNCLE
    happens(rows, Why.REDACTION, LI, kind=Kind.REDACTION, redacts=happened[-1])
    assert taps(rows, UNCLE, "loosening", "👍") == ()
    assert kinds(taps(rows, LI, "loosening", "👍")) == ["start"]


def test_who_leaves_need_not_agree(rows: Connection) -> None:
    writes(rows, Preset.ADDRESSED)
    writes(rows, Preset.ON_CALL)
    waiting = store.waiting(rows, ROOM)
    assert waiting is not None
    posted(rows, "loosening", "loosening", str(waiting.id))
    taps(rows, LI, "loosening", "👍")

    event_facts.membership(rows, ROOM, UNCLE, "leave", 5)
    gone = happens(rows, Why.JOIN_LEAVE, UNCLE, kind=Kind.MEMBERSHIP, content={"membership": "leave"}, state_key=UNCLE)

    assert kinds(gone) == ["start"]


# --- people -------------------------------------------------------------------------------------------------------


def test_out_in_a_room_is_for_that_room(rows: Connection) -> None:
    said = happens(rows, Why.WORD, LI, kind=Kind.MESSAGE, word=ControlWord.OUT)

    assert said == (fx.TakeBackPerson(LI, ROOM, held=False),)
    assert rooms.member(rows, ROOM, LI).level is Level.OUT
    assert rooms.member(rows, rooms.EVERYWHERE, LI).level is Level.NONE


def test_out_in_private_is_for_every_circle_and_those_to_come(rows: Connection) -> None:
    private = RoomID("!private")
    rooms.save_room(rows, private, direct=True, membership="join", filled=True)
    facts, room = rooms.room_facts(rows, private), rooms.view(rows, private, "en")
    assert facts is not None
    assert room is not None
    event = Control(
        event=Classified(Kind.MESSAGE, 9, control=Why.WORD, word=ControlWord.NOT_AT_ALL),
        room=room,
        sender=LI,
        event_id=EventID("$said"),
        at=9,
        now=9,
        content={},
        state_key=None,
        words=None,
        language="zh",
        decides=True,
    )

    assert control(event, rows, SETTINGS) == (fx.TakeBackPerson(LI, ROOM, held=False),)
    assert rooms.member(rows, ROOM, LI).level is Level.NOT_AT_ALL
    event_facts.membership(rows, RoomID("!later"), LI, "join", 20)
    assert rooms.member(rows, RoomID("!later"), LI).level is Level.NOT_AT_ALL


def test_a_burst_of_joins_is_one_wake(rows: Connection) -> None:
    writes(rows, Preset.ON_CALL)
    tom = UserID("@tom:home.example")
    event_facts.membership(rows, ROOM, tom, "join", 2000)

    came = happens(
        rows, Why.JOIN_LEAVE, tom, kind=Kind.MEMBERSHIP, content={"membership": "join"}, state_key=tom, now=2000
    )

    assert [effect.key for effect in came if isinstance(effect, fx.WakeAt)] == [f"welcome:{ROOM}"]
    assert rooms.member(rows, ROOM, tom).since is None
    assert store.newcomers(rows, ROOM, 9) == (tom,)


def test_an_invite_from_whom_the_operator_does_not_allow_is_declined(rows: Connection) -> None:
    def only_mei(user: str, _server: str) -> bool:
        return user == MEI

    settings = replace(SETTINGS, may_invite=only_mei)
    invite = {"membership": "invite"}

    declined = happens(rows, Why.AI_MEMBERSHIP, LI, content=invite, state_key=AI, settings=settings)
    accepted = happens(rows, Why.AI_MEMBERSHIP, MEI, content=invite, state_key=AI, settings=settings)

    assert kinds(declined) == ["Leave"]
    assert kinds(accepted) == ["Join"]


def test_a_kick_ends_the_policy(rows: Connection) -> None:
    writes(rows, Preset.ON_CALL)

    happens(rows, Why.AI_MEMBERSHIP, MEI, content={"membership": "leave"}, state_key=AI)

    assert in_force(rows) is None


# --- votes --------------------------------------------------------------------------------------------------------


def test_more_than_half_send_the_ai_away(rows: Connection) -> None:
    posted(rows, "vote", "vote")

    assert taps(rows, LI, "vote", "👎") == ()
    assert taps(rows, LI, "vote", "✅") == ()
    assert taps(rows, LI, "vote", "✅") == ()
    assert kinds(taps(rows, UNCLE, "vote", "✔️")) == ["Leave"]


def test_power_for_the_ai_pins_the_banner_once_and_publishes(rows: Connection) -> None:
    posted(rows, "admission", "admission")
    taps(rows, MEI, "admission", "2️⃣")
    store.save_banner(rows, ROOM, EffectID("banner"), pinned=False)
    rooms.save_room(rows, ROOM, levels={**LEVELS, "users": {MEI: 100, AI: 50}})

    assert kinds(happens(rows, Why.POWER)) == ["Pin", "SetState"]
    assert kinds(happens(rows, Why.POWER)) == ["SetState"]


# --- keeping less -------------------------------------------------------------------------------------------------


def test_keeping_less_is_counted_first_and_undone_only_by_who_decides(rows: Connection) -> None:
    """What a notebook kept goes after a ✅ or a day; until then ↩️ brings the notebook back."""
    writes(rows, Preset.NOTEBOOK)
    assert kinds(writes(rows, Preset.ADDRESSED, now=2000)) == ["banner", "Follow", "less"]
    current = store.in_force(rows, ROOM)
    assert current is not None
    posted(rows, "less", "tightening", str(current.id))
    rows.execute(
        insert(wakes).values(
            feature="consent",
            key=f"delete:{current.id}",
            room_id=ROOM,
            due=9999,
            payload={"policy": current.id, "before": 2000, "days": None, "at": 2000},
        )
    )

    assert kinds(taps(rows, LI, "less", "✅", now=2400)) == ["notice"]
    assert kinds(taps(rows, MEI, "less", "✅", now=2500)) == ["delete"]
    assert kinds(taps(rows, MEI, "less", "↩️", now=3000)) == ["CancelWake", "ClearButtons", "notice", "banner", "Follow"]
    assert in_force(rows) is Preset.NOTEBOOK
    assert rooms.minimum_since(rooms.policy_periods(rows, ROOM), 1500) != (preset(Preset.NOTEBOOK, Reach.NONE),)
