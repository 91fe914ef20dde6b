"""What needs a name, or a post with one: notices, banner, answers to words. Reads through ports, decides, returns
effects.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.call import Call, Fire, Room, Said
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.zones import say_when
from circles.facts import rooms, upgrades
from circles.feature import Effects, Entered
from circles.features.consent import store, strings
from circles.features.consent.control import PIN_TYPE, called_off, published
from circles.features.consent.decide import (
    BEFORE_KEY,
    CHOICES,
    NAME,
    OFFER,
    OFFER_KEYS,
    Choose,
    SaveBanner,
    SetLanguage,
    StartPolicy,
    Welcome,
    WithdrawPolicy,
    admission_id,
    chosen,
    loosening_id,
    offered,
    surroundings,
    tightening_id,
    welcome_id,
)
from circles.ports import Ports
from circles_policies.banner import banner
from circles_policies.content import (
    PROPOSAL_KEY,
    Malformed,
    read_content,
    to_proposal,
)
from circles_policies.explain import Line, policy_name, room_name
from circles_policies.minimum import Choice, within
from circles_policies.model import Policy, preset_of
from circles_policies.notices import OPTION_KEYS, REFUSE_KEY, admission, loosening, newcomers, tightening
from circles_policies.retention import current as current_retention
from circles_policies.words import ControlWord, model_wanted, parse_control

MOST_NAMED: Final = 40
"""So many newcomers one notice names."""
NEXT_NAMED: Final = timedelta(hours=1)
_HAN: Final = ("\u3400", "\u9fff")
_NAMED: Final = {"out_of": Choice.OUT, "not_at_all_in": Choice.NOT_AT_ALL, "in_again": Choice.IN}
"""What the commands that are no control words choose."""


# --- entering a room ----------------------------------------------------------------------------------------------


async def enter(entered: Entered, ports: Ports) -> Effects:
    """Begin in a room: take over a policy that stands, else ask for one."""
    room = entered.room
    if room.direct or room.policy is not None:
        return (fx.Follow(room.room_id),)
    if entered.policy is not None and entered.policy_sender not in (None, ports.settings.ai):
        standing = read_content(entered.policy)
        if not isinstance(standing, Malformed) and await _counts(room.room_id, entered.policy_sender, ports):
            return await _take_over(entered, standing, ports)
    return await _ask_for_policy(entered, ports)


async def _counts(room_id: RoomID, user_id: UserID | None, ports: Ports) -> bool:
    facts = await ports.database.read(lambda c: rooms.room_facts(c, room_id))
    return facts is not None and user_id is not None and facts.power.may_set_policy(user_id)


async def _take_over(entered: Entered, policy: Policy, ports: Ports) -> Effects:
    """A policy stands in the room already, written by someone who may: it holds, from now on."""
    by, authority = entered.policy_sender, entered.policy_event
    at = int(entered.now.timestamp() * 1000)

    def write(connection: Connection) -> None:
        store.ask(
            connection,
            entered.room.room_id,
            policy,
            by=by or UserID(""),
            authority=authority or EventID(""),
            asked_at=at,
            starts_at=at,
            state="in_force",
            written=True,
        )

    await ports.database.write(write)
    room_id = entered.room.room_id
    return fx.WakeAt(NAME, f"banner:{room_id}", room_id, entered.now), fx.Follow(room_id)


async def _ask_for_policy(entered: Entered, ports: Ports) -> Effects:
    room, settings = entered.room, ports.settings
    names = await ports.names.people(room.room_id)
    title = await ports.names.room(room.room_id)
    language: Language = "zh" if any(_HAN[0] <= character <= _HAN[1] for character in title) else settings.language
    inviter = names.get(entered.inviter) if entered.inviter else None
    told = surroundings(settings, inviter=inviter, encrypted=entered.encrypted)
    options = dict(offered(settings, "admission"))
    facts, before = await ports.database.read(lambda c: (rooms.room_facts(c, room.room_id), _before(c, room.room_id)))
    held: tuple[str, str, str] | None = None
    if before is not None:
        options = {BEFORE_KEY: before.policy, **options}
        held = policy_name(before.policy, "en"), policy_name(before.policy, "zh"), BEFORE_KEY
    post = fx.Post(
        room.room_id,
        strings.admission(admission(told, "en"), admission(told, "zh"), held),
        kind="admission",
        feature=NAME,
        subject=str(before.id) if before is not None else "",
        text=True,
        buttons=(*((BEFORE_KEY,) if before is not None else ()), *OPTION_KEYS, REFUSE_KEY),
        id=admission_id(room.room_id, facts.invited_at if facts is not None else None),
        extra={PROPOSAL_KEY: to_proposal(options)},
    )
    return (SetLanguage(room.room_id, language), post)


def _before(connection: Connection, room_id: RoomID) -> store.Asked | None:
    """Return what holds in the room that this one replaces, if both say so: an admin here may choose it by one tap."""
    upgrade = upgrades.into(connection, room_id)
    return store.in_force(connection, upgrade.old) if upgrade is not None else None


# --- wakes --------------------------------------------------------------------------------------------------------


async def fire(wake: Fire, ports: Ports) -> Effects:
    """Do what a control event left for the moment after its commit."""
    match wake.key.partition(":")[0]:
        case "banner":
            return await show_banner(wake.room, ports, wake.now)
        case "announce":
            return await _announce(wake, ports)
        case "start":
            return await _start(wake, ports)
        case "less":
            return await _keep_less(wake, ports)
        case "delete":
            return _delete(wake)
        case "welcome":
            return await _welcome(wake, ports)
        case _:
            return ()


async def _keep_less(wake: Fire, ports: Ports) -> Effects:
    """Count and show what a tighter policy would delete; with nothing kept there is nothing to ask."""
    room, language, given = wake.room, wake.room.language, wake.payload
    policy_id, before = int(given["policy"]), int(given["before"])
    count = await ports.kept(room.room_id, before) if ports.kept is not None else 0
    if not count:
        return (fx.TrimKept(room.room_id, before, given["days"]),)
    asked = await ports.database.read(lambda c: store.asked(c, policy_id))
    names = await ports.names.people(room.room_id)
    due = wake.now + timedelta(hours=ports.settings.tightening_hours)
    when = say_when(due, room.zone or ports.settings.zone, language, wake.now)
    text = tightening(_called(asked.by if asked is not None else None, names) or "", count, 0, when, language)
    post = fx.Post(
        room.room_id,
        fx.Words(text),
        kind="tightening",
        feature=NAME,
        subject=str(policy_id),
        text=True,
        buttons=("✅", "↩️"),
        id=tightening_id(policy_id, int(given["at"])),
    )
    return post, fx.WakeAt(NAME, f"delete:{policy_id}", room.room_id, due, given)


def _delete(wake: Fire) -> Effects:
    """Delete what a tighter policy no longer keeps: its day is over, or an admin tapped ✅."""
    given, room = wake.payload, wake.room
    return (
        fx.TrimKept(room.room_id, int(given["before"]), given["days"]),
        fx.ClearButtons(tightening_id(int(given["policy"]), int(given["at"]))),
        fx.Post(room.room_id, strings.deleted(room.language), kind="notice", feature=NAME),
    )


async def show_banner(room: Room, ports: Ports, now: datetime) -> Effects:
    """Return what makes the banner say what is in force: an edit of it, or a first one, pinned where that is
    allowed.
    """

    def read(connection: Connection) -> tuple[store.Asked | None, EffectID | None, rooms.RoomFacts | None]:
        found = rooms.room_facts(connection, room.room_id)
        return store.in_force(connection, room.room_id), store.banner_of(connection, room.room_id), found

    current, known, facts = await ports.database.read(read)
    language = room.language
    if current is None:
        if known is None:
            return ()
        bare = fx.SetRoomName(room.room_id, ports.settings.name(language))
        return bare, fx.Edit(room.room_id, known, strings.nothing_in_force(language))
    words = await _banner_words(room, current, ports, now, language)
    key = preset_of(current.policy)
    own = ports.settings.name(language)
    name = fx.SetRoomName(room.room_id, room_name(key, language, own))
    if known is not None:
        return name, fx.Edit(room.room_id, known, words)
    effect_id = EffectID(f"banner-{current.id}-{current.asked_at}")
    may_pin = facts is not None and facts.power.may_set_state(ports.settings.ai, PIN_TYPE)
    post = fx.Post(room.room_id, words, kind="banner", feature=NAME, id=effect_id, pin=may_pin)
    effects: tuple[fx.Effect, ...] = (name, post, SaveBanner(room.room_id, effect_id, may_pin))
    if not may_pin:
        effects = (*effects, fx.Post(room.room_id, strings.pin_please(language), kind="notice", feature=NAME))
    return effects


async def _banner_words(room: Room, current: store.Asked, ports: Ports, now: datetime, language: Language) -> fx.Words:
    names = await ports.names.people(room.room_id)
    facts = await ports.database.read(lambda c: rooms.room_facts(c, room.room_id))
    zone = room.zone or ports.settings.zone
    since = _local(current.starts_at, zone, language, now) if current.starts_at is not None else None
    told = surroundings(
        ports.settings,
        current.policy,
        set_by=_called(current.by, names),
        since=since,
        ai=ports.settings.name(language),
        encrypted=facts is not None and facts.encrypted,
        retention=current_retention(facts.retention if facts is not None else ()),
    )
    lines: tuple[Line, ...] = banner(within(current.policy, ports.settings.ceiling), told, language)
    return strings.marked_up(lines, language)


def _local(ms: int, zone: str, language: Language, now: datetime) -> str:
    return say_when(datetime.fromtimestamp(ms / 1000, now.tzinfo), zone, language, now)


def _called(user_id: UserID | None, names: Any) -> str | None:
    if user_id is None:
        return None
    return str(names.get(user_id) or user_id[1:].partition(":")[0])


async def _announce(wake: Fire, ports: Ports) -> Effects:
    """Announce a looser policy: who asked, from what to what, and when it starts."""
    policy_id = int(wake.payload["policy"])

    def read(connection: Connection) -> tuple[store.Asked | None, store.Asked | None]:
        return store.asked(connection, policy_id), store.last_valid(connection, wake.room.room_id)

    asked, last = await ports.database.read(read)
    if asked is None or asked.state != "waiting" or asked.starts_at is None:
        return ()
    room, language = wake.room, wake.room.language
    names = await ports.names.people(room.room_id)
    starts = _local(asked.starts_at, room.zone or ports.settings.zone, language, wake.now)
    before = last.policy if last is not None else Policy()
    told = surroundings(ports.settings, asked.policy)
    text = loosening(_called(asked.by, names) or "", before, asked.policy, starts, language, told)
    post = fx.Post(
        room.room_id,
        fx.Words(text),
        kind="loosening",
        feature=NAME,
        subject=str(policy_id),
        text=True,
        id=loosening_id(policy_id, asked.asked_at),
        buttons=("👍", REFUSE_KEY),
        # Synapse's module reads here what a 👍 agrees to.
        extra={PROPOSAL_KEY: to_proposal({"👍": asked.policy})},
    )
    return (post,)


async def _start(wake: Fire, ports: Ports) -> Effects:
    """Put a waiting policy in force, if whoever asked for it still may and it was not called off."""
    policy_id = int(wake.payload["policy"])

    def read(connection: Connection) -> tuple[store.Asked | None, rooms.RoomFacts | None]:
        return store.asked(connection, policy_id), rooms.room_facts(connection, wake.room.room_id)

    asked, facts = await ports.database.read(read)
    if asked is None or asked.state != "waiting" or asked.by is None or facts is None:
        return ()
    if not facts.power.may_set_policy(asked.by):
        return WithdrawPolicy(policy_id), *called_off(asked, wake.room)
    at = int(wake.now.timestamp() * 1000)
    room_id = wake.room.room_id
    shown = fx.WakeAt(NAME, f"banner:{room_id}", room_id, wake.now)
    done = fx.ClearButtons(loosening_id(policy_id, asked.asked_at))
    return StartPolicy(policy_id, at), done, shown, *published(asked, facts, ports.settings), fx.Follow(room_id)


async def _welcome(wake: Fire, ports: Ports) -> Effects:
    """Tell those who came, by one notice that names them. What they write once it stands counts.

    Of a great many some are named at a time, and the others by later notices: an event has a largest size, and until
    they are told nothing of theirs counts.
    """
    room = wake.room
    found = await ports.database.read(lambda c: store.newcomers(c, room.room_id, MOST_NAMED + 1))
    if not found or room.policy is None:
        return ()
    users = found[:MOST_NAMED]
    names = await ports.names.people(room.room_id)
    called = [_called(user, names) or "" for user in users]
    effect_id = welcome_id(int(wake.due.timestamp() * 1000), users)
    text = newcomers(called, within(room.policy, ports.settings.ceiling), room.language)
    post = fx.Post(room.room_id, fx.Words(text), kind="welcome", feature=NAME, id=effect_id)
    told = (post, Welcome(effect_id, users), *await _banner_anew(wake, ports))
    if len(found) == len(users):
        return told
    return *told, fx.WakeAt(NAME, f"welcome:{room.room_id}", room.room_id, wake.now + NEXT_NAMED)


async def _banner_anew(wake: Fire, ports: Ports) -> Effects:
    """In an encrypted room newcomers cannot read the banner that stands: post it again, pin that, take the old back."""
    room = wake.room

    def read(connection: Connection) -> tuple[store.Asked | None, EffectID | None, rooms.RoomFacts | None]:
        found = rooms.room_facts(connection, room.room_id)
        return store.in_force(connection, room.room_id), store.banner_of(connection, room.room_id), found

    current, known, facts = await ports.database.read(read)
    if current is None or known is None or facts is None or not facts.encrypted:
        return ()
    words = await _banner_words(room, current, ports, wake.now, room.language)
    effect_id = EffectID(f"banner-{current.id}-{int(wake.due.timestamp() * 1000)}")
    if effect_id == known:
        return ()
    may_pin = facts.power.may_set_state(ports.settings.ai, PIN_TYPE)
    post = fx.Post(room.room_id, words, kind="banner", feature=NAME, id=effect_id, pin=may_pin)
    return post, SaveBanner(room.room_id, effect_id, may_pin), fx.Withdraw(known)


def sent(connection: Connection, said: Said, now: int) -> None:
    """A notice that names newcomers stands in the room: from now on their words count."""
    if said.kind != "welcome":
        return
    for user in store.welcomed_by(connection, said.effect_id):
        rooms.told(connection, said.room_id, user, now)


# --- words --------------------------------------------------------------------------------------------------------


async def show_policy(call: Call, ports: Ports) -> Effects:
    """Answer `policy` and `enable`: what is in force, and what an admin may choose instead.

    A choice by someone who may decide was obeyed when it came in; here it is only answered.
    """
    room, language = call.room, call.language
    current = await ports.database.read(lambda c: store.in_force(c, room.room_id))
    before = current.policy if current is not None else None
    wanted = chosen(call.argument.text, ports.settings, before)
    if call.argument.text and wanted is None:
        words = strings.no_such_policy(language)
        names, name = ports.settings.model_names, model_wanted(call.argument.text)[1]
        if names and name is not None and name not in names:
            words = strings.no_such_model(language, names)
        return (call.answer(words, feature=NAME),)
    if wanted is not None:
        return await _answer_choice(call, wanted, current, ports)
    now = ports.clock.now()
    shown = await _banner_words(room, current, ports, now, language) if current else strings.no_policy(language)
    if call.place != room.room_id:
        # What all must see done is not done in private: the options stand in the room only.
        where = strings.in_the_room(language)
        both = fx.Words(f"{shown.body}\n\n{where.body}", f"{shown.html or shown.body}<br><br>{where.body}")
        return (call.answer(both, feature=NAME),)
    model = before.model if before is not None else None
    offer = offered(ports.settings, "offer", model)
    options = [Line("", f"{key} {policy_name(policy, language)}") for key, policy in offer]
    if ports.settings.model_names:
        options.append(strings.models(language, ports.settings.model_names))
    menu = strings.marked_up((Line("", strings.offer(language).body), *options), language)
    post = fx.Post(
        call.place,
        fx.Words(f"{shown.body}\n\n{menu.body}", f"{shown.html or shown.body}<br><br>{menu.html or menu.body}"),
        kind="offer",
        feature=NAME,
        reply_to=call.event_id,
        thread=call.thread,
        answers=call.event_id,
        buttons=OFFER_KEYS[: len(OFFER)],
        subject=model or "",
        extra={PROPOSAL_KEY: to_proposal(dict(offer))},
    )
    return (post,)


async def _answer_choice(call: Call, wanted: Policy, current: store.Asked | None, ports: Ports) -> Effects:
    language, name = call.language, policy_name(wanted, call.language)
    if wanted.model is not None:
        name = f"{name} · {wanted.model}"
    if call.place != call.room.room_id:
        return (call.answer(strings.in_the_room(language), feature=NAME),)
    if not call.decides:
        return (call.answer(strings.not_yours(language), feature=NAME),)
    if current is not None and current.policy == wanted:
        new = current.authority == call.event_id
        told = strings.policy_set(language, name) if new else strings.same_policy(language, name)
        return (call.answer(told, feature=NAME),)
    return ()  # Looser: the announcement says it.


async def confirm_choice(call: Call, ports: Ports) -> Effects:
    """Answer `out`, `not at all` and `in`, which were obeyed when they came in: in private, and nowhere else."""
    found = parse_control(call.whole.text, (), addressed=True)
    choice = CHOICES.get(found[0]) if found is not None else None
    if choice is None:
        return ()
    places: tuple[RoomID, ...] = (call.room.room_id,)
    if call.room.direct:
        places = await ports.database.read(lambda c: rooms.circles_of(c, call.asker, ports.settings.ai))
    titles = [await ports.names.room(room_id) for room_id in places]
    if choice is Choice.IN:
        barred = await ports.database.read(
            lambda c: any(rooms.member(c, room_id, call.asker).kept_out for room_id in places)
        )
        words = strings.came_in(call.language, titles, barred=barred)
    else:
        sealed = await ports.database.read(lambda c: any(_is_encrypted(c, room_id) for room_id in places))
        words = strings.out(call.language, entirely=choice is Choice.NOT_AT_ALL, titles=titles, encrypted=sealed)
    return (call.in_private(words, feature=NAME),)


async def choose(call: Call, ports: Ports) -> Effects:
    """Keep the asker's own talk out of the circle they name in private, or let it be looked at again.

    A model may only choose to keep it out, here or (in private) everywhere: that a person says yes is theirs to say.
    """
    choice = _NAMED[call.command]
    here = (call.room.room_id,)
    in_all = call.room.direct
    places = await ports.database.read(lambda c: rooms.circles_of(c, call.asker, ports.settings.ai)) if in_all else here
    now = int(ports.clock.now().timestamp() * 1000)
    every = (*places, rooms.EVERYWHERE) if in_all else places
    chosen = tuple(Choose(RoomID(place), call.asker, choice, now, call.event_id) for place in every)
    titles = [await ports.names.room(room_id) for room_id in places]
    if choice is Choice.IN:
        barred = await ports.database.read(
            lambda c: any(rooms.member(c, room_id, call.asker).kept_out for room_id in places)
        )
        return *chosen, call.in_private(strings.came_in(call.language, titles, barred=barred), feature=NAME)
    sealed = await ports.database.read(lambda c: any(_is_encrypted(c, room_id) for room_id in places))
    words = strings.out(call.language, entirely=choice is Choice.NOT_AT_ALL, titles=titles, encrypted=sealed)
    gone = tuple(fx.TakeBackPerson(call.asker, room_id, held=False) for room_id in places)
    return *chosen, *gone, call.in_private(words, feature=NAME)


async def tell_how_to_come_back(call: Call, _ports: Ports) -> Effects:
    """Say which word lets the AI look again: nobody, and no model, says yes in a person's place."""
    return (call.in_private(strings.say_in(call.language), feature=NAME),)


