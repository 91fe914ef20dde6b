"""Reads what may be looked at, asks a model where there is one, answers with links or says that nothing was found."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from circles.core.call import Call, Remake
from circles.core.effects import Effect, NoteTold, Words
from circles.core.ids import UserID
from circles.core.permitted import Permitted
from circles.core.posts import Frame, Item, Section, Told, again, compose, is_whispered, may_ask_model
from circles.core.prompt import Prompt
from circles.core.render import Text, text
from circles.errors import BudgetSpent, ContextWindowExceeded, ModelBadAnswer, ModelError
from circles.features.ask import decide, prompts, strings
from circles.ports import CompletesChat, Ports, Window


@dataclass(frozen=True, slots=True)
class _Task:
    """One question to answer. `asker` None: without a model."""

    asked: Permitted
    frame: Frame
    asker: UserID | None
    bounds: decide.Bounds
    withheld: bool
    head: tuple[Text, ...] = ()
    more: tuple[Text, ...] = ()


async def answer(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `ask`, and every free question to the AI."""
    asked = decide.question(call.argument) or decide.question(call.whole)
    if asked is None:
        return (call.answer(Words(strings.NO_QUESTION[call.language]), feature=decide.NAME, kind="problem"),)
    zone = call.zone or call.room.zone or ports.settings.zone
    names = await ports.names.people(call.room.room_id)
    frame = Frame(call.room.room_id, call.room.via, names, call.language, zone, ports.clock.now())
    here = call.place == call.room.room_id
    bounds = decide.Bounds(
        until_at=int(call.at.timestamp() * 1000),
        until=call.event_id if here else None,
        thread=call.thread if here else None,
    )
    talk, withheld = await _look(frame, bounds, ports)
    may_ask = ports.model is not None and may_ask_model(call.room, ports.settings)
    could = may_ask and not ports.settings.is_missing(call.room.policy)
    more = (text(strings.NOT_READABLE[call.language]),) if could and not call.readable else ()
    asker = call.asker if may_ask and call.readable else None
    told = await _tell(_Task(asked, frame, asker, bounds, withheld, more=more), talk, ports)
    effect = call.answer(
        told.words,
        feature=decide.NAME,
        ping=True,
        sources=tuple(message.source for message in told.rests_on),
        remake=decide.remembered(bounds, talk, zone, readable=call.readable, whispered=is_whispered(call)),
        mark={"model": told.model},
    )
    return (effect, NoteTold(call.room.room_id, call.asker, of_model=True)) if told.spent else (effect,)


async def remake(lost: Remake, ports: Ports) -> tuple[Effect, ...]:
    """Answer a question again without what was taken back; a question that was taken back itself is not answered."""
    kept = lost.said.remake
    asked = decide.question(lost.asked) if lost.asked else None
    if not kept or asked is None:
        return ()
    language = lost.said.language
    names = await ports.names.people(lost.room.room_id)
    frame = Frame(lost.room.room_id, lost.room.via, names, language, str(kept["zone"]), ports.clock.now())
    bounds = decide.recalled(kept)
    talk, withheld = await _look(frame, bounds, ports)
    may_ask = kept.get("readable") is True and may_ask_model(lost.room, ports.settings)
    asker = lost.said.asker if may_ask else None
    head = (text(strings.AGAIN[language]),)
    return (again(lost, await _tell(_Task(asked, frame, asker, bounds, withheld, head), talk, ports), decide.NAME),)


async def _look(frame: Frame, bounds: decide.Bounds, ports: Ports) -> tuple[tuple[Permitted, ...], bool]:
    """Read the thread it was asked in, or the room where that thread hangs on a post of the AI's."""
    window = Window(since=bounds.start, thread=bounds.thread, until=bounds.until)
    talk = await ports.talk.window(frame.room_id, window)
    found = bounds.within(talk if bounds.thread is not None else talk.among_people())
    if bounds.thread is None or decide.of_one_thread(found, bounds.thread):
        return found, talk.withheld
    talk = await ports.talk.window(frame.room_id, replace(window, thread=None))
    return decide.outside_other_threads(bounds.within(talk), bounds.thread), talk.withheld


async def _tell(task: _Task, talk: tuple[Permitted, ...], ports: Ports) -> Told:
    language, why, spent = task.frame.language, strings.NO_MODEL, False
    if ports.model and task.asker and talk:
        try:
            return await _by_model(task, task.asker, talk, ports.model)
        except BudgetSpent as error:
            if not error.told:  # said once a day; the label says every time that no model was used
                why, spent = strings.so_searched(error), True
        except ModelError as error:
            why = strings.so_searched(error)
    items = await asyncio.to_thread(decide.matches, talk, task.asked.text, task.frame)
    label = (text(why[language]),) if items or why is not strings.NO_MODEL else ()
    quoted = tuple(message for item in items for message in item.rests_on)
    return Told(_words(task, talk, items, label), quoted, spent=spent)


async def _by_model(task: _Task, asker: UserID, talk: tuple[Permitted, ...], model: CompletesChat) -> Told:
    shown = await asyncio.to_thread(decide.fitting, talk, task.asked.text, task.frame, decide.MOST)
    prompt = Prompt(
        purpose=decide.NAME,
        room_id=task.frame.room_id,
        asker=asker,
        instructions=prompts.instructions(task.frame.language),
        talk=shown,
        question=task.asked,
        answer_schema=prompts.SCHEMA,
        names=task.frame.names,
    )
    try:
        completion = await model.complete(prompt)
    except ContextWindowExceeded:
        shown = decide.fitting(talk, task.asked.text, task.frame, min(decide.FEW, len(talk) // 2))
        completion = await model.complete(replace(prompt, talk=shown))
    if completion.data is None:
        raise ModelBadAnswer
    found = decide.found(completion.data, shown)
    if found is None:
        return Told(_words(task, talk, (), ()), shown, completion.model)
    item = decide.answer_item(*found, task.frame)
    if item:
        return Told(_words(task, talk, (item,), ()), shown, completion.model)
    instead = text(strings.NOT_BORNE_OUT[task.frame.language])
    return Told(_words(task, talk, decide.quotes(found[1], task.frame), (instead,)), shown, completion.model)


def _words(task: _Task, talk: tuple[Permitted, ...], items: tuple[Item, ...], label: tuple[Text, ...]) -> Words:
    language, thread = task.frame.language, task.bounds.thread
    in_thread = thread is not None and decide.of_one_thread(talk, thread)
    nothing = strings.NOTHING_IN_THREAD if in_thread else strings.NOTHING_FOUND
    withheld = (text(strings.WITHHELD[language]),) if task.withheld else ()
    return compose(task.frame, task.head, (Section("", items, nothing[language]),), (*withheld, *label, *task.more))
