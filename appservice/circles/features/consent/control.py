"""Control events, obeyed inside the commit that takes them in: invites, taps, words, policies, who comes and goes.

Nothing is awaited here. What needs a name or a post with one is left to a wake that is due at once (`handler.fire`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.call import Room, Said
from circles.core.ids import EventID, RoomID, UserID, server_of
from circles.core.settings import Settings
from circles.facts import posts, rooms, upgrades
from circles.feature import Control, Effects, Followed
from circles.features.consent import store, strings
from circles.features.consent.decide import (
    BEFORE_KEY,
    CHOICES,
    NAME,
    chosen,
    loosening_id,
    offered,
    plan,
    policy_subject,
    trim,
    vote_subject,
)
from circles_policies.change import Change, is_within
from circles_policies.content import POLICY_TYPE, Authorisation, Malformed, read_content, to_content
from circles_policies.events import Control as Kind
from circles_policies.minimum import Choice
from circles_policies.model import Policy, Preset, preset
from circles_policies.notices import REFUSE_KEY
from circles_policies.words import ControlWord, parse_control

LATE_MS: Final = 10 * 60_000
START_TYPE: Final = "io.github.matrix_circles.start"
"""Asks Synapse's module to publish an approved policy that starts now (docs/reference/plugin.md)."""
PIN_TYPE: Final = "m.room.pinned_events"


