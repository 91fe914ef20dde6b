"""Every sentence the AI says about keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.effects import Words
from circles.core.language import Language
from circles.features.encryption.decide import in_groups
from circles.ports import KnownKeys

NO_EMOJI: Final = "This is an AI: nobody here can compare emoji. 这里是 AI，没有人能比对表情。"

_CAUSES: Final[Mapping[str, Mapping[Language, str]]] = {
    "m.unverified": {
        "en": "The app that sent it shares keys only with devices it has verified, and mine is not among them. "
        'In its settings, "never send to unverified devices" can be switched off for this room.',
        "zh": "发它的应用只把密钥给验证过的设备，我的不在里面。可以在设置里为这个群关掉“不向未验证的设备发送”。",
    },
    "m.blacklisted": {
        "en": "Whoever sent it has blocked my device. That is fine; only then I can't read along.",
        "zh": "发的人屏蔽了我的设备。没关系，只是这样我就看不到。",
    },
    "m.unauthorised": {
        "en": "The app that sent it says that I may not have its key. Perhaps it was written before I came.",
        "zh": "发它的应用说我不能拿这把密钥，也许是我来之前写的。",
    },
    "m.no_olm": {
        "en": "The app that sent it could not reach my device to hand over the key. Sending it again mostly helps.",
        "zh": "发它的应用没能把密钥交给我的设备。重发一次多半就好。",
    },
    "m.unavailable": {
        "en": "The app that sent it no longer has the key.",
        "zh": "发它的应用已经没有这把密钥了。",
    },
    "unknown_device": {
        "en": "It comes from a device that its owner's server does not know, perhaps signed out since.",
        "zh": "它来自一台服务器不认识的设备，也许已经退出登录。",
    },
    "broken": {
        "en": "It does not fit its key, so I leave it alone.",
        "zh": "它和密钥对不上，我就不看了。",
    },
}
_MISSING: Final[Mapping[Language, str]] = {
    "en": "Its key has not reached me. Mostly the app that sent it was closed too soon, or did not know me yet.",
    "zh": "密钥没有到我这里。多半是发它的应用关得太快，或者当时还不认识我。",
}
_AGAIN: Final[Mapping[Language, str]] = {
    "en": "If it was for me, please send it again.",
    "zh": "如果是对我说的，请再发一次。",
}

_LAST: Final[Mapping[Language, str]] = {
    "en": ' If there are more today, I stay quiet about them; "e2ee" lists them.',
    "zh": "今天再有这样的，我就不一条条说了；发“加密”可以看。",
}


def cause(language: Language, code: str | None, reason: str) -> str:
    """Return why something cannot be read, as far as that is known."""
    known = _CAUSES.get(code or "") or _CAUSES.get(reason)
    return (known or _MISSING)[language]


def unreadable(language: Language, code: str | None, reason: str, *, last: bool = False) -> Words:
    """Tell a room that a message cannot be read. `last`: nothing more is said of others that day."""
    why, again = cause(language, code, reason), _AGAIN[language]
    if language == "zh":
        return Words(f"这条我读不了。{why}{again}{_LAST[language] if last else ''}")
    return Words(f"I can't read this message. {why} {again}{_LAST[language] if last else ''}")


def verification(language: Language) -> Words:
    """Decline to compare emoji."""
    if language == "zh":
        return Words(
            "我是 AI，没法和你比对表情。想确认是我：发“加密”，把我说的指纹和我资料里的设备比一比，或者问管理我的人。"
        )
    return Words(
        'I am an AI, so I can\'t compare emoji with you. To check that it is me, say "e2ee" and compare the '
        "fingerprint with my device in my profile, or ask who runs me."
    )


def keys(language: Language, known: KnownKeys) -> Words:
    """Say what there is to know about the AI's keys here."""
    fingerprint = in_groups(known.fingerprint)
    lines: list[str]
    if language == "zh":
        lines = [
            "这里是加密的；我看到的内容不再端到端加密。" if known.encrypted else "这里没有加密。",
            f"我的设备：{known.device_id}",
            f"指纹：{fingerprint}",
            "由我的身份签了名。" if known.signed else "还没有由我的身份签名。",
        ]
        if known.unread:
            lines.append(f"我读不了 {sum(each.count for each in known.unread)} 条消息：")
        else:
            lines.append("没有读不了的消息。")
        lines += [f"· {each.count} 条：{cause(language, each.code, each.reason)}" for each in known.unread[:5]]
    else:
        lines = [
            "This room is encrypted; what I look at is not end-to-end encrypted any more."
            if known.encrypted
            else "This room is not encrypted.",
            f"My device: {known.device_id}",
            f"Its fingerprint: {fingerprint}",
            "It is signed by my identity." if known.signed else "It is not signed by my identity yet.",
        ]
        if known.unread:
            lines.append(f"Messages I can't read: {sum(each.count for each in known.unread)}")
        else:
            lines.append("There is no message that I can't read.")
        lines += [f"· {each.count}: {cause(language, each.code, each.reason)}" for each in known.unread[:5]]
    return Words("\n".join(lines))
