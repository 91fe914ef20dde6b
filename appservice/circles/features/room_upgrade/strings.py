"""What is said about a room that was upgraded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.effects import Words
from circles.core.language import Language

_THINGS: Final[Mapping[str, Mapping[Language, tuple[str, str]]]] = {
    "reminders": {"en": ("1 reminder", "{} reminders"), "zh": ("1 个提醒", "{} 个提醒")},
    "digest": {"en": ("the digest", "the digest"), "zh": ("定时摘要", "定时摘要")},
    "notes": {"en": ("1 note", "{} notes"), "zh": ("1 条笔记", "{} 条笔记")},
    "messages": {"en": ("1 kept message", "{} kept messages"), "zh": ("1 条留存的消息", "{} 条留存的消息")},
}
"""In the order in which they are named."""


def came_along(language: Language, things: Mapping[str, int]) -> Words:
    """Say what came along from the earlier room; what somebody chose for themselves is never part of it."""
    named = [_count(each[language], things[key]) for key, each in _THINGS.items() if things.get(key)]
    if language == "zh":
        came = f"跟过来的有：{'、'.join(named)}。" if named else "没有什么要带过来的。"
        return Words(f"这个群接着以前那个群。{came}说过“不看我”的，在这里照样不看；那边我不再说话了。")
    came = f"Came along: {', '.join(named)}." if named else "There was nothing to bring."
    return Words(
        f"This room goes on from the earlier one. {came} "
        "Whoever said “out” there is out here too; over there I say nothing more."
    )


def _count(forms: tuple[str, str], count: int) -> str:
    return forms[0] if count == 1 else forms[1].format(count)
