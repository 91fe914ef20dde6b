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
            name="receipts",
            words={"en": ("receipts", "my receipts"), "zh": ("凭据", "回答清单")},
            handle=receipts,
            help={"en": "receipts 7 days – as a file", "zh": "凭据 7 天 – 存成文件"},
            waiting=True,
            resting=True,
        ),
    ),
)
