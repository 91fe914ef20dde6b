"""Every sentence about what is held of a person, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language
from circles_policies import POSTED_AGAIN, Level

Sentence = Mapping[Language, str]

AGAIN: Final[Sentence] = POSTED_AGAIN

YES: Final = frozenset({"yes", "yes please", "confirm", "确认", "是", "是的", "好", "确定"})
"""What confirms in words."""

TITLE_ALL: Final[Sentence] = {"en": "What I hold about you", "zh": "我留着的关于你的东西"}
_TITLE: Final[Sentence] = {"en": "What I hold about you in {title}", "zh": "我在“{title}”里留着的关于你的东西"}
NOTHING_HELD: Final[Sentence] = {"en": "Nothing: I hold nothing of yours.", "zh": "没有，我什么都没留。"}

KINDS: Final[Mapping[str, Sentence]] = {"messages": {"en": "Messages kept", "zh": "留着的消息"}}
"""Kinds the program itself names; a feature names its own in the person's language."""

RESTING: Final[Sentence] = {"en": "My posts that rest on your words", "zh": "我用到你的话的帖子"}
PRIVATE_ANSWER: Final[Sentence] = {"en": ", in a private answer", "zh": "，在一个私下的回答里"}
USES: Final[Sentence] = {"en": "Sent to a model, with words of yours", "zh": "带着你的话送给过模型"}
CHOICES: Final[Sentence] = {
    "en": "What you chose, which I keep so that I can obey it",
    "zh": "你的选择，我记着才好照办",
}
LEVELS: Final[Mapping[Level, Sentence]] = {
    Level.NONE: {"en": "nothing said, the room's rules hold", "zh": "没说过，按群里的规矩"},
    Level.IN: {"en": "in", "zh": "可以看我"},
    Level.OUT: {"en": "out", "zh": "不看我"},
    Level.NOT_AT_ALL: {"en": "not at all", "zh": "完全不看我"},
}
KEPT_OUT: Final[Sentence] = {"en": "an admin keeps your words from me", "zh": "管理员不让我看你的话"}
EVERYWHERE: Final[Sentence] = {"en": "Every circle", "zh": "所有圈子"}
LANGUAGE: Final[Sentence] = {"en": "Language: {language}", "zh": "语言：{language}"}
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
HOW_TO_FORGET: Final[Sentence] = {
    "en": "To delete it all, tap 🗑️ or say “forget me”.",
    "zh": "想全部删掉，点 🗑️ 或说“忘了我”。",
}
HOW_TO_FORGET_HERE: Final[Sentence] = {
    "en": "To delete what is from this circle, tap 🗑️.",
    "zh": "想删掉这个圈子里的，点 🗑️。",
}
CUT: Final[Sentence] = {"en": "There is more; it doesn't fit here.", "zh": "还有一些，这里放不下。"}

EXPORTED: Final[Sentence] = {
    "en": "All I hold about you, to read. A second file is for programs. Delete both here once you have saved them.",
    "zh": "我留着的关于你的全部内容，方便阅读。另一份给程序用。存好后，可以把这两条删掉。",
}
EXPORTED_JSON: Final[Sentence] = {"en": "The same, for programs.", "zh": "同样的内容，给程序用。"}

_LEFT: Final[Sentence] = {
    "en": "You left {title}. What I hold of yours from there goes in 7 days.\n"
    "To take it along, say “export me”. To have it gone now, say “forget me”.",
    "zh": "你离开了“{title}”。那里留着的你的东西，7 天后我会删掉。\n想带走，说“导出我的”；想现在就删，说“忘了我”。",
}


def left(title: str, language: Language) -> str:
    """Tell somebody who left a circle what becomes of what is theirs."""
    return _LEFT[language].format(title=title)


_WOULD_GO: Final[Sentence] = {"en": "This would go", "zh": "会删掉这些"}
_WOULD_GO_HERE: Final[Sentence] = {"en": "This would go, in {title} only", "zh": "会删掉这些，只在“{title}”里"}
REWRITTEN: Final[Sentence] = {
    "en": "posts of mine that used your words, said again without them: {count}",
    "zh": "用到你的话的帖子，去掉后重说：{count}",
}
CONFIRM: Final[Sentence] = {
    "en": "Tap ✅, or say “forget me yes”. It cannot be undone.",
    "zh": "点 ✅，或说“忘了我 确认”。删了就找不回来。",
}
STAYS: Final[Sentence] = {
    "en": "Your choices stay, so that I can obey them. Messages in the room are yours to delete there; I follow.",
    "zh": "你的选择会留着，我好照办。群里的消息你可以自己删，删了我也跟着删。",
}
NOTHING_TO_FORGET: Final[Sentence] = {
    "en": "There is nothing to delete: I hold nothing of yours.",
    "zh": "没有可删的，我什么都没留。",
}
_DONE: Final[Sentence] = {"en": "Done: I hold nothing of yours any more.", "zh": "好了，你的东西我都删了。"}
_DONE_HERE: Final[Sentence] = {
    "en": "Done: from {title} I hold nothing of yours any more.",
    "zh": "好了，“{title}”里你的东西我都删了。",
}
SAYING_AGAIN: Final[Sentence] = {
    "en": "What I had said with your words I take back; the newest of it I say again without them.",
    "zh": "用到你的话的帖子我都收回了，最近的去掉后再说一遍。",
}
OUT_OF_REACH: Final[Sentence] = {
    "en": "What I said in a room I have left stays there: I can't take it back any more, an admin there can delete it.",
    "zh": "我在已经退出的群里说的还留在那里，我收不回了，可以请那里的管理员删。",
}
MODEL_SAW: Final[Sentence] = {
    "en": "A model has seen some of it; that I cannot undo.",
    "zh": "模型看过其中一些，这一点我无法撤回。",
}

_PURPOSES: Final[Mapping[str, Sentence]] = {
    "ask": {"en": "answer", "zh": "回答"},
    "digest": {"en": "digest", "zh": "摘要"},
    "notes": {"en": "notes", "zh": "笔记"},
    "reminders": {"en": "reminder", "zh": "提醒"},
    "summary": {"en": "summary", "zh": "总结"},
}
_MODEL_AT: Final[Sentence] = {"en": "{model} at {host}", "zh": "{host} 上的 {model}"}


def title(name: str, language: Language) -> str:
    """Return the head of a list about one circle."""
    return _TITLE[language].format(title=name)


def would_go(name: str, language: Language) -> str:
    """Return the head of the question; '' for everywhere."""
    return (_WOULD_GO_HERE if name else _WOULD_GO)[language].format(title=name)


def done(name: str, language: Language) -> str:
    """Return that it was done; '' for everywhere."""
    return (_DONE_HERE if name else _DONE)[language].format(title=name)


def purpose(key: str, language: Language) -> str:
    """Return what something was for."""
    return _PURPOSES.get(key, _PURPOSES["ask"])[language]


def model_at(model: str, host: str, language: Language) -> str:
    """Return which model, and where."""
    return _MODEL_AT[language].format(model=model, host=host)


def labelled(label: str, value: str, language: Language) -> str:
    """Return a label and its value as one line."""
    return f"{label}: {value}" if language == "en" else f"{label}：{value}"
