"""Every sentence about what is off the record, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.effects import Words
from circles.core.language import Language

Sentence = Mapping[Language, str]

ENDED: Final[Sentence] = {
    "en": "Back on the record from now on. What was said off it stays off.",
    "zh": "好，从现在起又可以看了；刚才那段照旧不看。",
}
GOES_ON: Final[Sentence] = {
    "en": "Yours has ended. Someone else asked for it too, so it goes on; they can end it, or an admin.",
    "zh": "你的结束了。还有别人也要了，所以接着不看；TA 自己或群管理员可以恢复。",
}
NOTHING: Final[Sentence] = {
    "en": "Nothing is off the record here. “off record for an hour” would do it.",
    "zh": "这里没有在“别记”。想要的话，说“接下来一小时别看”。",
}
NOT_YOURS: Final[Sentence] = {
    "en": "Someone else asked for that. They can end it, or an admin of this room.",
    "zh": "这是别人要的，TA 自己或群管理员可以恢复。",
}
IN_PRIVATE: Final[Sentence] = {
    "en": "Here I look only at what you say to me. “off record for an hour” is for a room: it keeps all talk from me.",
    "zh": "私信里我只看你对我说的话。在群里说“接下来一小时别看”，大家说的我就不看了。",
}


def in_thread(length: str, language: Language) -> Words:
    """Say that a thread is off the record; `length` is how long, '' until somebody ends it."""
    if language == "zh":
        return Words(
            f"好，这个话题{length}别记：前面后面的我都不看，从这里做的总结、笔记、提醒也删了。"
            "想恢复，在这里对我说“可以记”。"
        )
    return Words(
        f"Off the record{length}: I look at nothing in this thread, before or after this. What I had made from it is "
        "gone, notes and reminders too. “!circle on record” here ends it."
    )


def in_room(length: str, language: Language) -> Words:
    """Say that a room's talk is off the record, and how long."""
    if language == "zh":
        return Words(f"好，{length}大家说的我都不看；直接对我说的还算数。想提前恢复，对我说“可以记”。")
    return Words(
        f"Off the record{length}: I skip what everyone says here. What you say to me still counts. "
        "“!circle on record” ends it sooner."
    )


def length(minutes: int, end: str, language: Language) -> str:
    """Return how long, with the clock time at which it ends."""
    hours, rest = divmod(minutes, 60)
    if language == "zh":
        said = (f" {hours} 小时" if hours else "") + (f" {rest} 分钟" if rest else "")
        return f"接下来{said}（到 {end}）"
    parts = [_number(count, what) for count, what in ((hours, "hour"), (rest, "minute")) if count]
    return f" for the next {' '.join(parts) if len(parts) > 1 else parts[0].removeprefix('1 ')} (until {end})"


def _number(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def too_many(most: int, language: Language) -> Words:
    """Say that the day's number is used up."""
    if language == "zh":
        return Words(f"今天的 {most} 次 🙈 和“别记”用完了，这次没算。明天还能用；不想被看，说“不看我”。")
    return Words(
        f"Today's {most} 🙈 and off-the-record are used up, so this one does not count. There are more tomorrow; "
        '"out" keeps all of yours from me.'
    )
