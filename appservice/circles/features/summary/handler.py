"""Reads the window through the ports, asks a model where there is one, and answers. Never a line without a link."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from circles.core.call import Call, Remake, Room
from circles.core.effects import Effect, NoteTold, Words
from circles.core.ids import UserID
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles.core.posts import Frame, Section, Told, again, compose, is_whispered, may_ask_model
from circles.core.prompt import Prompt
from circles.core.render import Text, bold, lines, text
from circles.errors import BudgetSpent, ContextWindowExceeded, ModelBadAnswer, ModelError
from circles.features.summary import decide, prompts, strings, words
from circles.ports import CompletesChat, Ports, Window

SMALLEST: Final = 8
"""What a model cannot take is halved, the newest kept, down to so many messages; then it is picked from instead."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One summary or list of visits to make. `asker` None: without a model."""

    command: str
    frame: Frame
    asker: UserID | None
    head: tuple[Text, ...]
    notes: tuple[Text, ...] = ()


async def summarise(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `summary`."""
    return await _answer("summary", call, ports)


async def list_visits(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `visits`."""
    return await _answer("visits", call, ports)


async def show_decisions(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `decisions`; "decision: …" names one to keep, which is answered with what comes nearest."""
    if call.argument.text.strip():
        return _no_list(call)
    return await _answer("decisions", call, ports)


async def show_todos(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `todos`; "todo …" names one to keep, which is answered with what comes nearest."""
    if call.argument.text.strip():
        return _no_list(call)
    return await _answer("todos", call, ports)


async def show_open_questions(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `open_questions`."""
    return await _answer("open_questions", call, ports)


async def remake(lost: Remake, ports: Ports) -> tuple[Effect, ...]:
    """Say a summary again from the same window, as far as it may be looked at now."""
    kept = lost.said.remake
    if not kept:
        return ()
    language, command = lost.said.language, str(kept["command"])
    frame = await _frame(lost.room, ports, language, str(kept["zone"]))
    talk, withheld = await _look(frame, words.recalled(kept), lost.said.asker, ports)
    asker = lost.said.asker if may_ask_model(lost.room, ports.settings) else None
    head = (text(strings.AGAIN[language]), bold(strings.TITLE[command][language]))
    told = await _tell(_Task(command, frame, asker, head, _withheld(withheld, language)), talk, ports)
    if told.nothing:
        told = Told(Words(f"{strings.AGAIN[language]} {strings.NOTHING_LEFT[language]}"), nothing=True)
    return (again(lost, told, decide.NAME),)


def _no_list(call: Call) -> tuple[Effect, ...]:
    return (call.answer(Words(strings.NO_LIST[call.command][call.language]), feature=decide.NAME, kind="problem"),)


async def _answer(command: str, call: Call, ports: Ports) -> tuple[Effect, ...]:
    zone = call.zone or call.room.zone or ports.settings.zone
    asked = words.wish(call.argument.text, call.at, zone)
    call = replace(call, private=call.private or asked.private)
    refused = strings.UNCLEAR if asked.unclear else strings.NO_THREAD if words.lacks_thread(call, asked) else None
    if refused:
        return (call.answer(Words(refused[call.language]), feature=decide.NAME, kind="problem"),)
    # A direct message's event stands in no order with the circle's.
    here = call.event_id if call.place == call.room.room_id else None
    wrote = await ports.talk.last_words(call.room.room_id, call.asker, here) if asked.mine else None
    bounds = words.bounds(call, asked, wrote)
    frame = await _frame(call.room, ports, call.language, zone)
    talk, withheld = await _look(frame, bounds, call.asker, ports)
    title = bold(strings.TITLE[command][call.language])
    head = title + text(f" · {decide.scope(replace(asked, mine=wrote is not None), bounds, frame)}")
    notes = (*decide.notes(call, asked, wrote), *_withheld(withheld, call.language))
    asker = call.asker if may_ask_model(call.room, ports.settings) else None
    told = await _tell(_Task(command, frame, asker, (head,), notes), talk, ports)
    effect = call.answer(
        told.words,
        feature=decide.NAME,
        kind=decide.NAME,
        subject=command,
        sources=tuple(message.source for message in told.rests_on),
        remake=words.remembered(bounds, talk, command, zone, whispered=is_whispered(call)),
        mark={"model": told.model},
    )
    return (effect, NoteTold(call.room.room_id, call.asker, of_model=True)) if told.spent else (effect,)


async def _frame(room: Room, ports: Ports, language: Language, zone: str) -> Frame:
    names = await ports.names.people(room.room_id)
    return Frame(room.room_id, room.via, names, language, zone, ports.clock.now())


async def _look(
    frame: Frame, bounds: words.Bounds, asker: UserID | None, ports: Ports
) -> tuple[tuple[Permitted, ...], bool]:
    """Read the window. One of very few messages counts as empty: its gaps would point at people."""
    talk = await ports.talk.window(
        frame.room_id,
        Window(since=bounds.start, last=bounds.last, thread=bounds.thread, until=bounds.until, asker=asker),
    )
    return (() if talk.few else bounds.within(talk.among_people())), talk.withheld


def _withheld(withheld: bool, language: Language) -> tuple[Text, ...]:
    return (text(strings.WITHHELD[language]),) if withheld else ()


async def _tell(task: _Task, talk: tuple[Permitted, ...], ports: Ports) -> Told:
    """Make the post: by a model, else by picking; with nothing to look at one sentence, whatever the reason."""
    language = task.frame.language
    if not talk:
        return Told(lines(*task.head, text(strings.too_little(decide.made_as(task.command))[language])), nothing=True)
    why, spent = strings.NO_MODEL[decide.made_as(task.command)], False
    if ports.model and task.asker:
        try:
            return await _by_model(task, task.asker, talk, ports.model)
        except BudgetSpent as error:
            if not error.told:  # said once a day; the label says every time that no model was used
                why, spent = strings.so_picked(error, decide.made_as(task.command)), True
        except ModelError as error:
            why = strings.so_picked(error, decide.made_as(task.command))
    sections = await asyncio.to_thread(decide.picked, task.command, talk, task.frame)
    return replace(_told(task, sections, (text(why[language]),), quotes=True), spent=spent)


def _told(
    task: _Task,
    sections: tuple[Section, ...],
    more: tuple[Text, ...],
    *,
    quotes: bool,
    shown: tuple[Permitted, ...] = (),
    model: str | None = None,
) -> Told:
    quoted = {message.event_id: message for section in sections for item in section.items for message in item.rests_on}
    post = compose(task.frame, task.head, sections, (*task.notes, *more))
    return Told(post, tuple(quoted.values()) if quotes else shown, model)


async def _by_model(task: _Task, asker: UserID, talk: tuple[Permitted, ...], model: CompletesChat) -> Told:
    shown = talk
    while True:
        try:
            data, named = await _complete(task, asker, shown, model)
            break
        except ContextWindowExceeded:
            if len(shown) <= SMALLEST:
                raise
            shown = shown[len(shown) // 2 :]
    sections = decide.written(task.command, data, shown, task.frame)
    if decide.promised(data) and not any(section.items for section in sections):
        raise ModelBadAnswer
    newest = strings.newest_only(task.frame.hour(shown[0].at))[task.frame.language]
    more = (text(newest),) if len(shown) < len(talk) else ()
    return _told(task, sections, more, quotes=False, shown=shown, model=named)


async def _complete(
    task: _Task, asker: UserID, talk: tuple[Permitted, ...], model: CompletesChat
) -> tuple[Mapping[str, Any], str]:
    language = task.frame.language
    prompt = Prompt(
        purpose=decide.NAME,
        room_id=task.frame.room_id,
        asker=asker,
        instructions=prompts.instructions(decide.made_as(task.command), language),
        talk=talk,
        answer_schema=prompts.SCHEMAS[decide.made_as(task.command)],
        names=task.frame.names,
    )
    completion = await model.complete(prompt)
    if completion.data is None:
        raise ModelBadAnswer
    return completion.data, completion.model
