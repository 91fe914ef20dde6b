"""Control words and how the AI is spoken to in plain text, in English and Chinese.

Owns the grammar of what must work under every policy, also under none.  A message that is a control word passes the
gate with its text, so the grammar is tight: "in 5 minutes remind me" is not "in", "helpful" is not "help".
Total on any string, and linear in its length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

from circles_policies.model import DEFAULT_MODEL
from circles_policies.off_record import asked_length


class ControlWord(StrEnum):
    """What a person can always say to the AI."""

    ENABLE = "enable"
    POLICY = "policy"
    OUT = "out"
    NOT_AT_ALL = "not_at_all"
    IN = "in"
    KEEP_OUT = "keep_out"
    LET_BACK = "let_back"
    HIDE = "hide"
    UNHIDE = "unhide"
    OFF_RECORD = "off_record"
    ON_RECORD = "on_record"
    ME = "me"
    WHY = "why"
    OFF = "off"
    STOP = "stop"
    LEAVE = "leave"
    HELP = "help"


TIGHTENING: Final = frozenset(
    {
        ControlWord.OUT,
        ControlWord.NOT_AT_ALL,
        ControlWord.OFF,
        ControlWord.STOP,
        ControlWord.HIDE,
        ControlWord.OFF_RECORD,
    }
)
"""The words after which the AI may only less than before: they count also when they come late."""

ALONE: Final[dict[ControlWord, tuple[str, ...]]] = {
    ControlWord.OUT: (
        *("out", "opt out", "opt me out", "i opt out", "i want out", "leave me out", "keep me out", "let me out"),
        *("i want to opt out", "i want to leave", "let me opt out"),
        *("stop reading my messages", "don't read my messages", "do not read my messages", "don't read me"),
        *("stop reading me", "don't look at my messages", "do not look at my messages", "don't look at me"),
        *("stop looking at my messages", "stop looking at me", "stop watching me", "ignore my messages"),
        *("don't look at what i say", "stop looking at what i say", "don't read what i say", "stop reading what i say"),
        *("不看我", "别看我", "不要看我", "别看我的消息", "不要看我的消息", "别看我说的话", "不要看我说的话"),
        *("我不想被看", "不想被看", "不想被看到", "我不想被看到", "别再看我", "不要再看我", "别读我的消息", "别看我的"),
        *("别再看我的消息", "不要再看我的消息", "别再看我说的话", "不要再看我说的话"),
        *("退出", "我退出", "我要退出", "我想退出", "让我退出", "帮我退出", "我要离开", "我想离开"),
    ),
    ControlWord.NOT_AT_ALL: ("not at all", "out not at all", "完全不看我", "完全别看我"),
    ControlWord.IN: (
        *("in", "opt in", "opt me in", "i opt in", "i want in", "i want in again", "i want to opt in"),
        *("you may look at my messages", "you can look at my messages", "you may look at my messages again"),
        *("you can look at my messages again", "you may read my messages again", "you can read my messages again"),
        *("可以看我", "看我", "可以看我的消息"),
        *("可以看我说的话", "又可以看我", "我又愿意"),
    ),
    ControlWord.HIDE: ("hide", "不看这句", "别看这句", "这句别看"),
    ControlWord.UNHIDE: ("unhide", "可以看这句", "这句可以看", "可以看"),
    ControlWord.OFF_RECORD: (
        *("off record", "off the record", "this is off the record", "that's off the record", "that is off the record"),
        *("go off the record", "let's go off the record", "we're off the record", "we are off the record"),
        *("don't write this down", "do not write this down", "don't keep this", "do not keep this"),
        *("别记", "都别记", "这里别记", "不要记", "别记录", "不要记录", "先别记", "先不要记", "这段别记", "接下来别记"),
    ),
    ControlWord.ON_RECORD: ("on record", "on the record", "back on record", "back on the record", "可以记", "接着记"),
    ControlWord.ME: ("me", "我的"),
    ControlWord.WHY: ("why", "why that", "why this", "为什么", "为啥"),
    ControlWord.OFF: ("off", "关", "关闭", "休息"),
    ControlWord.STOP: ("stop", "停", "停下", "停止"),
    ControlWord.LEAVE: (
        *("leave", "vote to leave", "leave this room", "leave the room", "leave this chat", "leave the chat"),
        *("离开", "投票离开", "请你离开", "你离开", "你走", "离开这个群", "离开群", "离开私聊", "离开这个私聊"),
    ),
    ControlWord.ENABLE: ("enable", "启用"),
    ControlWord.POLICY: ("policy", "规则", "规矩"),
    ControlWord.HELP: ("help", "帮助"),
}
"""The words that stand alone, politeness aside. The last three may also be followed by an argument."""

WITH_ARGUMENT: Final[dict[ControlWord, tuple[int, tuple[str, ...]]]] = {
    ControlWord.KEEP_OUT: (4, ("keep out", "别看", "不看")),
    ControlWord.LET_BACK: (4, ("let back", "不再拦")),
    ControlWord.ENABLE: (4, ALONE[ControlWord.ENABLE]),
    ControlWord.POLICY: (4, ALONE[ControlWord.POLICY]),
    ControlWord.HELP: (1, ALONE[ControlWord.HELP]),
}
"""The words that take an argument, and of how many words at most: longer text is talk, and talk is not obeyed."""

# Nearly everything that is asked about is talk, so that it is none of these must be quickly seen.
_WORD_OF: Final = {form: word for word, forms in ALONE.items() for form in forms}
_MOST_ALONE: Final = max(form.count(" ") + 1 for form in _WORD_OF)
_BEFORE_ARGUMENT: Final = tuple(form for _, forms in WITH_ARGUMENT.values() for form in forms)

_POLITE: Final = frozenset({"please", "pls", "now", "thanks", "thank", "you", "请", "吧", "了", "谢谢"})
_ASKING: Final = re.compile(r"(?:please\s+)?(?:(?:can|could|would|will)\s+you|i\s+(?:want|would\s+like)\s+you\s+to)\s+")
"""How a wish is put as a question: "could you stop reading my messages?"."""
_EDGES: Final = " \t\r\n,.:;!?~。、…"
"""What may stand around a word after compatibility folding, which turns full-width forms into these."""
_ARGUMENT_MARKS: Final = "@!("

_COMMAND: Final = "circle"
_AFTER_PREFIX: Final = re.compile(r"[\s:,、]+|$")
_AFTER_NAME: Final = re.compile(r"\s*[:,、]\s*|$")
_AFTER_CHINESE_NAME: Final = re.compile(r"\s*[:,、?!。]\s*|\s+|$")
_AFTER_GREETED: Final = re.compile(r"\s*[:,、.!?。]+\s*|$")
_GREETING: Final = re.compile(
    r"(?:hey|hi|hello|hallo|ok|okay|dear|good\s+(?:morning|evening|night))\s+(?:there\s+)?"
    r"|(?:嘿|嗨|哈喽|哈罗|喂|你好|早上好|早安|晚上好)[\s,、!]*"
)
_GREETINGS_BEGIN: Final = frozenset("hodg嘿嗨哈喂你早晚")
_REQUEST: Final = re.compile(
    r"(?:please|pls|can\s+you|could\s+you|would\s+you|will\s+you)\s+\w"
    r"|remind\s+(?:me|us|everyone|everybody|all)\b"
    r"|(?:summari[sz]e|sum\s+up|catch\s+me\s+up)\b"
    r"|what\s+(?:did|have)\s+(?:i|we)\b|who\s+visits\b"
    r"|(?:summary|recap|reminders|my\s+reminders|notes|digest|visits|thanks|thank\s+you)\s*[.!?]*$"
)
"""What makes a call of a Latin name and a mere space, beside a control word."""
_CHINESE_REQUEST: Final = re.compile(
    r"(?:(?:总结|小结|归纳|提醒(?=我|大家|所有人|全家|全体|我们)|记下|记住|记一下|取消|日报|周报|摘要|笔记|待办|邀请)"
    r"(?![得过的说])"
    r"|(?:帮我|帮忙|帮大家|帮我们|请|麻烦|能不能|可不可以|可以看|你能|你会|你可以|你是|你好|谢谢|多谢|问一下|问问|请问)"
    r"|(?:不看我|别看我|不要看我|完全不看我|退出|帮助|规则|规矩|休息|停下|我的$|为什么$|别记))"
    r"(?!.*了[。!]*$)"
)
"""What makes a call of a Chinese name with no space after it: 小圈总结一下, and not 小圈子, 小圈提醒我了."""
_REPLY_FALLBACK: Final = re.compile(r"> (?:\* )?<@[^>\n]*>")
_LONGEST_PREFIX: Final = 300
_LONGEST_CONTROL: Final = 400
_LONGEST_UNADDRESSED: Final = 80

_WITH_MODEL: Final = re.compile(
    r"(?P<policy>|.*\s|.*(?=用))(?:with\s+|用\s*)(?P<name>[a-z0-9][a-z0-9_-]{0,31}|默认)", re.IGNORECASE
)
_OFF_RECORD: Final = re.compile(
    r"""[(\[【]\s*(?:off|off\s+(?:the\s+)?record|别记|不记)\s*[)\]】]   # bracketed: (off the record) [off] 【不记】
      | off\s+the\s+record\b
      | 别记
      | 不记\s*:                                                        # without the colon it begins 不记得了
    """,
    re.VERBOSE,
)
_OFF_RECORD_BEGINS: Final = frozenset("([【o别不")


def control_word(text: str, names: Sequence[str], *, addressed: bool) -> ControlWord | None:
    """Return the control word this text is, None for anything else; `addressed`: other signs speak to the AI."""
    found = parse_control(text, names, addressed=addressed)
    return None if found is None else found[0]


def parse_control(text: str, names: Sequence[str], *, addressed: bool) -> tuple[ControlWord, str] | None:
    """Return the control word and its argument as typed (folded to plain width, edges trimmed), or None."""
    if len(text) > _LONGEST_CONTROL:
        return None
    spoken_to, rest = strip_address(text, names, mentioned=addressed)
    if not (spoken_to or addressed):
        return None
    said = unicodedata.normalize("NFKC", rest).strip(_EDGES)
    folded = said.casefold().replace("\u2019", "'")  # as a phone writes it
    alone = (
        _WORD_OF.get(_bare(folded))
        or _WORD_OF.get(folded)
        or _WORD_OF.get(_without_particle(folded))
        or _WORD_OF.get(_bare(_wish(folded)))
    )
    if alone is not None:
        return alone, ""
    length = asked_length(said)
    if length is not None:
        return ControlWord.OFF_RECORD, length
    if not folded.startswith(_BEFORE_ARGUMENT):
        return None
    for word, (most, forms) in WITH_ARGUMENT.items():
        for form in forms:
            argument = _argument(said, folded, form)
            if argument is not None and len(argument.split()) <= most:
                return word, argument
    return None


def model_wanted(argument: str) -> tuple[str, str | None]:
    """Return what a policy is called and the model that is to serve it: "on call with house", "叫它才翻看 用 house".

    The first part is empty where only the model is to change; the name is None where none is said.
    """
    found = _WITH_MODEL.fullmatch(argument.strip(_EDGES))
    if found is None:
        return argument, None
    name = found["name"].casefold()
    return found["policy"].strip(_EDGES), DEFAULT_MODEL if name == "默认" else name


def is_off_record_word(text: str, *, in_thread: bool) -> bool:
    """Say whether talk that is not for the AI asks to be off the record, as the whole of what is said.

    Without a time it means the thread it stands in; outside a thread it is no more than the mark on that message.
    """
    if len(text) > _LONGEST_UNADDRESSED or (text.isascii() and "record" not in text.lower()):
        return False
    found = parse_control(text, (), addressed=True)
    return found is not None and found[0] is ControlWord.OFF_RECORD and (in_thread or found[1] != "")


def _bare(folded: str) -> str:
    """Return the words without politeness and marks; of longer text than any that stands alone only the beginning."""
    said: list[str] = []
    for token in folded.split():
        word = token.strip(_EDGES)
        if word and word not in _POLITE:
            said.append(word)
            if len(said) > _MOST_ALONE:
                break
    return " ".join(said)


def _without_particle(folded: str) -> str:
    # Chinese is written without spaces: 停吧, 请帮助.
    return folded.removeprefix("请").removesuffix("谢谢").rstrip(_EDGES).removesuffix("吧").removesuffix("了")


def _wish(folded: str) -> str:
    asking = _ASKING.match(folded)
    return folded[asking.end() :] if asking is not None else ""


def _argument(said: str, folded: str, form: str) -> str | None:
    """Return what follows `form` as a whole word, None if it does not begin the text or nothing follows."""
    if not folded.startswith(form) or len(said) != len(folded):
        return None
    rest = said[len(form) :]
    if not rest or not (rest[0] in _EDGES or rest[0] in _ARGUMENT_MARKS):
        return None
    return rest.strip(_EDGES) or None


def strip_address(text: str, names: Sequence[str], *, mentioned: bool = False) -> tuple[bool, str]:
    """Say whether the text begins by speaking to the AI, and return the rest as typed.

    Recognised: `!circle …`, `@Name …`, `Name: …`, `Name, …`, a Chinese name before a space or a mark, "Hey Name, …".
    A name with no mark after it ("Circle help", 小圈总结) counts before what can only be a request, or where the AI is
    `mentioned` anyway: "Circle back to me" and 小圈子 speak to nobody.

    Args:
        text: a message body without its reply fallback.
        names: all present and former names of the AI.
        mentioned: whether the event speaks to the AI by other signs (a pill, a reply, a direct message).
    """
    known, beginnings = _longest_first(tuple(names))
    if _first(text) not in beginnings:
        return False, text
    folded, places = _folded(text)
    start = len(folded) - len(folded.lstrip())
    if folded.startswith("!", start):
        for name in (*known, _COMMAND):
            end = _after(folded, start + 1, name, _AFTER_PREFIX)
            if end is not None:
                return True, text[places[end] :]
        return False, text
    greeted = _GREETING.match(folded, start)
    if greeted is not None:
        for name in known:
            begins = greeted.end() + folded.startswith("@", greeted.end())
            end = _after(folded, begins, name, _AFTER_GREETED)
            if end is None:
                continue
            # Where nothing follows, the greeting is what was said.
            return (True, text[places[end] :]) if end < len(folded) else (True, text)
    at = folded.startswith("@", start)
    for name in known:
        chinese = ord(name[-1]) > 0x2E7F
        usual = _AFTER_CHINESE_NAME if chinese else _AFTER_PREFIX if mentioned else _AFTER_NAME
        end = _after(folded, start + at, name, _AFTER_PREFIX if at else usual)
        # A whole message of one Latin word may be anything; with a pill it is a call.
        if end is not None and (at or mentioned or chinese or end < len(folded) or folded[-1] in ":,"):
            return True, text[places[end] :]
        if end is None and folded.startswith(name, start + at):
            end = _before_request(folded, start + at + len(name), chinese=chinese)
            if end is not None:
                return True, text[places[end] :]
    return False, text


def _before_request(folded: str, end: int, *, chinese: bool) -> int | None:
    """Return where a request begins that follows a name with no mark between them, None where none does."""
    if chinese:
        return end if _CHINESE_REQUEST.match(folded, end) else None
    begins = end + len(folded[end:]) - len(folded[end:].lstrip())
    if begins == end:
        return None
    said = folded[begins:].strip(_EDGES)
    is_request = said in _WORD_OF or _REQUEST.match(folded, begins) is not None
    return begins if is_request else None


@lru_cache(maxsize=256)
def _longest_first(names: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names as they are looked for, and with which characters an address may begin."""
    # A whole user ID is typed with its own @, which is read before the name is looked for.
    folded = {_fold(name).removeprefix("@") for name in names} - {""}
    known = tuple(sorted(folded, key=lambda name: (-len(name), name)))
    return known, frozenset(name[0] for name in known) | _GREETINGS_BEGIN | {"!", "@", ""}


