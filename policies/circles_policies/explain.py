"""The short words for policies and reasons, in English and Chinese, and the types the longer texts are made of.

Owns names, reasons and fixed sentences; `banner` and `notices` own the texts.  All of them are generated from the same
values `engine.decide` judges by, so what people read and what happens cannot drift apart.
No time is computed here: instants come as text the caller has formatted for the reader's zone and language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from circles_policies.decision import Reason
from circles_policies.model import Policy, Preset, Reach, When, Who, preset_of
from circles_policies.retention import NO_RETENTION, Retention

Lang = Literal["en", "zh"]

AI_NAME: Final[dict[Lang, str]] = {"en": "Circle", "zh": "小圈"}


class Line(NamedTuple):
    """One line of a text: a label to set in bold, with its colon, and what follows it. Either may be empty."""

    label: str
    text: str

    def plain(self, lang: Lang) -> str:
        """Return the line without markup."""
        return self.label + joint(self, lang) + self.text


def joint(line: Line, lang: Lang) -> str:
    """Return what stands between label and text: a space in English, nothing in Chinese."""
    return " " if lang == "en" and line.label and line.text else ""


def plain(lines: Sequence[Line], lang: Lang) -> str:
    """Return lines as plain text, one below the other."""
    return "\n".join(line.plain(lang) for line in lines)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The facts around a policy that people must read with it.

    Attributes:
        host: the model endpoint's host, None when there is no model.
        remote: whether that endpoint is on somebody else's machine.
        country: where, as the reader should see it ("USA", "美国"); None if unknown.
        model: the model's name, told only when it is remote.
        chosen: what the operator calls the model that this circle chose, None where it chose none.
        missing: whether the operator has no model of that name: nothing is sent anywhere.
        names_hidden: whether names are replaced before text is sent to a remote model.
        gated: whether the homeserver enforces the policy (else the AI's own program does).
        encrypted: whether the room is encrypted.
        set_by: display name of who set the policy.
        retention: how long the room lets its messages stay, by its `m.room.retention`.
        since: when the policy came into force, formatted by the caller.
        operator: display name of who runs the AI.
        inviter: display name of who invited it.
        ai: the AI's name, None for its usual name in the language.
    """

    host: str | None = None
    remote: bool = False
    country: str | None = None
    model: str | None = None
    chosen: str | None = None
    missing: bool = False
    names_hidden: bool = False
    gated: bool = True
    encrypted: bool = False
    retention: Retention = NO_RETENTION
    set_by: str | None = None
    since: str | None = None
    operator: str | None = None
    inviter: str | None = None
    ai: str | None = None

    def name(self, lang: Lang) -> str:
        """Return what the AI is called in this language."""
        return self.ai or AI_NAME[lang]

    def sends(self, policy: Policy) -> bool:
        """Say whether under this policy text goes to a model at all."""
        needed = Reach.LISTED if self.remote else Reach.LOCAL
        return self.host is not None and policy.send >= needed


_PRESET_NAMES: Final[dict[Preset, dict[Lang, str]]] = {
    Preset.RESTING: {"en": "Resting", "zh": "休息中"},
    Preset.ADDRESSED: {"en": "Only what you say to it", "zh": "只看对它说的话"},
    Preset.ON_CALL: {"en": "Looks back when called", "zh": "叫它才翻看"},
    Preset.AGREED: {"en": "Only people who said yes", "zh": "谁同意，看谁的"},
    Preset.NOTEBOOK: {"en": "Group notebook", "zh": "群笔记"},
}
_OWN_RULES: Final[dict[Lang, str]] = {"en": "This room's own rules", "zh": "本群自定的规矩"}

_SUFFIXES: Final[dict[Preset | None, dict[Lang, str]]] = {
    Preset.RESTING: {"en": "resting", "zh": "休息中"},
    Preset.ADDRESSED: {"en": "only @me", "zh": "只看@我"},
    Preset.ON_CALL: {"en": "on call", "zh": "叫才看"},
    Preset.AGREED: {"en": "yes only", "zh": "同意才看"},
    Preset.NOTEBOOK: {"en": "notebook", "zh": "群笔记"},
    None: {"en": "custom", "zh": "自定"},
}
"""At most 8 Latin or 4 Chinese characters: longer ones break pills and hide thread summaries."""


def preset_name(key: Preset | None, lang: Lang) -> str:
    """Return the name people know a preset by; None stands for a room's own values."""
    return _OWN_RULES[lang] if key is None else _PRESET_NAMES[key][lang]


def policy_name(policy: Policy, lang: Lang) -> str:
    """Return the name of a policy, by its values and not by the label it carries."""
    return preset_name(preset_of(policy), lang)


def room_name(key: Preset | None, lang: Lang, ai: str | None = None) -> str:
    """Return the AI's display name in a room, which stamps each post with the preset then in force."""
    name, suffix = ai or AI_NAME[lang], _SUFFIXES[key][lang]
    return f"{name} · {suffix}" if lang == "en" else f"{name}·{suffix}"