async def tell_choice(call: Call, ports: Ports) -> Effects:
    """Answer "am I out?" from the asker's own choices alone, to the asker alone."""
    places: tuple[RoomID, ...] = (call.room.room_id,)
    if call.room.direct:
        places = await ports.database.read(lambda c: rooms.circles_of(c, call.asker, ports.settings.ai))
    levels = await ports.database.read(lambda c: [rooms.member(c, room_id, call.asker).level for room_id in places])
    rows = [(await ports.names.room(room_id), level) for room_id, level in zip(places, levels, strict=True)]
    return (call.in_private(strings.standing(call.language, rows), feature=NAME),)


def _is_encrypted(connection: Connection, room_id: RoomID) -> bool:
    facts = rooms.room_facts(connection, room_id)
    return facts is not None and facts.encrypted


async def keep_out(call: Call, ports: Ports) -> Effects:
    """Keep another person out, or let them back: for whoever decides, privately, with no reason kept (PRODUCT.md
    G18).
    """
    if not call.decides:
        return (call.in_private(strings.not_yours(call.language), feature=NAME),)
    names = await ports.names.people(call.room.room_id)
    wanted = call.argument.text.strip().removeprefix("@").casefold()
    matches = [
        user
        for user, name in names.items()
        if user != ports.settings.ai
        and wanted
        and wanted in (name.casefold(), user[1:].casefold(), user[1:].partition(":")[0])
    ]
    if len(matches) != 1:
        return (call.in_private(strings.who_is_it(call.language), feature=NAME),)
    person, now = matches[0], int(ports.clock.now().timestamp() * 1000)
    if call.command == ControlWord.LET_BACK.value:
        back = strings.let_back(call.language, names[person])
        return Choose(call.room.room_id, person, Choice.LET_BACK, now, call.event_id), call.in_private(
            back, feature=NAME
        )
    return (
        Choose(call.room.room_id, person, Choice.KEEP_OUT, now, call.event_id),
        fx.TakeBackPerson(person, call.room.room_id, held=False, silent=True),
        call.in_private(strings.kept_out(call.language, names[person]), feature=NAME),
    )


