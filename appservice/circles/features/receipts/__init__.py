"""Receipts: "why" tells what an answer rests on, where text went for it, and under which policy;
"receipts" hands over those of some days as a file.
"""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.receipts.decide import NAME
from circles.features.receipts.handler import receipts, why

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="why",
            # "why" and "为什么" alone are control words; as a form they would take "why did we choose Rome?".
            words={"en": ("receipt",), "zh": ("出处",)},
            handle=why,
            help={"en": "why – what my answer rests on", "zh": "为什么 – 回答的根据"},
            waiting=True,
            resting=True,
        ),
        Command(
            name="grounds",
            whole=True,
            words={
                "en": (
                    *("how do you know", "how do you know that", "what's your source", "what is your source", "source"),
                    *("sources", "what are your sources", "where did you get that", "where is that from", "says who"),
                    *("what is that based on", "why do you say that", "why did you say that", "what does that rest on"),
                ),
                "zh": (
                    *("你怎么知道", "你怎么知道的", "依据是什么", "根据是什么", "有什么根据", "哪来的", "从哪看来的"),
                    *("为什么这么说", "你为什么这么说", "来源", "来源是什么", "出处是哪里", "你从哪知道的"),
                ),
            },
            handle=why,
            help={"en": "", "zh": ""},
            waiting=True,
            resting=True,
            unlisted=True,
        ),
        Command(
            name="receipts",
            words={"en": ("receipts", "my receipts"), "zh": ("凭据", "回答清单")},
            handle=receipts,
            help={"en": "receipts 7 days – as a file", "zh": "凭据 7 天 – 存成文件"},
            waiting=True,
            resting=True,
        ),
    ),
)
