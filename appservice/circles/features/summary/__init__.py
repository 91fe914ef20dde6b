"""Summaries of a window with links, and who visits whom when."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.summary.decide import NAME
from circles.features.summary.handler import list_visits, remake, summarise

FEATURE: Final = Feature(
    name=NAME,
    purpose="summary",
    commands=(
        Command(
            name="summary",
            words={
                "en": (
                    *(
                        "summary",
                        "summarise",
                        "summarize",
                        "sum up",
                        "recap",
                        "catch up",
                        "catch me up",
                        "tldr",
                        "tl;dr",
                    ),
                    *("…what did i miss", "…what have i missed", "give me a summary", "give us a summary"),
                    *("send me a summary", "make a summary", "write a summary", "i want a summary"),
                    *("what happened today", "what was said today", "what did we talk about today"),
                    *(
                        "can you summarise",
                        "can you summarize",
                        "can you sum up",
                        "please summarise",
                        "please summarize",
                    ),
                    *("please sum up", "could you sum up", "could you summarise", "could you summarize"),
                ),
                "zh": (
                    *("总结", "总结一下", "小结", "小结一下", "归纳", "归纳一下", "帮我总结", "帮我总结一下", "请总结"),
                    *("…总结一下", "…我错过了什么", "能总结", "能不能总结", "可以总结", "…开始总结", "…帮我总结"),
                    *("今天大家聊了什么", "大家聊了什么", "今天聊了什么", "今天说了什么"),
                ),
            },
            handle=summarise,
            help={"en": "summary since 9 – what was said", "zh": "总结 今天 – 说了什么"},
            about_circle=True,
            slow=True,
            tool="Sum up what was said in the room or thread. The argument says which messages: 'last 50',"
            " 'since Monday', 'since my last message', 'thread'; 'private' answers the asker alone.",
        ),
        Command(
            name="visits",
            words={
                "en": ("visits", "who visits whom when", "who visits whom", "who visits who", "visiting plan"),
                "zh": (
                    *("谁哪天去谁家", "拜年安排", "走亲安排", "走亲戚安排", "拜访安排", "谁去谁家", "谁去谁家拜年"),
                    *("…谁哪天去谁家", "…哪天去谁家"),
                ),
            },
            handle=list_visits,
            help={"en": "visits – who visits whom, when", "zh": "谁哪天去谁家 – 列出来"},
            about_circle=True,
            slow=True,
            tool="List who visits whom and when, one line a visit. The argument is as for the summary.",
        ),
    ),
    remake=remake,
)
