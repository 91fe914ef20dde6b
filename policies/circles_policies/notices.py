"""What the AI says once about its rules: at admission, to newcomers, on a change, when something is taken back.

Owns these sentences in both languages and no layout: lines come as (label, text), the caller sets the label in bold.
Names are display names without ids (an id becomes a pill that looks like a button); times are text of the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from circles_policies.banner import looks_back, nothing_stays, remote_place, stays
from circles_policies.explain import Lang, Line, Surroundings, phrase, plain
from circles_policies.model import Policy, Preset, Reach, preset

REFUSE_KEY: Final = "❌"
OPTION_KEYS: Final = ("1️⃣", "2️⃣", "3️⃣")


@dataclass(frozen=True, slots=True)
class Admission:
    """The admission notice: three paragraphs of lines, and which reaction stands for which policy (❌ for leaving)."""

    paragraphs: tuple[tuple[Line, ...], ...]
    options: tuple[tuple[str, Policy], ...]

    def plain(self, lang: Lang) -> str:
        """Return the notice without markup, paragraphs apart."""
        return "\n\n".join(plain(paragraph, lang) for paragraph in self.paragraphs)


_OFFERS: Final[dict[Preset, dict[Lang, str]]] = {
    Preset.ADDRESSED: {"en": "only what you say to me", "zh": "只看对我说的话"},
    Preset.ON_CALL: {"en": "look back {far} when called, then forget", "zh": "叫我才翻看：{far}内，看完就忘"},
    Preset.AGREED: {
        "en": "when called, {far} back, only people who said yes",
        "zh": "谁同意，看谁的：叫我才翻看 {far}",
    },
    Preset.NOTEBOOK: {"en": "group notebook, kept {kept}", "zh": "群笔记，留 {kept}"},
}
"""`far`, `kept`: by the preset, or by the room's own `m.room.retention` where that is shorter."""
_NOTHING_STAYS: Final[dict[Lang, str]] = {
    "en": "group notebook, but this room lets nothing stay",
    "zh": "群笔记，不过这个群什么都不让留",
}
_REFUSAL: Final[dict[Lang, str]] = {"en": "not wanted: I leave", "zh": "不需要我，我就走"}


def admission(facts: Surroundings, lang: Lang) -> Admission:
    """Return the notice that asks a room's admins to choose; of a remote model only people who said yes are offered."""
    reach = Reach.NONE if facts.host is None else Reach.LISTED if facts.remote else Reach.LOCAL
    offered = (Preset.ADDRESSED, Preset.AGREED if facts.remote else Preset.ON_CALL, Preset.NOTEBOOK)
    options = tuple(zip(OPTION_KEYS, (preset(key, reach) for key in offered), strict=True))
    choices = [Line("", f"{key} {_offer(each, facts, lang)}") for key, each in zip(OPTION_KEYS, offered, strict=True)]
    choices.append(Line("", f"{REFUSE_KEY} {_REFUSAL[lang]}"))
    if lang == "en":
        hello = Line(f"Hello, I'm {facts.name(lang)}, an AI.", f"{_invited_english(facts)}{_NOTHING_YET[lang]}")
        ask = Line("An admin may tap one:", "")
    else:
        hello = Line(f"大家好，我是{facts.name(lang)}，一个 AI。", f"{_invited_chinese(facts)}{_NOTHING_YET[lang]}")
        ask = Line("请管理员点一个：", "")
    return Admission(((hello,), (ask, *choices), tuple(_conditions(facts, lang))), options)


def _offer(key: Preset, facts: Surroundings, lang: Lang) -> str:
    policy = preset(key)
    if key is Preset.NOTEBOOK and nothing_stays(facts.retention):
        return _NOTHING_STAYS[lang]
    far, kept = looks_back(policy.read, facts.retention, lang), stays(policy.store, facts.retention, lang)
    return _OFFERS[key][lang].format(far=far, kept=kept)


_NOTHING_YET: Final[dict[Lang, str]] = {
    "en": "I look at nothing yet, and never at what came before.",
    "zh": "我现在什么都不看，以前说的也不看。",
}


def _invited_english(facts: Surroundings) -> str:
    said = [
        f"{facts.inviter} invited me" if facts.inviter else "",
        f"{facts.operator} runs me" if facts.operator else "",
    ]
    whole = "; ".join(each for each in said if each)
    return f"{whole}. " if whole else ""


def _invited_chinese(facts: Surroundings) -> str:
    said = [
        f"{_spaced(facts.inviter)}请我来" if facts.inviter else "",
        f"{_spaced(facts.operator)}运行" if facts.operator else "",
    ]
    whole = "，".join(each for each in said if each)
    return f"{whole}。" if whole else ""


def _conditions(facts: Surroundings, lang: Lang) -> list[Line]:
    if lang == "en":
        lines = [Line("Text goes to:", _goes_to_english(facts))]
        if facts.encrypted:
            lines.append(
                Line("Encrypted room:", "reply to me to be heard; what I look at is not end-to-end encrypted any more.")
            )
        if not facts.gated:
            lines.append(Line("Kept by:", "my own program; it receives all messages and drops the rest unread."))
        return [*lines, Line("Stay out:", 'tell me "out" in private. The room is not told.')]
    lines = [Line("文字送到：", _goes_to_chinese(facts))]
    if facts.encrypted:
        lines.append(Line("加密的群：", "回复我，我才听得到；我看到的内容不再端到端加密。"))
    if not facts.gated:
        lines.append(Line("谁来守：", "我自己的程序：会收到全部消息，不该看的不看就丢。"))
    return [*lines, Line("不想被看：", "私信我“不看我”，群里不提示。")]


