"""Taking back, walked through: the mark, the withdrawn posts, the new ones, `why`, `me`, and the scan for the words."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from circles_demo.answers import shown
from circles_demo.conversation import Delete, Expect, Mark, Say
from circles_demo.room import Missed, Post, is_said, kind_of, next_post, posts, until
from circles_demo.scan import Found, files, scan, sequences
from circles_demo.telling import counted
from circles_harness import Person

if TYPE_CHECKING:
    from circles_demo.play import Asked, Events, Play

WIPED_WITHIN_SECONDS: Final = 60.0
"""What the program promises: the database's own log files are rid of removed words within a minute."""
_WHY: Final = {"en": "why", "zh": "为什么"}
_ME: Final = {"en": "me", "zh": "我的"}
_NOTHING: Final = {"en": "I hold nothing of yours", "zh": "我什么都没留"}
_NOTE_SECONDS: Final = 15.0
_NO_FORM: Final = Expect(each_linked=True)


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that was taken back. `words` stand in no other message, so that a scan for them proves something."""

    event_id: str
    author: str
    by: str
    text: str
    words: tuple[str, ...]
    hidden: bool


async def hide(play: Play, step: Mark) -> None:
    """🙈 on a message, and everything that must follow."""
    author, text = _message(play, step.on)
    gone = Gone(play.event_ids[step.on], author, step.who, text, _own_words(play, step.on), hidden=True)
    t, who = play.teller.choose, play.called(step.who)
    whose = t("their own message", "自己的话") if author == step.who else t(f"{play.called(author)}'s", "别人的话")
    what = t(f"{who} puts {step.mark} on {whose}: “{text}”", f"{who} 给{whose}点了 {step.mark}：“{text}”")
    await _take_back(play, step, gone, what)


async def delete(play: Play, step: Delete) -> None:
    """A deleted message, and everything that must follow."""
    author, text = _message(play, step.delete)
    words = _own_words(play, step.delete)
    gone = Gone(play.event_ids[step.delete], author, step.who, text, words, hidden=False)
    who = play.called(step.who)
    await _take_back(play, step, gone, play.teller.choose(f"{who} deletes: “{text}”", f"{who} 撤回：“{text}”"))


async def _take_back(play: Play, step: Mark | Delete, gone: Gone, what: str) -> None:
    within, t = step.expect.within, play.teller.choose
    used: list[Post] = []
    known: set[str] = set()
    since = time.time()
    again: dict[str, Post] = {}
    async with play.step("taken-back", what) as events:
        used = [post for post in await _all_posts(play) if gone.event_id in post.answer.cited]
        _must_use(play, step.expect.withdrawn, used)
        known = play.seen()
        person = play.people[step.who]
        if isinstance(step, Mark):
            await play.has_come(person, gone.event_id)
            events.ids.append(await person.react(play.room, gone.event_id, step.mark))
        else:
            events.ids.append(await person.redact(play.room, gone.event_id))
        begun, since = time.monotonic(), time.time()
        for post in used:
            events.at(post.room).extend(post.event_ids)
            await until(partial(_still_readable, play, post), within=within)
        taken = time.monotonic() - begun
        play.teller.good(
            t(
                f"{counted(len(used), 'post')} of the AI used it: redacted with every edit within {taken:.1f} s, "
                "on both homeservers",
                f"用到它的 {len(used)} 条 AI 回答连同编辑都已撤回，{taken:.1f} 秒，两台服务器都看不到了",
            )
            if used
            else t("no post of the AI had used it", "AI 没有回答用到过它")
        )
        if used:
            await _told_in_private(play, step.who, known, events)
    # Of several of a kind in a room the newest comes again (decision 0030).
    newest = {(post.room, post.answer.kind): post for post in used}
    for post in newest.values():
        told = _named(play, post) in step.expect.withdrawn
        await _said_again(play, post, known, gone, within, again, told=told)
    for key in step.expect.withdrawn:
        if key in play.asked and play.asked[key].event_id in again:
            await _why(play, play.asked[key], again[play.asked[key].event_id], gone)
            break
    await _me(play, gone, used, holds_nothing=step.expect.holds_nothing)
    await _scan(play, gone, since)


def _must_use(play: Play, withdrawn: Sequence[str], used: Sequence[Post]) -> None:
    questions = {post.question for post in used}
    for key in withdrawn:
        if key not in play.asked or play.asked[key].event_id not in questions:
            raise Missed(f"the answer to “{key}” had not used that message, so it proves nothing")


def _named(play: Play, post: Post) -> str | None:
    """Return the id of the question a post answers."""
    return next((key for key, asked in play.asked.items() if asked.event_id == post.question), None)


async def _all_posts(play: Play) -> tuple[Post, ...]:
    """Return the AI's posts in the room and in everybody's direct messages."""
    found = list(await posts(play.admin, play.room, play.ai))
    for who, place in play.direct.items():
        found += await posts(play.people[who], place, play.ai)
    return tuple(found)


async def _still_readable(play: Play, post: Post) -> str:
    """Say whether anybody can still read any event of a post."""
    readers: list[Person] = [post.reader]
    if post.room == play.room:
        readers = [play.admin, *(play.people[each.id] for each in play.conversation.header.people)]
        readers = list({reader.base_url: reader for reader in readers}.values())
    for reader in readers:
        for event_id in post.event_ids:
            if "body" in (await reader.event(post.room, event_id))["content"]:
                return f"a post that used the message can still be read on {reader.base_url}"
    return ""


async def _told_in_private(play: Play, who: str, known: set[str], events: Events) -> None:
    """Whoever took something back that was used hears so, in private."""
    person = play.people[who]
    if who not in play.direct:
        place = await person.wait_for_invite(sender=play.ai, timeout=_NOTE_SECONDS)
        play.direct[who] = await person.join(place)
    note = await person.wait_for(
        play.direct[who],
        lambda event: is_said(event, play.ai) and kind_of(event) == "taken_back" and event["event_id"] not in known,
        timeout=_NOTE_SECONDS,
        what="the private word that it is taken back",
    )
    events.at(play.direct[who]).append(note["event_id"])
    name = play.called(who)
    play.teller.good(play.teller.choose(f"to {name} alone:", f"只对 {name} 说："))
    play.teller.quote(note["content"]["body"])


async def _said_again(
    play: Play, post: Post, known: set[str], gone: Gone, within: float, again: dict[str, Post], *, told: bool
) -> None:
    """The post comes again, without what was taken back."""
    t, kind = play.teller.choose, post.answer.kind
    name = _named(play, post)
    question = f"“{play.asked[name].step.ask}”" if name is not None else ""
    what = t(f"The answer to {question}" if name else f"The {kind}", f"对{question}的回答" if name else kind)
    async with play.step("said-again", t(f"{what} comes back without it", f"{what}重发，去掉那句")) as events:
        new = await next_post(post.reader, post.room, play.ai, kind, known=known, question=post.question, within=within)
        events.at(new.room).append(new.answer.event_id)
        if told:
            play.teller.quote(shown(new.answer))
        if gone.event_id in new.answer.cited:
            raise Missed("it still rests on the message")
        _has_none(new.answer.body, gone)
        await play.check(new.answer, _NO_FORM, events)
        before, after = len(post.answer.items), len(new.answer.items)
        play.teller.good(
            t(
                f"{counted(before, 'line')} before, {after} now; none of its words",
                f"原来 {before} 行，现在 {after} 行，没有那句",
            )
        )
        if post.question is not None:
            again[post.question] = new


async def _why(play: Play, asked: Asked, new: Post, gone: Gone) -> None:
    """`why` on the new answer shows what remains."""
    someone = play.conversation.someone(asked.step.who)
    word = _WHY[someone.language]
    asker = play.people[someone.id]
    text = play.teller.choose(
        f"{someone.known_as} replies “{word}” to it: what it rests on now",
        f"{someone.known_as} 回复“{word}”：现在根据什么",
    )
    async with play.step("why", text) as events:
        question = await asker.reply(new.room, new.answer.event_id, word)
        receipt = await play.answer(asker, new.room, question, _NOTE_SECONDS)
        events.at(new.room).extend([question, receipt.event_id])
        play.teller.quote(shown(receipt))
        if gone.event_id in receipt.cited:
            raise Missed("the receipt still names the message")
        _has_none(receipt.body, gone)
        # Of a model's answer the room is told that its own links are what it rests on: they were checked above.
        if new.answer.items and not receipt.links and not play.stage.model:
            raise Missed("the receipt names no message")
        await play.check(receipt, _NO_FORM, events)


async def _me(play: Play, gone: Gone, used: Sequence[Post], *, holds_nothing: bool) -> None:
    """The author asks what is held about them."""
    someone = play.conversation.someone(gone.author)
    word, t = _ME[someone.language], play.teller.choose
    text = t(f"{someone.known_as} asks in private what is held: “{word}”", f"{someone.known_as} 私信问：“{word}”")
    async with play.step("me", text) as events:
        answer = await play.say_in_private(someone, word, events)
        play.teller.quote(shown(answer))
        _has_none(answer.body, gone)
        if {link.event for link in answer.links} & {each for post in used for each in post.event_ids}:
            raise Missed("a withdrawn post is still listed")
        # Where everybody had to say yes first, that yes is kept, and told.
        if holds_nothing and not play.everybody_agreed and _NOTHING[someone.language] not in answer.body:
            raise Missed("it does not say that nothing is held")
        play.teller.good(t("nothing of that message is held", "那句话什么都没留"))


def _has_none(text: str, gone: Gone) -> None:
    for words in gone.words:
        if words.casefold() in text.casefold():
            raise Missed(f"it still says “{words}”")


# The scan -------------------------------------------------------------------------------------------------------


async def _scan(play: Play, gone: Gone, since: float) -> None:
    """Look for the words in every byte the service keeps, and in what it sent to a model."""
    t = play.teller.choose
    name = play.called(gone.author)
    text = t(f"A scan of everything the AI keeps for {name}'s words", f"在 AI 留下的每个字节里找 {name} 的话")
    async with play.step("scan", text) as events:
        if not gone.words:
            raise Missed("none of its words are its own, so a scan proves nothing")
        left: tuple[Found, ...] = ()

        async def still() -> str:
            nonlocal left
            left = await asyncio.to_thread(scan, play.stage.kept_in, gone.words)
            return f"{sum(each.count for each in left)} places still hold words of it: {_places(left)}" if left else ""

        begun = time.monotonic()
        try:
            await until(still, within=WIPED_WITHIN_SECONDS)
        finally:
            _tell_files(play, left)
        waited = time.monotonic() - begun
        play.teller.good(
            t(
                f"0 places hold any of its words, {waited:.0f} s after the scan began",
                f"0 处：哪里都没有那句话（查了 {waited:.0f} 秒）",
            )
        )
        looked = ", ".join(f"“{each}”" for each in _some(gone.words))
        play.teller.note(
            t(
                f"looked for {len(gone.words)} sequences of its words, such as {looked}, in UTF-8 and three other "
                "forms",
                f"找了 {len(gone.words)} 种片段，比如 {looked}；UTF-8 和另外三种写法",
            )
        )
        ledger = await asyncio.to_thread(_ledger, play.stage.service.database_path, gone.event_id, since)
        play.teller.good(_ledger_words(play, ledger))
        if ledger.after:
            raise Missed(f"{ledger.after} requests to a model carried it after it was taken back")
        control = await asyncio.to_thread(scan, (play.stage.home.database_path.parent,), gone.words)
        play.teller.note(_control_words(play, gone, control))
        if gone.hidden and not control:
            raise Missed("the scan cannot find the words where they must be, in the homeserver's own database")
        events.more |= {
            "sequences": len(gone.words),
            "found": sum(each.count for each in left),
            "requests": ledger.requests,
            "requests_after": ledger.after,
            "control": sum(each.count for each in control),
            "seconds_until_wiped": round(waited, 1),
        }


def _tell_files(play: Play, left: Sequence[Found]) -> None:
    for path in files(play.stage.kept_in):
        count = sum(each.count for each in left if each.path == path)
        size = path.stat().st_size if path.exists() else 0
        inside = path.relative_to(play.stage.service.directory)
        play.teller.plain(f"    {count:6}  {inside}  ({size:,} bytes)")


def _control_words(play: Play, gone: Gone, control: Sequence[Found]) -> str:
    count = sum(each.count for each in control)
    if gone.hidden:
        return play.teller.choose(
            f"the same scan finds them {count} times at the homeserver, where the message still stands: 🙈 hides it "
            "from the AI, not from people",
            f"同样的查找在聊天服务器里找到 {count} 处：那句话还在群里，🙈 只是不让 AI 看",
        )
    return play.teller.choose(
        f"at the homeserver: {count} places; it keeps deleted messages for as long as it is set to",
        f"聊天服务器里有 {count} 处：删掉的消息留多久由它自己的设置决定",
    )


@dataclass(frozen=True, slots=True)
class Ledger:
    """The requests to a model, as the service wrote them down before each left: all, with the message, and since."""

    requests: int
    carried: int
    after: int


def _ledger(database: Path, event_id: str, since: float) -> Ledger:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        requests = connection.execute("SELECT count(*) FROM egress").fetchone()[0]
        times = [
            row[0]
            for row in connection.execute(
                "SELECT at FROM egress JOIN egress_events ON egress_id = id WHERE event_id = ?", (event_id,)
            )
        ]
    return Ledger(int(requests), len(times), sum(at / 1000 > since for at in times))


def _ledger_words(play: Play, ledger: Ledger) -> str:
    t = play.teller.choose
    if not ledger.requests:
        return t("0 requests to a model are on record: none is set up", "记录里没有送给模型的请求：没有设模型")
    return t(
        f"{ledger.requests} requests to the model are on record, by ids alone; {ledger.carried} carried the message "
        f"before it was taken back, {ledger.after} after",
        f"记录里有 {ledger.requests} 次送给模型的请求（只记编号）；"
        f"收回前带着它的 {ledger.carried} 次，之后 {ledger.after} 次",
    )


def _places(left: Iterable[Found]) -> str:
    return ", ".join(sorted({each.path.name for each in left}))


def _some(words: Sequence[str]) -> Sequence[str]:
    short = [each for each in words if len(each) <= 24]
    return short[:: max(1, len(short) // 3)][:3]


def _message(play: Play, key: str) -> tuple[str, str]:
    """Return who wrote a message of the file, and its text."""
    for step in play.conversation.steps:
        if isinstance(step, Say) and step.id == key:
            return step.who, step.text
    raise Missed(f"“{key}” is not a message that people wrote to each other")


def _own_words(play: Play, key: str) -> tuple[str, ...]:
    """Return what of a message's words nobody else said, the program's own sentences included."""
    mine = [text for name, text in play.conversation.texts() if name == key]
    others = [text for name, text in play.conversation.texts() if name != key]
    header = play.conversation.header
    others += [header.room, *(each.name for each in header.people), *(each.id for each in header.people)]
    return sequences("\n".join(mine), [*others, _program()])


@lru_cache(maxsize=1)
def _program() -> str:
    """Return every sentence the program itself may say: its own source."""
    folders = [Path(where) for name in ("circles", "circles_policies") for where in _where(name)]
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py")))


def _where(package: str) -> Sequence[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec is not None else ()