def room_names(ai: str | None = None) -> tuple[str, ...]:
    """Return every name the AI may carry or have carried in a room, for `words.strip_address`."""
    plain_names = (ai,) if ai is not None else tuple(AI_NAME.values())
    suffixed = (room_name(key, lang, ai) for key in _SUFFIXES for lang in AI_NAME)
    return tuple(dict.fromkeys((*plain_names, *suffixed)))


def phrase(policy: Policy, lang: Lang) -> str:
    """Return what a policy does in a few words, to stand inside a sentence."""
    key = preset_of(policy)
    if key is not None:
        name = _PRESET_NAMES[key][lang]
        return name[0].lower() + name[1:]
    return _LOOKS_IN_BRIEF[policy.read.who, policy.read.when][lang]


_SAID_YES: Final[dict[Lang, str]] = {"en": "only people who said yes", "zh": "谁同意，看谁的"}
_TO_IT: Final[dict[Lang, str]] = {"en": "only what you say to it", "zh": "只看对它说的话"}
_AT_NOTHING: Final[dict[Lang, str]] = {"en": "looks at nothing", "zh": "什么都不看"}
_LOOKS_IN_BRIEF: Final[dict[tuple[Who, When], dict[Lang, str]]] = {
    (Who.NOBODY, When.CALLED): _AT_NOTHING,
    (Who.NOBODY, When.ALWAYS): _AT_NOTHING,
    (Who.ADDRESSED, When.CALLED): _TO_IT,
    (Who.ADDRESSED, When.ALWAYS): _TO_IT,
    (Who.CONSENTING, When.CALLED): _SAID_YES,
    (Who.CONSENTING, When.ALWAYS): _SAID_YES,
    (Who.EVERYONE, When.CALLED): {"en": "looks back when called", "zh": "叫它才翻看"},
    (Who.EVERYONE, When.ALWAYS): {"en": "looks at everything", "zh": "全都看"},
}

KEPT_OUT: Final[dict[Lang, str]] = {"en": "Some messages were kept out.", "zh": "有些消息没有看。"}
"""All a room is ever told about denials: no count, no name, and the same whatever the reason."""

_OUT: Final[dict[Lang, str]] = {"en": "You asked me not to look at this.", "zh": "你说过不看这条。"}

_REASONS: Final[dict[Reason, dict[Lang, str]]] = {
    Reason.NO_POLICY: {"en": "No admin has chosen yet what I may do here.", "zh": "管理员还没选我在这里能做什么。"},
    Reason.INVALID_POLICY: {
        "en": "I cannot read this room's policy, so I do nothing.",
        "zh": "我读不懂这里的规矩，所以什么都不做。",
    },
    Reason.RESTING: {"en": "I am resting in this room.", "zh": "我在这个群里休息。"},
    Reason.OPERATOR: {"en": "Who runs me does not allow this.", "zh": "运行我的人没有开放这一项。"},
    Reason.NOT_ADDRESSED: {"en": "It was not said to me.", "zh": "这句不是对我说的。"},
    Reason.NO_CONSENT: {"en": "You have not said yes here.", "zh": "你在这里还没说可以看。"},
    Reason.MEMBER_OUT: _OUT,
    Reason.KEPT_OUT: {"en": "An admin keeps these words from me.", "zh": "管理员不让我看这些话。"},
    Reason.NEWCOMER: {"en": "It was written before you were told about me.", "zh": "这是告诉你有我之前写的。"},
    Reason.BEFORE_POLICY: {"en": "It was written before the rules allowed it.", "zh": "写下它时，规矩还不允许看。"},
    Reason.TOO_FAR_BACK: {"en": "It is further back than I may look.", "zh": "它太早了，我不能翻那么远。"},
    Reason.NOT_CALLED: {"en": "Nobody called me, and here I look only then.", "zh": "没人叫我；在这里叫我才看。"},
    Reason.MARKED: {"en": "It is off the record, or hidden with 🙈.", "zh": "它标了不记，或点了 🙈。"},
    Reason.KEEP_CLASS: {"en": "This room does not let me keep that.", "zh": "这个群不让我留这类东西。"},
    Reason.REACH: {"en": "This room does not let text go that far.", "zh": "这个群的文字不送那么远。"},
    Reason.ACTOR: {"en": "This room does not let me do that for you.", "zh": "这个群没让我替你做这件事。"},
    Reason.GHOST: {"en": "I do not act for other programs.", "zh": "我不替别的程序做事。"},
    Reason.CONTROL: {"en": "I obey this kind of message and keep nothing of it.", "zh": "这类消息我只照办，不留。"},
    Reason.NOT_AN_EVENT: {"en": "I could not make sense of it.", "zh": "这条我没看懂。"},
}


def reason(why: Reason, lang: Lang) -> str:
    """Return why something was denied, for a receipt of the person concerned. In a room say `KEPT_OUT` instead."""
    return _REASONS[why][lang]