def _goes_to_english(facts: Surroundings) -> str:
    if facts.host is None:
        return "nobody; there is no AI model here."
    if not facts.remote:
        return f"a model on {facts.host}."
    names = "members' names hidden" if facts.names_hidden else "names included"
    return f"{remote_place(facts, 'en')}, {names}."


def _goes_to_chinese(facts: Surroundings) -> str:
    if facts.host is None:
        return "不送给任何 AI 模型"
    if not facts.remote:
        return f"{facts.host} 上的模型"
    return f"{remote_place(facts, 'zh')}，{'群里人的名字先遮住' if facts.names_hidden else '名字照原样送'}"


def newcomers(names: Sequence[str], policy: Policy, lang: Lang) -> str:
    """Return the welcome that tells newcomers about the AI; what they wrote before it never counts."""
    if lang == "en":
        return (
            f"Welcome, {_listed_english(names)}. There is an AI here ({phrase(policy, lang)}). "
            'It skips what you wrote before this line. "out" in private keeps you out.'
        )
    return (
        f"欢迎{_joined_chinese(names)}。群里有个 AI（{phrase(policy, lang)}），这条之前你说的话它不看；"
        "不想被看，私信它“不看我”。"
    )


def loosening(asker: str, old: Policy, new: Policy, starts: str, lang: Lang, facts: Surroundings | None = None) -> str:
    """Return the announcement of a looser policy: who asked, from what to what, and when it starts.

    With the facts around the new policy it also says where text will go, where that is farther or another place.
    """
    said = _loosening(asker, old, new, starts, lang)
    if facts is None or not facts.sends(new) or (new.send <= old.send and new.model == old.model):
        return said
    if lang == "en":
        return f"{said}\nText would then go to: {_goes_to_english(facts)}"
    return f"{said}\n到时文字送到：{_goes_to_chinese(facts)}"


def _loosening(asker: str, old: Policy, new: Policy, starts: str, lang: Lang) -> str:
    before, after = phrase(old, lang), phrase(new, lang)
    if before == after:
        before, after = _DETAILS[lang]
    if lang == "en":
        return (
            f"{asker} asks to change me from '{before}' to '{after}'. It starts {starts}, for new messages only. "
            '👍 sooner if everyone agrees; "out" in private to stay out.'
        )
    return (
        f"{_spaced(asker)}想把我从“{before}”改为“{after}”：{starts} 开始，只对新消息。"
        "全员点 👍 可提前；不想被看，私信“不看我”。"
    )


_DETAILS: Final[dict[Lang, tuple[str, str]]] = {
    "en": ("the rules as they are", "the looser rules shown below"),
    "zh": ("现在的规矩", "下面这份更宽的规矩"),
}
"""When two policies share a name, the caller shows the new banner below."""


def tightening(asker: str, messages: int, notes: int, deleted: str, lang: Lang) -> str:
    """Return what a tighter keeping would delete, counted, and when; nothing goes before ✅ or that time."""
    if lang == "en":
        counted = f"{_number(messages, 'message')} and {_number(notes, 'note')} would go"
        return f"{asker} asks me to keep less: {counted}. ✅ deletes them now, else {deleted}; ↩️ undoes it once."
    counted = f"会删 {messages} 条消息、{notes} 条笔记"
    return f"{_spaced(asker)}让我少留些：{counted}。点 ✅ 现在删，不点就在 {deleted} 删；↩️ 可以恢复一次。"


def _joined_chinese(names: Sequence[str]) -> str:
    listed = "、".join(names) or "大家"
    return f" {listed}" if listed[0].isascii() else listed


def _spaced(name: str) -> str:
    return f"{name} " if name[-1].isascii() else name


def _number(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _listed_english(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "everyone"


TAKEN_BACK: Final[dict[Lang, str]] = {
    "en": (
        "Taken back. I removed it here and rewrote my answer. A model may already have seen it; that I cannot undo."
    ),
    "zh": "已收回：我这里删掉了，回答也重写了。模型可能已经看过，这一点我无法撤回。",
}
"""To the person who took something back, in private, where it was sent to a model."""

TAKEN_BACK_UNSENT: Final[dict[Lang, str]] = {
    "en": "Taken back. I removed it here and rewrote my answer. No model saw it.",
    "zh": "已收回：我这里删掉了，回答也重写了，没有送给过模型。",
}
"""The same where it was not."""

EDITED: Final[dict[Lang, str]] = {
    "en": "You changed a message that I had kept something from, so I removed that. Want it kept? Tell me once more.",
    "zh": "你改了一条消息，我照原来的话记下的内容就删掉了。还想记的话，再跟我说一次。",
}
"""To the person whose edit took away what they had asked to keep, in private."""

POSTED_AGAIN: Final[dict[Lang, str]] = {
    "en": "Posted again: something in it was taken back or changed.",
    "zh": "重发：里面有内容被收回或改过。",
}
"""How the new post begins in the room, as a reply to the question."""

NOT_YOURS_TO_DECIDE: Final[dict[Lang, str]] = {
    "en": 'Thanks! An admin of this room decides that; for yourself, "out" in private always works.',
    "zh": "谢谢！这件事由群管理员决定；你自己随时可以私信“不看我”。",
}
"""To anyone whose tap or word cannot decide: one kind line, not silence."""
