"""Every sentence the summaries say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language
from circles.errors import BudgetSpent
from circles_policies import KEPT_OUT, POSTED_AGAIN

Both = Mapping[Language, str]

AGAIN: Final[Both] = POSTED_AGAIN
WITHHELD: Final[Both] = KEPT_OUT

TITLE: Final[Mapping[str, Both]] = {
    "summary": {"en": "Summary", "zh": "小结"},
    "visits": {"en": "Who visits whom", "zh": "谁去谁家"},
    "decisions": {"en": "Decisions", "zh": "定下的"},
    "todos": {"en": "To do", "zh": "要做的"},
    "open_questions": {"en": "Still open", "zh": "还没定的"},
}

KEY_POINTS: Final[Both] = {"en": "Key points", "zh": "要点"}
DECISIONS: Final[Both] = {"en": "Decisions", "zh": "定下的"}
TODOS: Final[Both] = {"en": "To do", "zh": "要做的"}
QUESTIONS: Final[Both] = {"en": "Still open", "zh": "还没定的"}
DISAGREEMENTS: Final[Both] = {"en": "Not agreed", "zh": "没谈拢的"}

NO_DECISION: Final[Both] = {"en": "Nothing was decided.", "zh": "没有定下什么。"}
NONE_OF: Final[Mapping[str, Both]] = {
    "decisions": NO_DECISION,
    "todos": {"en": "Nobody took anything on.", "zh": "没有人认领什么事。"},
    "open_questions": {"en": "No question is left open.", "zh": "没有还没定的问题。"},
}
NO_LIST: Final[Mapping[str, Both]] = {
    "decision": {
        "en": "I keep no list of decisions. Put “keep” before it and it stays as a note; “decisions” shows what was "
        "settled in the talk.",
        "zh": "我不另外记决定。前面加上“记下”，我就留成笔记；说“决定了什么”，看聊天里定下了什么。",
    },
    "todo": {
        "en": "I keep no to-do list. Put “keep” before it and it stays as a note, or “remind me”; “to-dos” shows what "
        "was taken on in the talk.",
        "zh": "我不另外记待办。前面加上“记下”，我就留成笔记，或者说“提醒我”；说“待办”，看聊天里谁要做什么。",
    },
}
NO_POINTS: Final[Both] = {"en": "Nothing stood out.", "zh": "没有特别要紧的。"}

NO_MODEL: Final[Mapping[str, Both]] = {
    "summary": {
        "en": "Picked out, word for word; no AI model was used.",
        "zh": "原话摘出，没有用 AI 模型。",
    },
    "visits": {
        "en": "Put together from the words of the messages; no AI model was used. Have a look at the links.",
        "zh": "按原话整理，没有用 AI 模型，点链接核对一下。",
    },
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

_SO_PICKED: Final[Mapping[str, Both]] = {
    "summary": {
        "en": "{}, so this is picked out, word for word.",
        "zh": "{}，所以这是原话摘出。",
    },
    "visits": {
        "en": "{}, so this is put together from the words of the messages. Have a look at the links.",
        "zh": "{}，所以这是按原话整理的，点链接核对一下。",
    },
}

NO_VISITS: Final[Both] = {
    "en": "I found no visit with a person and a day in what I may look at.",
    "zh": "我能看的内容里，没有找到谁哪天去谁家。",
}
NOTHING_LEFT: Final[Both] = {"en": "Nothing is left to say.", "zh": "没有剩下什么可说的。"}

UNCLEAR: Final[Both] = {
    "en": "From when? I didn't get it. Try “summary since yesterday 9”, “summary last 50” or “summary since Monday”.",
    "zh": "没看懂从什么时候开始。可以这样说：“总结 从昨天9点”“总结 最近50条”“总结 从周一”。",
}
NO_THREAD: Final[Both] = {
    "en": "Say it inside the thread, then I know which one you mean.",
    "zh": "在那个讨论串里叫我，我就知道是哪一个。",
}
NEVER_WROTE: Final[Both] = {
    "en": "You said nothing to the others in the time I may look back, so this is the last day.",
    "zh": "在我能往回看的时间里，你没有跟大家说过话，所以这是最近一天的。",
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


def so_picked(error: Exception, command: str) -> Both:
    """Return why there is no model's answer, and what there is instead."""
    why, instead = _why(error), _SO_PICKED[command]
    return {"en": instead["en"].format(why["en"]), "zh": instead["zh"].format(why["zh"])}


def too_little(command: str) -> Both:
    """Return what an empty window, a tiny one, and one of which nothing may be looked at have in common.

    One sentence for all of them (PRODUCT.md, "Denials"), so what helps is said whether or not it will.
    """
    word = {"summary": ("summary", "总结"), "visits": ("visits", "谁哪天去谁家")}[command]
    return {
        "en": f"There is too little here that I may look at. Ask for a longer stretch, such as “{word[0]} last 50”,"
        " or talk a little more first.",
        "zh": f"这里我能看的还太少。试试更长的一段，比如“{word[1]} 最近50条”，或者多聊几句再叫我。",
    }


def since(hour: str) -> Both:
    """Return from when on."""
    return {"en": f"since {hour}", "zh": f"{hour} 以来"}


def since_you(hour: str) -> Both:
    """Return that it begins where the asker last wrote."""
    return {"en": f"since you last wrote, {hour}", "zh": f"你上次说话（{hour}）以来"}


def last(count: int) -> Both:
    """Return that it is about so many messages."""
    return {"en": f"last {count} messages", "zh": f"最近 {count} 条"}


THREAD: Final[Both] = {"en": "this thread", "zh": "这个讨论串"}


def only_so_far(hours: int) -> Both:
    """Return how far back the room lets the AI look."""
    return {"en": f"I may look back {hours} hours here.", "zh": f"这里我只能往回看 {hours} 小时。"}


def newest_only(hour: str) -> Both:
    """Return that a model could not take it all."""
    return {
        "en": f"It was too much text for the model: this is only what was said since {hour}.",
        "zh": f"内容太长，模型装不下：这里只有 {hour} 以来的。",
    }
