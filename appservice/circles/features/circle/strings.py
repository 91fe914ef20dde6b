"""Every sentence about making a circle and coming into it, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.effects import Words
from circles.core.language import Language
from circles.core.render import Text, bold, lines, link, text

Sentence = Mapping[Language, str]

NO_GOAL: Final[Sentence] = {
    "en": "What is it for? For example “create New Year visits”.",
    "zh": "想做什么？比如说“新建 春节拜年”。",
}
LONG_GOAL: Final[Sentence] = {
    "en": "That is long for a goal. One or two sentences are enough, up to {limit} characters.",
    "zh": "这个目标有点长，一两句就够（{limit} 字以内）。",
}
NO_NUMBER: Final[Sentence] = {
    "en": "I found no free number for a new circle just now. Please ask again.",
    "zh": "这会儿没找到空着的群号，再说一次试试。",
}
ENOUGH: Final[Sentence] = {
    "en": "Circles I made for you in 24 hours: {most}. That's as many as I may; ask me again tomorrow.",
    "zh": "24 小时内已经给你建了 {most} 个圈子，到上限了，明天再来。",
}
NONE_HERE: Final[Sentence] = {
    "en": "Nobody has circles made here; its operator switched that off. Invite me into a room of yours.",
    "zh": "这里不开放新建圈子（运行者关掉了）。把我请进你自己的群就行。",
}
HERE_ALONE: Final[Sentence] = {
    "en": "This is our private chat, nobody else comes in. Say it in a circle, or “create New Year visits”.",
    "zh": "这里是我们的私聊，别人进不来。到圈子里说，或者说“新建 春节拜年”。",
}

_READY: Final[Sentence] = {"en": "is ready. I sent you the invite.", "zh": "建好了，邀请已经发给你。"}
_YOURS: Final[Sentence] = {
    "en": "You are its admin. I look at nothing there until you tap one of my options.",
    "zh": "你是管理员。在你点一个选项之前，我在里面什么都不看。",
}
_OPEN: Final[Sentence] = {
    "en": "Whoever has this link can join and sees what was said before; it is in no public list.",
    "zh": "谁有这个链接都能进来，也能看到之前的话；公开列表里没有它。",
}
_CLOSE: Final[Sentence] = {
    "en": "To let in only people you invite: room settings, Security & Privacy.",
    "zh": "只想让受邀的人进：房间设置里的“安全与隐私”。",
}
_JOIN: Final[Sentence] = {"en": "Join this circle", "zh": "加入圈子"}
_NUMBER: Final[Sentence] = {"en": "Number {number}: join {alias}", "zh": "群号 {number}：加入 {alias}"}
_SCAN: Final[Sentence] = {"en": "Or scan the code.", "zh": "或者扫二维码。"}

_OPEN_DOOR: Final[Sentence] = {
    "en": "Whoever has the link can join.",
    "zh": "谁有链接都能进来。",
}
_CLOSED: Final[Sentence] = {
    "en": "This room asks for an invitation: invite them first, then the link works.",
    "zh": "这个群要先邀请：邀请了 TA，链接才进得来。",
}
_CLOSED_ADMIN: Final[Sentence] = {
    "en": " As an admin you can open it: room settings, Security & Privacy.",
    "zh": "你是管理员，也可以在房间设置的“安全与隐私”里打开。",
}
_CLOSED_MEMBER: Final[Sentence] = {
    "en": " An admin can also open it in the room settings.",
    "zh": "管理员也可以在房间设置里打开。",
}
_MAYBE: Final[Sentence] = {
    "en": "If the room asks for an invitation, invite them first; then the link works.",
    "zh": "如果群里要先邀请，先邀请 TA，链接就能用了。",
}


def created(name: str, address: str, number: int, alias: str, language: Language) -> Words:
    """Return what the asker reads when their circle stands."""
    gap = " " if language == "en" else ""
    return lines(
        bold(name) + text(gap + _READY[language]),
        *_ways(address, number, alias, language),
        text(_OPEN[language]),
        text(_CLOSE[language]),
        text(_YOURS[language]),
    )


def invitation(address: str, number: int | None, alias: str | None, language: Language) -> Words:
    """Return the link in every form."""
    return lines(*_ways(address, number, alias, language))


def door_note(language: Language, *, is_open: bool | None, asker_is_admin: bool) -> str:
    """Return what else one must know of a room's door."""
    if is_open is None:
        return _MAYBE[language]
    if is_open:
        return _OPEN_DOOR[language]
    return _CLOSED[language] + (_CLOSED_ADMIN if asker_is_admin else _CLOSED_MEMBER)[language]


def with_note(words: Words, note: str) -> Words:
    """Return words with one more line."""
    last = lines(text(note))
    html = f"{words.html}<br>{last.html or last.body}" if words.html else None
    return Words(f"{words.body}\n{last.body}", html)


def _ways(address: str, number: int | None, alias: str | None, language: Language) -> tuple[Text, ...]:
    rows = [link(_JOIN[language], address)]
    if number is not None and alias is not None:
        rows.append(text(_NUMBER[language].format(number=number, alias=alias)))
    return (*rows, text(_SCAN[language]))