def control(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Return what a control event leads to; rows of this feature are written here, in the commit of the event."""
    match event.event.control:
        case Kind.AI_MEMBERSHIP:
            return _own_membership(event, connection, settings)
        case Kind.ENCRYPTION if event.room.policy is not None and not event.room.direct:
            return (_show_banner(event),)  # It says what an AI means in an encrypted room.
        case Kind.RETENTION if event.room.policy is not None and not event.room.direct:
            return (_show_banner(event),)  # It says how long what is kept stays.
        case Kind.JOIN_LEAVE | Kind.MEMBER:
            return _came_or_went(event, connection, settings)
        case Kind.POWER:
            return _power_changed(event, connection, settings)
        case Kind.POLICY:
            return _policy_written(event, connection, settings)
        case Kind.REDACTION:
            return _redacted(event, connection)
        case Kind.REACTION:
            return _tapped(event, connection, settings)
        case Kind.WORD:
            return _said(event, connection, settings)
        case _:
            return ()


# --- coming and going ---------------------------------------------------------------------------------------------


def _own_membership(event: Control, connection: Connection, settings: Settings) -> Effects:
    room_id = event.room.room_id
    match event.content.get("membership"):
        case "invite":
            # Whoever is invited was not in: what was decided before, in a stay whose end nobody told us of, is over.
            store.end(connection, room_id, event.now)
            store.drop_banner(connection, room_id)
            # Whoever is in a circle with the AI may always write to it in private, or "out" would not be everyone's.
            known = event.content.get("is_direct") is True and bool(
                rooms.circles_of(connection, event.sender, settings.ai)
            )
            ours = (
                event.sender.startswith(f"@{settings.ghost_prefix}") and server_of(event.sender) == settings.server_name
            )
            invited = known or ours or settings.may_invite(event.sender, settings.server_name)
            allowed = invited and settings.may_enter(room_id)
            if not allowed:
                return (fx.Leave(room_id, strings.NOT_INVITED),)
            return (fx.Join(room_id),)
        case "leave" | "ban":
            store.end(connection, room_id, event.now)
            store.drop_banner(connection, room_id)
            return ()
        case _:
            return ()


def _came_or_went(event: Control, connection: Connection, settings: Settings) -> Effects:
    room_id, membership = event.room.room_id, event.content.get("membership")
    if membership in ("leave", "ban"):
        return _recount(event, connection, settings)
    if event.room.direct and _is_third(event, connection, settings):
        # A third person makes it a circle, from the invite on: they will see what is said from then on, and the
        # built-in policy of direct messages was never theirs to agree to.
        rooms.end_direct(connection, room_id)
        return (fx.enter(room_id, _instant(event.now)),)
    if membership != "join" or event.state_key == settings.ai:
        return ()
    if event.room.direct:
        rooms.told(connection, room_id, UserID(event.state_key or ""), event.now)
        return ()
    if event.room.policy is None or not store.is_untold(connection, room_id, UserID(event.state_key or "")):
        return ()
    due = _instant(event.now) + timedelta(seconds=settings.newcomers_seconds)
    return (fx.WakeAt(NAME, f"welcome:{room_id}", room_id, due),)


def _is_third(event: Control, connection: Connection, settings: Settings) -> bool:
    there = {*rooms.joined(connection, event.room.room_id), event.state_key, settings.ai}
    return event.content.get("membership") in ("join", "invite") and len(there) > 2


def _recount(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Someone left: the rest may all have agreed already."""
    waiting = store.waiting(connection, event.room.room_id)
    return _start_if_all_agree(waiting, event, connection, settings) if waiting is not None else ()


# --- policies -----------------------------------------------------------------------------------------------------


def _power_changed(event: Control, connection: Connection, settings: Settings) -> Effects:
    """The AI may have got the power to pin its banner and to publish what people chose."""
    room_id = event.room.room_id
    current, facts = store.in_force(connection, room_id), rooms.room_facts(connection, room_id)
    if current is None or facts is None or event.room.direct:
        return ()
    effects: list[fx.Effect] = []
    banner = store.unpinned_banner(connection, room_id)
    if banner is not None and facts.power.may_set_state(settings.ai, PIN_TYPE):
        store.save_banner(connection, room_id, banner, pinned=True)
        effects.append(fx.Pin(room_id, banner))
    return *effects, *_copy(room_id, connection, settings)


def _copy(room_id: RoomID, connection: Connection, settings: Settings) -> Effects:
    """Return what publishes the policy in force, where it is not the room's state already and the AI has the power.

    What a local person tapped, Synapse's module publishes as that person.
    """
    current, facts = store.in_force(connection, room_id), rooms.room_facts(connection, room_id)
    if current is None or facts is None or current.written:
        return ()
    if current.proposal is not None and _is_for_module(current, settings):
        return ()
    return published(current, facts, settings)


def published(asked: store.Asked, facts: rooms.RoomFacts, settings: Settings) -> Effects:
    """Return what publishes a policy that starts now: by Synapse's module for a local person, else as a copy.

    The module finds what a tap stands for in the proposal; what was asked for in words it reads itself.
    """
    if asked.by is None or asked.authority is None:
        return ()
    room_id, content = facts.room_id, to_content(asked.policy)
    if asked.proposal is not None and _is_for_module(asked, settings):
        approval = {"proposal": asked.proposal, "key": asked.option, "approval": asked.authority}
        return (fx.SendEvent(room_id, START_TYPE, approval),)
    if facts.power.may_set_state(settings.ai, POLICY_TYPE):
        copy = to_content(asked.policy, authorised_by=Authorisation(asked.authority, asked.by))
        return (fx.SetState(room_id, POLICY_TYPE, "", copy),)
    if _is_for_module(asked, settings):
        return (fx.SendEvent(room_id, START_TYPE, {"policy": content, "approval": asked.authority}),)
    return ()


def _is_for_module(asked: store.Asked, settings: Settings) -> bool:
    return settings.plugin and asked.by is not None and server_of(asked.by) == settings.server_name


def _policy_written(event: Control, connection: Connection, settings: Settings) -> Effects:
    """A policy state event: the authority is whoever wrote it; a copy the AI wrote, or Synapse's module for it, is
    none.
    """
    if event.sender == settings.ai:
        return ()
    if not event.decides:
        return ()  # The level its type requires is not above what everybody has: it does not count.
    policy = read_content(event.content)
    if isinstance(policy, Malformed):
        store.end(connection, event.room.room_id, event.now)
        rooms.tighten(connection, event.room.room_id)
        words = strings.unreadable_policy(event.room.language, policy.path, policy.advice)
        return (fx.Post(event.room.room_id, words, kind="notice", feature=NAME), _show_banner(event))
    return request_policy(event, policy, connection, settings, written=True)


def request_policy(
    event: Control,
    policy: Policy,
    connection: Connection,
    settings: Settings,
    *,
    written: bool = False,
    tapped: tuple[EventID, str] | None = None,
) -> Effects:
    """Someone who may decide asked for a policy: in force now, or announced and waiting for its day.

    Args:
        written: the policy is the room's state already, so no copy is published.
        tapped: the notice and the option on it, where a tap asked.
    """
    room_id = event.room.room_id
    current, last = store.in_force(connection, room_id), store.last_valid(connection, room_id)
    waiting = store.waiting(connection, room_id)
    if waiting is not None and waiting.policy == policy:
        # It is announced already: asking again neither delays nor hastens it. Nor does writing it as state; Synapse's
        # module does that where all have agreed, and whether they have is asked here too.
        return _start_if_all_agree(waiting, event, connection, settings) if written else ()
    if current is not None and current.policy == policy:
        if waiting is not None:
            store.withdraw(connection, waiting.id)
        return called_off(waiting, event.room)
    # Whether there is anybody else is all that counts: nobody has tapped yet.
    people = rooms.some_joined(connection, room_id, 2, besides=settings.ai)
    planned = plan(
        last.policy if last is not None else None,
        policy,
        now=event.now,
        asker=event.sender,
        people=people,
        approvals={},
        loosening_hours=settings.loosening_hours,
    )
    at_once = planned.at_once or planned.change is Change.SAME
    # Of our own server's people the time of the tap is known; a remote one's is only what their server says.
    local = server_of(event.sender) == settings.server_name
    starts_at = (event.at if local else event.now) if at_once else planned.starts_at
    policy_id = store.ask(
        connection,
        room_id,
        policy,
        by=event.sender,
        authority=event.event_id,
        asked_at=event.now,
        starts_at=starts_at,
        state="in_force" if at_once else "waiting",
        written=written,
        tapped=tapped,
    )
    dropped = called_off(waiting, event.room)
    if at_once:
        rooms.tighten(connection, room_id)
        if current is None:
            # Whoever is here now saw the question and sees the answer to it: the banner is their notice.
            rooms.told_all(connection, room_id, starts_at, besides=settings.ai)
        less = _keeps_less(policy_id, last.policy if last is not None else None, policy, event)
        return *dropped, *_took_effect(event, connection, settings), *less
    key = f"start:{policy_id}"
    return (
        *(effect for effect in dropped if not isinstance(effect, fx.Post)),
        fx.WakeAt(NAME, f"announce:{policy_id}", room_id, _instant(event.now), {"policy": policy_id}),
        fx.WakeAt(NAME, key, room_id, _instant(planned.starts_at), {"policy": policy_id}),
    )


def _keeps_less(policy_id: int, old: Policy | None, new: Policy, event: Control) -> Effects:
    """What a tighter keeping would delete is counted and shown first, and deleted after a ✅ or a day."""
    gone = trim(old, new, event.now)
    if gone is None:
        return ()
    payload = {"policy": policy_id, "before": gone.before, "days": gone.days, "at": event.now}
    return (fx.WakeAt(NAME, f"less:{policy_id}", event.room.room_id, _instant(event.now), payload),)


def _tightening_tapped(event: Control, key: str, said: Said, connection: Connection, settings: Settings) -> Effects:
    """✅ deletes now, ↩️ undoes the change once; only until the deletion is done."""
    policy_id, room_id = int(said.subject), event.room.room_id
    payload = store.deletion(connection, policy_id)
    if payload is None:
        return ()
    if not event.decides:
        return _kind_line(event, said, connection)
    if _is_tick(key):
        return (fx.WakeAt(NAME, f"delete:{policy_id}", room_id, _instant(event.now), payload),)
    previous, current = store.before(connection, policy_id), store.in_force(connection, room_id)
    if key.replace("\ufe0f", "") != "↩" or previous is None or current is None or current.id != policy_id:
        return ()
    store.ask(
        connection,
        room_id,
        previous.policy,
        by=event.sender,
        authority=event.event_id,
        asked_at=event.now,
        starts_at=event.now,
        state="in_force",
        tapped=(said.event_id, key),
    )
    rooms.tighten(connection, room_id)
    return (
        fx.CancelWake(NAME, f"delete:{policy_id}"),
        fx.ClearButtons(said.effect_id),
        fx.Post(room_id, strings.undone(event.room.language), kind="notice", feature=NAME),
        *_took_effect(event, connection, settings),
    )


def _took_effect(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Return what shows that a policy is in force: banner, name, published copy; and what may follow into the room."""
    room_id = event.room.room_id
    return _show_banner(event), *_copy(room_id, connection, settings), fx.Follow(room_id)


def follow(connection: Connection, old: RoomID, new: RoomID, now: int) -> Followed:
    """End what waits in a room that was upgraded; what the policies together no longer keep is to be deleted."""
    waiting = store.waiting(connection, old)
    if waiting is not None:
        store.withdraw(connection, waiting.id)
    effects: list[fx.Effect] = [
        fx.TrimKept(new, int(payload["before"]), payload["days"]) for payload in store.trimming(connection, old)
    ]
    store.drop_wakes(connection, old)
    before, after = store.last_valid(connection, old), store.in_force(connection, new)
    gone = trim(before.policy, after.policy, now) if before is not None and after is not None else None
    if gone is not None and after is not None:
        # Counted, shown, and deleted after ✅ or a day, as whenever a room keeps less than it did.
        payload = {"policy": after.id, "before": gone.before, "days": gone.days, "at": now}
        effects.append(fx.WakeAt(NAME, f"less:{after.id}", new, _instant(now), payload))
    return Followed(effects=tuple(effects))


def called_off(waiting: store.Asked | None, room: Room) -> Effects:
    """Return what shows that an announced policy will not come: its buttons go, and one line says so."""
    if waiting is None:
        return ()
    return (
        fx.CancelWake(NAME, f"announce:{waiting.id}"),
        fx.CancelWake(NAME, f"start:{waiting.id}"),
        fx.ClearButtons(loosening_id(waiting.id, waiting.asked_at)),
        fx.Post(room.room_id, strings.withdrawn(room.language), kind="notice", feature=NAME),
    )


def _show_banner(event: Control) -> fx.WakeAt:
    return fx.WakeAt(NAME, f"banner:{event.room.room_id}", event.room.room_id, _instant(event.now))


def _redacted(event: Control, connection: Connection) -> Effects:
    target = event.event.redacts
    if target is None:
        return ()
    room_id = event.room.room_id
    store.retract(connection, EventID(target))
    current, waiting = store.in_force(connection, room_id), store.waiting(connection, room_id)
    gone = [each for each in (current, waiting) if each is not None and each.written and each.authority == target]
    if not gone:
        return ()
    # A policy whose state event is redacted is none (PRODUCT.md, "Scopes"), and one that waits for its day replaced the
    # other as the room's state. A tap taken back later changes nothing.
    dropped = waiting if waiting in gone else None
    if dropped is not None:
        store.withdraw(connection, dropped.id)
    store.end(connection, room_id, event.now)
    rooms.tighten(connection, room_id)
    return *called_off(dropped, event.room), _show_banner(event)


# --- taps ---------------------------------------------------------------------------------------------------------


def _tapped(event: Control, connection: Connection, settings: Settings) -> Effects:
    key, target = event.event.reaction_key or "", event.event.reacts_to or ""
    said = posts.said(connection, target)
    if said is None or said.state == "gone" or said.feature != NAME or said.room_id != event.room.room_id:
        return ()
    if event.room.direct:
        return ()  # Who decides in a direct message decides nothing for a circle.
    match said.kind:
        case "admission" | "offer":
            return _option_tapped(event, key, said, connection, settings)
        case "loosening":
            return _loosening_tapped(event, key, said, connection, settings)
        case "tightening":
            return _tightening_tapped(event, key, said, connection, settings)
        case "vote" if _is_tick(key):
            return _voted(event, said, connection, settings)
        case _:
            return ()


def _option_tapped(event: Control, key: str, said: Said, connection: Connection, settings: Settings) -> Effects:
    is_offer = said.kind == "offer"
    options = dict(offered(settings, said.kind, (said.subject or None) if is_offer else None))
    before = store.asked(connection, int(said.subject)) if said.subject and not is_offer else None
    if before is not None:
        options[BEFORE_KEY] = before.policy
    plain = {option.replace("\ufe0f", ""): option for option in (*options, REFUSE_KEY)}
    option = plain.get(key.replace("\ufe0f", ""))
    if option is None or (option == REFUSE_KEY and said.kind != "admission"):
        return ()
    if not event.decides:
        return _kind_line(event, said, connection)
    if option == REFUSE_KEY:
        return (fx.Leave(event.room.room_id, strings.NOT_WANTED),)
    tapped = (said.event_id, option)
    effects = request_policy(event, options[option], connection, settings, tapped=tapped)
    return (fx.ClearButtons(said.effect_id), *effects)


def _kind_line(event: Control, said: Said, connection: Connection) -> Effects:
    """Answer whoever may not decide, once for each post; where nobody may, say what is missing."""
    if not store.approve(connection, f"told:{said.effect_id}", event.sender, event.now):
        return ()
    facts = rooms.room_facts(connection, event.room.room_id)
    words = strings.not_yours(event.language)
    if facts is not None and facts.power.needed_for_state(POLICY_TYPE) <= facts.power.users_default:
        words = strings.nobody_decides(event.language)
    return (fx.Post(event.room.room_id, words, kind="notice", feature=NAME),)


def _loosening_tapped(event: Control, key: str, said: Said, connection: Connection, settings: Settings) -> Effects:
    waiting = store.asked(connection, int(said.subject))
    if waiting is None or waiting.state != "waiting":
        return ()
    if key.replace("\ufe0f", "") == "❌":
        if not event.decides:
            return _kind_line(event, said, connection)
        store.withdraw(connection, waiting.id)
        return called_off(waiting, event.room)
    if not key.startswith("👍"):
        return ()
    store.approve(connection, policy_subject(waiting.id), event.sender, event.now, event.event_id)
    return _start_if_all_agree(waiting, event, connection, settings)


def _start_if_all_agree(waiting: store.Asked, event: Control, connection: Connection, settings: Settings) -> Effects:
    if store.does_not_agree(connection, waiting, settings.ai) is not None:
        return ()
    due = _instant(event.now)
    return (fx.WakeAt(NAME, f"start:{waiting.id}", waiting.room_id, due, {"policy": waiting.id, "agreed": True}),)


def _voted(event: Control, said: Said, connection: Connection, settings: Settings) -> Effects:
    subject = vote_subject(said.effect_id)
    store.approve(connection, subject, event.sender, event.now, event.event_id)
    if not store.has_majority(connection, event.room.room_id, subject, settings.ai):
        return ()
    return (fx.Leave(event.room.room_id, strings.VOTED_OUT),)


def _is_tick(key: str) -> bool:
    return key.replace("\ufe0f", "") in ("✅", "☑", "✔")


# --- words --------------------------------------------------------------------------------------------------------


def _said(event: Control, connection: Connection, settings: Settings) -> Effects:
    word, room_id = event.event.word, event.room.room_id
    match word:
        case ControlWord.OUT | ControlWord.NOT_AT_ALL | ControlWord.IN:
            return _chose(event, CHOICES[word], connection, settings)
        case ControlWord.STOP:
            return (fx.StopWork(room_id, None if event.decides else event.sender),)
        case ControlWord.OFF if event.decides and not event.room.direct:
            current = store.in_force(connection, room_id)
            resting = preset(Preset.RESTING, model=current.policy.model if current is not None else None)
            return request_policy(event, resting, connection, settings)
        case ControlWord.ENABLE | ControlWord.POLICY if event.decides and not event.room.direct:
            current = store.in_force(connection, room_id)
            policy = chosen(_argument(event), settings, current.policy if current is not None else None)
            if policy is None or (_is_late(event) and not _is_tighter(policy, room_id, connection)):
                return ()  # What reached us late is obeyed only where it tightens.
            return request_policy(event, policy, connection, settings)
        case _:
            return ()


def _is_late(event: Control) -> bool:
    return event.now - event.at > LATE_MS


def _is_tighter(policy: Policy, room_id: RoomID, connection: Connection) -> bool:
    current = store.in_force(connection, room_id)
    return current is not None and is_within(policy, current.policy)


def _chose(event: Control, choice: Choice, connection: Connection, settings: Settings) -> Effects:
    """A person's own choice: in a direct message for every circle they share with the AI, in a circle for that one."""
    if event.room.direct:
        places: tuple[RoomID, ...] = rooms.circles_of(connection, event.sender, settings.ai)
        store.choose(connection, rooms.EVERYWHERE, event.sender, choice, event.now, event.event_id)
    else:
        places = upgrades.onward(connection, event.room.room_id, followed=False)
    for room_id in places:
        store.choose(connection, room_id, event.sender, choice, event.now, event.event_id)
    if choice is Choice.IN:
        return ()
    return tuple(fx.TakeBackPerson(event.sender, room_id, held=False) for room_id in places)


def _argument(event: Control) -> str:
    if event.words is None:
        return ""
    found = parse_control(event.words.text, (), addressed=True)
    return found[1] if found is not None else ""


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