def _first(text: str) -> str:
    """Return the first character that is no space, folded; "" for none, or where folding makes a space of it.

    Most messages speak to nobody and are seen through by it, which spares folding them.
    """
    first = text.lstrip()[:1]
    return first.lower() if first.isascii() else _fold(first)[:1]


def _after(folded: str, start: int, name: str, boundary: re.Pattern[str]) -> int | None:
    if not folded.startswith(name, start):
        return None
    found = boundary.match(folded, start + len(name))
    return None if found is None else found.end()


def is_off_record(text: str, names: Sequence[str] = ()) -> bool:
    """Say whether the text begins by asking not to be kept: "off the record", "[off]", 别记, 【不记】, 不记：."""
    first = _first(text)
    if first not in _OFF_RECORD_BEGINS and first not in _longest_first(tuple(names))[1]:
        return False
    _, rest = strip_address(text[:_LONGEST_PREFIX], names, mentioned=True)
    return _OFF_RECORD.match(_fold(rest)) is not None


def without_reply_fallback(body: str) -> str:
    """Return a reply's body without the quoted lines old clients put before it; the quote is another person's text."""
    if not body.startswith(">") or _REPLY_FALLBACK.match(body) is None:
        return body
    lines = body.split("\n")
    first = next((index for index, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[first:]).removeprefix("\n")


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """Return the beginning of `text` folded character by character, and for each place in it the place in `text`."""
    beginning = text[:_LONGEST_PREFIX]
    if beginning.isascii():
        return beginning.lower(), range(len(beginning) + 1)
    folded: list[str] = []
    places: list[int] = []
    for index, character in enumerate(beginning):
        piece = unicodedata.normalize("NFKC", character).casefold()
        folded.append(piece)
        places.extend([index] * len(piece))
    places.append(len(beginning))
    return "".join(folded), places
