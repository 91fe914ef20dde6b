"""Plays a conversation and checks every promise as it is kept: consent, links, hours, taking back.

Knows nothing of any one conversation: what must hold beyond the promises stands in the file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp

from circles_demo import taking_back
from circles_demo.answers import Answer, misses, shown, unsaid
from circles_demo.conversation import (
    HIDE,
    SOON,
    AnyStep,
    Ask,
    Await,
    Conversation,
    Correct,
    Delete,
    Expect,
    Later,
    Mark,
    Say,
    Someone,
    seconds_between,
)
from circles_demo.room import Missed, answer_to, is_said, kind_of, next_post
from circles_demo.stage import Stage
from circles_demo.telling import Record, Teller, counted, listed
from circles_harness import NotSeen, Person, Refused

PROPOSAL: Final = "io.github.matrix_circles.proposal"
AT_ONCE_SECONDS: Final = 20.0
DIGEST_LEAD_SECONDS: Final = 45
"""So long it takes at most, on a slow machine, until there is something to tell."""
_LONG_GAP: Final = 3_600
_TOLD_LINES: Final = 4
_HOURS_WORDS: Final = {"en": "room zone {zone}", "zh": "群时区 {zone}"}
_YES: Final = {"en": "in", "zh": "可以看我"}


class Stopped(Exception):
    """A step did not happen that everything after it needs."""


@dataclass(slots=True)
class Events:
    """What a step leaves in the record: events of the room, events of direct messages by room, and more."""

    room: str = ""
    ids: list[str] = field(default_factory=list[str])
    private: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    more: dict[str, Any] = field(default_factory=dict[str, Any])

    def at(self, place: str) -> list[str]:
        """Return where events of a place are noted."""
        return self.ids if place == self.room else self.private.setdefault(place, [])


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its answer."""

    step: Ask
    event_id: str
    place: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Promise:
    """A post that is still to come."""

    later: Later
    after: str
    due: datetime | None