async def rest(call: Call, ports: Ports) -> Effects:
    """Answer `off`."""
    if call.room.direct:
        return (call.answer(strings.nothing_to_switch_off(call.language), feature=NAME),)
    words = strings.resting(call.language) if call.decides else strings.not_yours(call.language)
    return (call.answer(words, feature=NAME),)


async def confirm_stopped(call: Call, ports: Ports) -> Effects:
    """Answer `stop`."""
    return (call.answer(strings.stopped(call.language), feature=NAME),)


async def leave(call: Call, ports: Ports) -> Effects:
    """Answer `leave`: go, if whoever asks decides; else let everyone vote (PRODUCT.md A11).

    In private it may as well mean that they want out, so the AI goes only from "this chat", and else says both words.
    """
    if call.room.direct and not any(word in call.whole.text.casefold() for word in ("chat", "room", "私聊")):
        return (call.answer(strings.leave_what(call.language), feature=NAME),)
    if call.decides or call.room.direct:
        goodbye = strings.goodbye(call.language)
        return call.answer(goodbye, feature=NAME), fx.Leave(call.room.room_id, goodbye.body)
    names = await ports.names.people(call.room.room_id)
    alone = call.whole.text.strip(" .。!！").casefold() in ("leave", "离开")
    words = strings.vote(call.room.language, _called(call.asker, names) or "", bare=alone)
    post = fx.Post(
        call.place,
        words,
        kind="vote",
        feature=NAME,
        text=True,
        buttons=("✅",),
        reply_to=call.event_id,
        answers=call.event_id,
    )
    return (post,)


