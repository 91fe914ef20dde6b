"""Every sentence of the digest that a person reads, in English and Chinese; and how a rhythm is read and said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language
from circles.core.schedule import Repeat, Rule

Sentence = Mapping[Language, str]

LIKE_KEY: Final = "👍"
KEEP_KEY: Final = "✅"
STOP_KEY: Final = "❌"

OFF_WORDS: Final = ("off", "stop", "none", "关", "关闭", "关掉", "停", "停止", "不要")
NOW_WORDS: Final = ("now", "today", "现在", "马上", "今天")
DAILY_FORMS: Final = ("daily", "every day", "日报", "每天", "每日")
WEEKLY_FORMS: Final = ("weekly", "every week", "周报", "每周", "每星期")
POLITE: Final = ("", "please", "thanks", "吧", "请", "谢谢")
"""What may stand beside a time without changing it."""

TITLE: Final[Sentence] = {"en": "Digest", "zh": "摘要"}
SINCE: Final[Sentence] = {"en": " · since {when}", "zh": " · {when} 以来"}
LATE: Final[Sentence] = {"en": " (late: was due {when})", "zh": "（晚了，本来是 {when}）"}
COMING: Final[Sentence] = {"en": "Coming up", "zh": "接下来"}
CONFIRMED: Final[Sentence] = {"en": "Confirmed", "zh": "已确认"}
UNSAID: Final[Sentence] = {"en": "By the way", "zh": "顺便说"}
MORE_UNSAID: Final[Sentence] = {"en": "… and {number} more like these.", "zh": "……还有 {number} 条类似的。"}
TALK: Final[Sentence] = {"en": "Talked about", "zh": "聊到的"}
BY_HAND: Final[Sentence] = {"en": "Quoted, without a model.", "zh": "摘自原话，没用模型。"}
BY_MODEL: Final[Sentence] = {"en": "“Talked about” was written by a model.", "zh": "“聊到的”由模型写成。"}
HOST: Final[Sentence] = {"en": "Asked for by {name}.", "zh": "{name}让我发的。"}
STILL_WANTED: Final[Sentence] = {
    "en": "Do you still want this digest? ✅ keep · ❌ stop. If nobody taps, this was the last one.",
    "zh": "还要继续发摘要吗？✅ 要 · ❌ 不要。没人点的话，以后就不发了。",
}
CUT: Final[Sentence] = {"en": "… the rest is too long for one message.", "zh": "……后面太长，这里放不下了。"}

NOTHING_NEW: Final[Sentence] = {"en": "Nothing new since {when}.", "zh": "{when}以来没有新东西。"}
STATE: Final[Sentence] = {
    "en": "The digest comes {rhythm} ({zone}), asked for by {name}. “digest off” ends it.",
    "zh": "摘要{rhythm}发（{zone}），是{name}要的。说“摘要 关”就不发了。",
}
STATE_NONE: Final[Sentence] = {
    "en": "There is no digest here yet. An admin can say “digest daily at 20:00”.",
    "zh": "这里还没有摘要。管理员可以说“日报 每天晚上八点”。",
}
SET: Final[Sentence] = {
    "en": "A digest will come {rhythm} ({zone}). If there is nothing new, I stay quiet. “digest off” ends it.",
    "zh": "好，{rhythm}发摘要（{zone}）。没有新东西就不打扰。说“摘要 关”就不发了。",
}
OFF: Final[Sentence] = {"en": "The digest is off.", "zh": "摘要关掉了。"}
OFF_ALREADY: Final[Sentence] = {"en": "There was no digest here.", "zh": "这里本来就没有摘要。"}
KEPT: Final[Sentence] = {"en": "Good, the digest goes on.", "zh": "好，摘要继续发。"}
STOPPED: Final[Sentence] = {
    "en": "I've ended the digest, it seemed nobody needed it. “digest daily at 20:00” brings it back.",
    "zh": "摘要好像没人看，我先停了。想要的话说“日报 每天晚上八点”就回来。",
}
HOST_LEFT: Final[Sentence] = {
    "en": "Who asked for the digest has left, so it ends here. An admin can say “digest daily at 20:00”.",
    "zh": "要摘要的人走了，所以先停。管理员可以说“日报 每天晚上八点”。",
}
FOR_ADMINS: Final[Sentence] = {
    "en": "Thanks! An admin of this room sets the digest. “digest now” works for everyone.",
    "zh": "谢谢！定时摘要由群管理员来设；“摘要 现在”谁都可以用。",
}
ASK_ZONE: Final[Sentence] = {
    "en": "Which time zone is this room in? Say for example “room zone Berlin”, then set the digest again.",
    "zh": "群里按哪个时区？先说比如“群时区 上海”，再设一次摘要。",
}
NOT_UNDERSTOOD: Final[Sentence] = {
    "en": "I didn't get the time. Try “digest daily at 20:00” or “digest weekly on Sunday at 18:00”.",
    "zh": "时间我没听懂。可以说“日报 每天晚上八点”，或者“周报 每周日下午六点”。",
}
HELD: Final[Sentence] = {"en": "digests you asked for", "zh": "你要的摘要"}

_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def rhythm(rule: Rule, language: Language) -> str:
    """Return how often the digest comes: "every Sunday at 18:00", “每周日 18:00”."""
    days = sorted(rule.weekdays)
    if language == "zh":
        said = "每" + "、".join("周" + "一二三四五六日"[day] for day in days) if days else "每天"
        return f"{said} {rule.at:%H:%M} "
    said = "every " + " and ".join(_DAYS_EN[day] for day in days) if days else "every day"
    return f"{said} at {rule.at:%H:%M}"


def host(name: str, language: Language) -> str:
    """Return in whose name the digest comes."""
    spaced = f"{name} " if language == "zh" and name[-1:].isascii() else name
    return HOST[language].format(name=spaced)


def form_of(words: str) -> Repeat | None:
    """Return which rhythm the words begin with, None if they name none."""
    said = words.strip().lower()
    for asked in ("digest", "摘要"):
        said = said.removeprefix(asked).strip(" :：")
    if said.startswith(WEEKLY_FORMS):
        return Repeat.WEEKS
    return Repeat.DAYS if said.startswith(DAILY_FORMS) else None
