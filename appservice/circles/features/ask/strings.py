"""Every sentence that answering says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language
from circles.errors import BudgetSpent
from circles_policies import KEPT_OUT, POSTED_AGAIN

Both = Mapping[Language, str]

AGAIN: Final[Both] = POSTED_AGAIN
WITHHELD: Final[Both] = KEPT_OUT

NOTHING_FOUND: Final[Both] = {
    "en": "I found nothing about that in what I may look at.",
    "zh": "我能看的内容里没有找到。",
}
NOTHING_IN_THREAD: Final[Both] = {
    "en": "I found nothing about that in this thread. Ask me outside it and I look at the whole room.",
    "zh": "这个讨论串里没有找到。在外面问我，我就看整个群。",
}
NO_QUESTION: Final[Both] = {
    "en": 'What would you like to know? For example: "ask when is dinner".',
    "zh": "想问什么？比如：“问 几点吃饭”。",
}
NO_MODEL: Final[Both] = {
    "en": "Found by its words, quoted as written; no AI model was used.",
    "zh": "按字面找到的原话，没有用 AI 模型。",
}
NOT_READABLE: Final[Both] = {
    "en": 'Say "in" to me in private and I can use the model for your questions.',
    "zh": "私信我“可以看我”，我就能用模型回答你的问题。",
}
NOT_BORNE_OUT: Final[Both] = {
    "en": "The model's answer said more than these messages do, so here they are themselves.",
    "zh": "模型说的超出了这些原话，所以直接给你看原话。",
}

FAILED: Final[Mapping[str, Both]] = {
    "ModelUnavailable": {"en": "The model did not answer", "zh": "模型没有回答"},
    "ModelMissing": {"en": "The model this circle chose is not set up here", "zh": "本群选的模型这里没有"},
    "ModelRateLimited": {"en": "The model is busy just now", "zh": "模型这会儿太忙"},
    "ContextWindowExceeded": {"en": "It was too much text for the model", "zh": "内容太长，模型装不下"},
    "ModelRefused": {"en": "The model did not want to answer", "zh": "模型不愿意回答"},
    "ModelBadAnswer": {"en": "The model's answer was of no use", "zh": "模型的回答用不上"},
    "": {"en": "The model did not answer", "zh": "模型没有回答"},
}
"""By the name of the error or of what it is a kind of; '' for any other."""

_SO_SEARCHED: Final[Both] = {
    "en": "{}, so I looked for the words of your question.",
    "zh": "{}，所以我按字面找了找。",
}


def _spent(error: BudgetSpent) -> Both:
    whose_en, whose_zh = ("This room's", "这个群") if error.of_room else ("Your", "你")
    return {
        "en": f"{whose_en} share of the model for today is used up (it is back in {error.hours} h)",
        "zh": f"{whose_zh}今天的模型用量用完了（{error.hours} 小时后恢复）",
    }


def _why(error: Exception) -> Both:
    if isinstance(error, BudgetSpent):
        return _spent(error)
    return next((FAILED[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in FAILED), FAILED[""])


def so_searched(error: Exception) -> Both:
    """Return why there is no model's answer, and what was done instead."""
    why = _why(error)
    return {"en": _SO_SEARCHED["en"].format(why["en"]), "zh": _SO_SEARCHED["zh"].format(why["zh"])}