class Play:
    """One conversation on one stage.

    Attributes:
        failures: the steps that did not happen.
        room: the room's id once it is made.
        people: everybody's client, by the id in the file.
        everybody_agreed: whether each of them told the AI yes, which it then keeps.
    """

    def __init__(
        self,
        stage: Stage,
        conversation: Conversation,
        teller: Teller,
        record: Record,
        *,
        pace: float = 0.0,
        without: Collection[str] = (),
        unique: bool = False,
    ) -> None:
        """Take everything it plays with.

        Args:
            stage: what runs.
            conversation: what is said.
            teller: tells the steps.
            record: keeps their events.
            pace: seconds between two messages.
            without: kinds of later posts to leave out, such as `digest`.
            unique: make accounts of which others of the same names may exist.
        """
        self.stage = stage
        self.conversation = conversation
        self.teller = teller
        self.record = record
        self.failures: list[str] = []
        self.room = ""
        self.people: dict[str, Person] = {}
        self.event_ids: dict[str, str] = {}
        self.asked: dict[str, Asked] = {}
        self.direct: dict[str, str] = {}
        self._promises: dict[str, Promise] = {}
        self._pace = pace
        self._without = frozenset(without)
        self._unique = unique
        self._clock = 0
        self._left_out: set[str] = set()
        self.everybody_agreed = False

    @property
    def ai(self) -> str:
        """The AI's user id."""
        return self.stage.service.user_id

    @property
    def admin(self) -> Person:
        """Who decides in the room."""
        return self.people[self.conversation.header.admin]

    def seen(self) -> set[str]:
        """Return every event that anybody has seen so far, in the room or in private."""
        places = [(person, self.room) for person in self.people.values()]
        places += [(self.people[who], place) for who, place in self.direct.items()]
        return {str(event["event_id"]) for person, place in places for event in person.timeline(place)}

    def called(self, key: str) -> str:
        """Return how the demo speaks of a person."""
        return self.conversation.someone(key).known_as

    async def run(self) -> None:
        """Play all of it; what does not happen stands in `failures`."""
        try:
            await self._gather()
            await self._invite()
            await self._consent()
            for group in self._groups():
                await self._play(group)
        except Stopped:
            self.teller.bad(self.teller.choose("Nothing after this can be played.", "后面的都演不下去了。"))

    @asynccontextmanager
    async def step(self, key: str, text: str, *, needed: bool = False) -> AsyncGenerator[Events]:
        """Tell and record one step; what goes wrong in it is told in one place.

        Args:
            key: its name in the record.
            text: what happens.
            needed: whether nothing can go on without it.
        """
        self.teller.step(text)
        events = Events(self.room)
        begun = time.monotonic()
        wrong = ""
        try:
            yield events
        except (Missed, NotSeen) as error:
            wrong = _brief(str(error))
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            wrong = f"the homeserver: {str(error) or type(error).__name__}"
        self.record.write(
            key,
            ok=not wrong,
            seconds=round(time.monotonic() - begun, 2),
            room=self.room,
            events=events.ids,
            **({"private": events.private} if events.private else {}),
            homeserver=self.stage.home.base_url,
            **events.more,
            **({"wrong": wrong} if wrong else {}),
        )
        if wrong:
            self.failures.append(text)
            self.teller.bad(wrong)
            if needed:
                raise Stopped

    # The room ---------------------------------------------------------------------------------------------------

    async def _gather(self) -> None:
        header, t = self.conversation.header, self.teller.choose
        others = [each for each in header.people if each.id != header.admin]
        names = listed([each.known_as for each in others], self.teller.language)
        admin = self.called(header.admin)
        text = t(f"{admin} makes the room “{header.room}” for {names}", f"{admin} 建群“{header.room}”，请来{names}")
        async with self.step("room", text, needed=True) as events:
            self.people = await self.stage.people(self.conversation, unique=self._unique)
            self._record_accounts()
            invited = [self.people[each.id].user_id for each in others]
            self.room = await self.admin.create_room(header.room, invite=invited)
            for each in others:
                await self.people[each.id].wait_for_invite()
                await self.people[each.id].join(self.room, via=[self.stage.home.server_name])
            for each in others:
                joined = await self.admin.wait_for_member(self.room, self.people[each.id].user_id, "join")
                events.ids.append(joined["event_id"])
            far = [each.known_as for each in others if each.homeserver == "away"]
            if far:
                who = listed(far, self.teller.language)
                self.teller.good(t(f"{who} joined from the second homeserver", f"{who} 从第二台服务器加入"))

    def _record_accounts(self) -> None:
        """Let whoever follows the record sign in and fetch what it names."""
        self.record.write(
            "accounts",
            homeservers={
                name: {"url": each.base_url, "server_name": each.server_name}
                for name, each in (("home", self.stage.home), ("away", self.stage.away))
            },
            ai=self.ai,
            people={
                key: {
                    "user_id": person.user_id,
                    "password": person.password,
                    "access_token": person.access_token,
                    "homeserver": person.base_url,
                }
                for key, person in self.people.items()
            },
        )

    async def _invite(self) -> None:
        t = self.teller.choose
        admin = self.called(self.conversation.header.admin)
        text = t(
            f"{admin} invites the AI; it asks before it looks at anything", f"{admin} 邀请 AI；它什么都没看，先来问"
        )
        async with self.step("admission", text, needed=True) as events:
            await self.admin.invite(self.room, self.ai)
            notice = await self.admin.wait_for(
                self.room,
                lambda event: is_said(event, self.ai) and kind_of(event) == "admission",
                timeout=AT_ONCE_SECONDS,
                what="the admission notice",
            )
            events.ids.append(notice["event_id"])
            self.event_ids["admission"] = notice["event_id"]
            self.teller.quote(notice["content"]["body"])

    async def _consent(self) -> None:
        header, t = self.conversation.header, self.teller.choose
        notice = await self.admin.event(self.room, self.event_ids["admission"])
        offers = _offers(notice["content"])
        wanted = header.policy if header.policy in offers else "agreed"
        key = offers.get(wanted)
        plain = next((each for each in header.people if each.id != header.admin and each.homeserver == "home"), None)
        for tap in offers.values():
            await self.admin.wait_for_reaction(self.room, notice["event_id"], tap, sender=self.ai)
        if plain is not None and key is not None:
            text = t(
                f"{plain.known_as} taps {key}, but may not decide here: a kind line, nothing else",
                f"{plain.known_as} 点了 {key}，但这事不归 TA 定：只有一句客气话",
            )
            async with self.step("tap-of-a-member", text) as events:
                await self._tapped(plain, key, events)
        admin = self.called(header.admin)
        text = t(
            f"{admin} taps {key}: one tap by an admin, and it is in force", f"{admin} 点 {key}：管理员点一下就生效"
        )
        async with self.step("consent", text, needed=True) as events:
            if key is None:
                raise Missed(f"the AI did not offer “{header.policy}”")
            events.ids.append(await self.admin.react(self.room, notice["event_id"], key))
            banner = await self.admin.wait_for(
                self.room,
                lambda event: is_said(event, self.ai) and kind_of(event) == "banner",
                timeout=AT_ONCE_SECONDS,
                what="the banner",
            )
            events.ids.append(banner["event_id"])
            self.teller.quote(banner["content"]["body"])
        if wanted == "agreed":
            await self._all_agree()
        if header.zone is not None:
            await self._set_zone(header.zone)

    async def _tapped(self, plain: Someone, key: str, events: Events) -> None:
        tap = await self.people[plain.id].react(self.room, self.event_ids["admission"], key)
        line = await self.admin.wait_for(
            self.room, lambda event: is_said(event, self.ai), timeout=AT_ONCE_SECONDS, after=tap, what="the kind line"
        )
        events.ids += [tap, line["event_id"]]
        self.teller.quote(line["content"]["body"])
        if kind_of(line) == "banner":
            raise Missed("the tap of a plain member counted")

    async def _all_agree(self) -> None:
        text = self.teller.choose("Everybody says yes, each in private", "每个人私下说“可以看我”")
        async with self.step("everyone-agrees", text, needed=True) as events:
            for someone in self.conversation.header.people:
                await self.say_in_private(someone, _YES[someone.language], events)
        self.everybody_agreed = True

    async def _set_zone(self, zone: str) -> None:
        admin = self.conversation.someone(self.conversation.header.admin)
        words = _HOURS_WORDS[admin.language].format(zone=zone)
        text = self.teller.choose(f"{admin.known_as} tells it the room's hours: {words}", f"{admin.known_as}：{words}")
        async with self.step("zone", text) as events:
            question = await self.admin.say(self.room, f"!circle {words}")
            answer = await self.answer(self.admin, self.room, question, AT_ONCE_SECONDS)
            events.ids += [question, answer.event_id]
            self.teller.good(shown(answer))
            if zone not in answer.body:
                raise Missed(f"it did not take {zone}")

    # The conversation -------------------------------------------------------------------------------------------

    def _groups(self) -> Sequence[list[AnyStep]]:
        """Return the steps, with what people say to each other put together."""
        groups: list[list[AnyStep]] = []
        for step in self.conversation.steps:
            if self._is_left_out(step):
                continue
            if groups and _is_talk(step) and _is_talk(groups[-1][0]):
                groups[-1].append(step)
            else:
                groups.append([step])
        return groups

    def _is_left_out(self, step: AnyStep) -> bool:
        if isinstance(step, Ask) and step.later and step.later.kind in self._without:
            self._left_out.add(step.later.id)
            return True
        return isinstance(step, Await) and step.awaits in self._left_out

    async def _play(self, group: list[AnyStep]) -> None:
        first = group[0]
        match first:
            case Ask():
                await self._ask(first)
            case Await():
                await self._await(self._promises.pop(first.awaits, None))
            case Mark() if first.mark == HIDE:
                await taking_back.hide(self, first)
            case Delete():
                await taking_back.delete(self, first)
            case _:
                await self._talk(group)

    async def _talk(self, group: list[AnyStep]) -> None:
        t = self.teller.choose
        count = sum(isinstance(step, Say) for step in group)
        text = t(f"They talk: {count} messages", f"大家聊天：{count} 条")
        async with self.step("talk", text, needed=True) as events:
            for step in group:
                await self._one(step, events)
            last = events.ids[-1]
            for person in self.people.values():
                await self.has_come(person, last)
            expected = {promise.later.kind for promise in self._promises.values()}
            own = set(events.ids)
            first = next(n for n, each in enumerate(self.admin.timeline(self.room)) if each["event_id"] in own)
            for event in self.admin.timeline(self.room)[first:]:
                if is_said(event, self.ai) and kind_of(event) not in expected:
                    raise Missed(f"the AI spoke though nobody asked: {event['content']['body'][:80]}")
            self.teller.good(
                t(
                    "on both homeservers; the AI kept quiet, for nobody asked it",
                    "两台服务器都收到了；没人叫 AI，它没出声",
                )
            )

    async def _one(self, step: AnyStep, events: Events) -> None:
        hour = await self._time_goes_by(step.when)
        match step:
            case Say(who=who, text=text, reply_to=reply_to):
                person = self.people[who]
                if reply_to is None:
                    event_id = await person.say(self.room, text)
                else:
                    await self.has_come(person, self.event_ids[reply_to])
                    event_id = await person.reply(self.room, self.event_ids[reply_to], text)
                keys = ""
                for mark in step.marks:
                    await self.has_come(self.people[mark.who], event_id)
                    events.ids.append(await self.people[mark.who].react(self.room, event_id, mark.key))
                    keys += f"  {mark.key} {self.called(mark.who)}"
                self.teller.message(hour, self.called(who), text + keys)
                self._note(step.id, event_id, events)
            case Correct(who=who, edit=edit, text=text):
                events.ids.append(await self.people[who].edit(self.room, self.event_ids[edit], text))
                self.teller.message(hour, self.called(who), f"{text}  {self.teller.choose('(edited)', '（改过）')}")
            case Mark(who=who, mark=key, on=on):
                await self.has_come(self.people[who], self.event_ids[on])
                events.ids.append(await self.people[who].react(self.room, self.event_ids[on], key))
                self.teller.message(hour, self.called(who), key)
            case _:
                raise TypeError(f"not talk: {type(step).__name__}")

    async def has_come(self, person: Person, event_id: str) -> None:
        """Wait until somebody sees an event: it may have to travel to another homeserver."""
        await person.wait_for(self.room, lambda event: event["event_id"] == event_id, timeout=AT_ONCE_SECONDS)

    def _note(self, key: str | None, event_id: str, events: Events) -> None:
        events.ids.append(event_id)
        if key is not None:
            self.event_ids[key] = event_id
            events.more.setdefault("ids", {})[key] = event_id

    async def _time_goes_by(self, when: str | None) -> str:
        """Move the story's clock, wait a moment, and return the hour to tell, '' for the same."""
        gap = seconds_between(self._clock, when)
        self._clock = (self._clock + gap) % 86_400
        await asyncio.sleep(self._pace * (2 if gap >= _LONG_GAP else 1 if gap else 0.5))
        return f"{self._clock // 3_600:02}:{self._clock % 3_600 // 60:02}" if gap and when and ":" in when else ""

    # Questions --------------------------------------------------------------------------------------------------

    async def _ask(self, step: Ask) -> None:
        someone = self.conversation.someone(step.who)
        asks, due = self._with_soon(step.ask)
        text = self.teller.choose(f"{someone.known_as} asks: {asks}", f"{someone.known_as} 问：{asks}")
        async with self.step(step.id or "ask", text) as events:
            await self._time_goes_by(step.when)
            begun = time.monotonic()
            place, question = await self._put(step, asks, events)
            answer = await self.answer(self.people[step.who], place, question, step.expect.within)
            events.at(place).extend([question, answer.event_id])
            self._note_asked(Asked(step, question, place, answer), due)
            self.teller.quote(shown(answer))
            await self.check(answer, self._soon_said(step.expect, due), events)
            self.teller.good(
                self.teller.choose(
                    f"answered within {time.monotonic() - begun:.1f} s", f"{time.monotonic() - begun:.1f} 秒内回答"
                )
            )

    def _note_asked(self, asked: Asked, due: datetime | None) -> None:
        step = asked.step
        if step.id is not None:
            self.event_ids[step.id] = asked.event_id
            self.asked[step.id] = asked
        if step.later is not None:
            self._promises[step.later.id] = Promise(step.later, asked.answer.event_id, due)

    async def _put(self, step: Ask, asks: str, events: Events) -> tuple[str, str]:
        """Say something to the AI; return where, and the event."""
        person = self.people[step.who]
        if step.how == "private":
            place = await self.direct_room(step.who, events)
            return place, await person.say(place, asks)
        if step.how == "command":
            return self.room, await person.say(self.room, f"!circle {asks}")
        name = (await person.members(self.room))[self.ai]["displayname"]
        if step.how == "name":
            return self.room, await person.say(self.room, f"@{name} {asks}")
        return self.room, await person.mention(self.room, self.ai, name, asks)

    async def answer(self, asker: Person, place: str, question: str, within: float) -> Answer:
        """Wait for the AI's answer."""
        return await answer_to(asker, place, question, self.ai, within=within, anything=place != self.room)

    async def check(self, answer: Answer, expect: Expect, events: Events) -> None:
        """Hold an answer to what the file expects, and each of its links to a message that is really there."""
        linked = [row for row in answer.items if row.links]
        for link in answer.links:
            found = await self.admin.event(link.room, link.event)
            if link.room != self.room or found["type"] != "m.room.message" or "body" not in found["content"]:
                raise Missed(f"a link leads nowhere: {link.event}")
            if found["sender"] == self.ai:
                raise Missed(f"a link leads to the AI itself: {link.event}")
            if link.event not in answer.body:
                raise Missed(f"a link is missing in the plain text: {link.event}")
        events.more["links"] = [link.event for link in answer.links]
        t = self.teller.choose
        if answer.links:
            self.teller.good(
                t(
                    f"{len(linked)} of {counted(len(answer.items), 'line')} linked; "
                    f"{counted(len(answer.links), 'linked message')} fetched from the room",
                    f"{len(answer.items)} 行里 {len(linked)} 行有链接；{len(answer.links)} 条原话都从群里取到了",
                )
                if answer.items
                else t(
                    f"{counted(len(answer.links), 'linked message')} fetched from the room",
                    f"{len(answer.links)} 条链接都取到了",
                )
            )
        wrong = list(misses(answer, expect))
        worded = unsaid(answer, expect)
        if self.stage.model:
            # A model words things anew each time: what it says is shown, and only its form and links are held to.
            for each in worded:
                self.teller.note(t(f"in the model's words: {each}", f"模型的说法：{each}"))
        else:
            wrong += worded
        if wrong:
            raise Missed("; ".join(wrong))

    async def _await(self, promise: Promise | None) -> None:
        if promise is None:
            return
        later = promise.later
        text = self.teller.choose(f"The {later.kind} comes by itself", f"到点了：{later.id}")
        async with self.step(later.id, text) as events:
            known = {promise.after}
            for event in self.admin.timeline(self.room):
                known.add(event["event_id"])
                if event["event_id"] == promise.after:
                    break
            post = await next_post(
                self.admin, self.room, self.ai, later.kind, known=known, question=None, within=later.within
            )
            events.ids.append(post.answer.event_id)
            self.teller.quote(shown(post.answer))
            if promise.due is not None:
                sent = (await self.admin.event(self.room, post.answer.event_id))["origin_server_ts"] / 1000
                late = sent - promise.due.timestamp()
                events.more["late_seconds"] = round(late, 2)
                self.teller.good(
                    self.teller.choose(f"{late:.1f} s after its minute began", f"整点后 {late:.1f} 秒就到了")
                )
            await self.check(post.answer, later.expect, events)

    def _with_soon(self, asks: str) -> tuple[str, datetime | None]:
        """Put the next full minute in for its sign."""
        zone = self.conversation.header.zone
        if SOON not in asks or zone is None:
            return asks, None
        due = datetime.now(UTC) + timedelta(seconds=DIGEST_LEAD_SECONDS + 60)
        due = due.replace(second=0, microsecond=0).astimezone(ZoneInfo(zone))
        return asks.replace(SOON, f"{due:%H:%M}"), due

    def _soon_said(self, expect: Expect, due: datetime | None) -> Expect:
        if due is None:
            return expect
        said = [each.replace(SOON, f"{due:%H:%M}") for each in expect.contains]
        return expect.model_copy(update={"contains": said})

    # In private -------------------------------------------------------------------------------------------------

    async def direct_room(self, who: str, events: Events) -> str:
        """Return a person's direct message with the AI: theirs, one that the AI opened, or a new one."""
        if who not in self.direct:
            person = self.people[who]
            self.direct[who] = await person.start_dm(self.ai)
            joined = await person.wait_for_member(self.direct[who], self.ai, "join", timeout=AT_ONCE_SECONDS)
            events.at(self.direct[who]).append(joined["event_id"])
        return self.direct[who]

    async def say_in_private(self, someone: Someone, words: str, events: Events) -> Answer:
        """Say something to the AI alone, and return what it answers."""
        place = await self.direct_room(someone.id, events)
        question = await self.people[someone.id].say(place, words)
        answer = await self.answer(self.people[someone.id], place, question, AT_ONCE_SECONDS)
        events.at(place).extend([question, answer.event_id])
        return answer


def _is_talk(step: AnyStep) -> bool:
    return isinstance(step, Say | Correct) or (isinstance(step, Mark) and step.mark != HIDE)


def _offers(content: Any) -> dict[str, str]:
    """Return which reaction stands for which of the AI's rules, by what the notice itself carries."""
    options: dict[str, Any] = content.get(PROPOSAL, {}).get("options", {})
    return {str(policy.get("preset", "")): key for key, policy in options.items()}


def _brief(text: str) -> str:
    """Shorten what was waited for: the first line, and the last things that came instead."""
    first, *came = text.splitlines()
    return "\n".join([first, *came[-_TOLD_LINES:]])