async def speak(call: Call, ports: Ports) -> Effects:
    """Answer `language`: which one the room speaks, for whoever decides; in a direct message, the person."""
    said = call.whole.text.casefold()
    language: Language | None = None
    if re.search(r"\b(?:english|en)\b|英文|英语", said):
        language = "en"
    elif re.search(r"\b(?:chinese|mandarin|zh)\b|中文|汉语|普通话", said):
        language = "zh"
    if language is None:
        return (call.answer(strings.which_language(call.language), feature=NAME),)
    if not call.decides and not call.room.direct:
        return (call.answer(strings.not_yours(call.language), feature=NAME),)
    room_id = call.room.room_id
    effects: tuple[fx.Effect, ...] = (
        SetLanguage(room_id, language),
        call.answer(strings.speaks(language), feature=NAME),
    )
    if call.room.policy is not None and not call.room.direct:
        effects = (*effects, fx.WakeAt(NAME, f"banner:{room_id}", room_id, ports.clock.now()))
    return effects


# --- writers ------------------------------------------------------------------------------------------------------


def write(connection: Connection, effect: fx.Effect) -> None:
    """Write an effect of this feature."""
    match effect:
        case Choose(room_id, user_id, choice, at, because):
            store.choose(connection, room_id, user_id, choice, at, because)
        case SaveBanner(room_id, effect_id, pinned):
            store.save_banner(connection, room_id, effect_id, pinned=pinned)
        case Welcome(effect_id, users):
            store.welcome(connection, effect_id, users)
        case StartPolicy(policy_id, at):
            store.start(connection, policy_id, at)
            row = store.asked(connection, policy_id)
            if row is not None:
                rooms.tighten(connection, row.room_id)
        case WithdrawPolicy(policy_id):
            store.withdraw(connection, policy_id)
        case SetLanguage(room_id, language):
            rooms.save_room(connection, room_id, language=language)
        case _:
            raise TypeError(f"{type(effect).__name__} is not an effect of {NAME}.")
