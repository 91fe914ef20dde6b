"""How much a room wants to hear unasked, and who may say so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from circles.core.call import Call
from circles.core.commands import fold
from circles.core.effects import Effect, Words
from circles.core.ids import RoomID
from circles.core.voice import Dial
from circles.features.voice import strings

NAME: Final = "voice"

_SAID: Final[Mapping[Dial, tuple[str, ...]]] = {
    Dial.OFF: ("off", "none", "never", "silent", "关", "不说", "不要", "别说"),
    Dial.QUIET: ("quiet", "less", "once a day", "少", "少说", "少一点", "安静"),
    Dial.LIVELY: ("lively", "more", "loud", "多", "多说", "多一点", "活跃"),
}
_ALONE: Final[Mapping[str, Dial]] = {
    **dict.fromkeys(("talk less", "speak less", "be quiet", "be quieter", "少说点", "安静", "安静点"), Dial.QUIET),
    **dict.fromkeys(("别主动说话", "don't speak unasked"), Dial.OFF),
    **dict.fromkeys(("talk more", "多说点"), Dial.LIVELY),
}
"""Forms that say it without a word after them."""


@dataclass(frozen=True, slots=True)
class SetDial(Effect):
    """Keep how much a room wants to hear unasked."""

    room_id: RoomID
    dial: Dial


def wanted(call: Call) -> Dial | None:
    """Return which setting was said, None where none was."""
    said = fold(call.argument.text).strip(" .!。！吧")
    for dial, forms in _SAID.items():
        if said in forms:
            return dial
    return _ALONE.get(fold(call.whole.text).strip(" .!。！吧")) if not said else None


def turn(call: Call, now: Dial, usual: int) -> tuple[Effect, ...]:
    """Show or set the dial; `usual` is what the operator lets a quiet room have a day."""
    language = call.language
    if call.room.direct:
        return (_answer(call, strings.IN_PRIVATE[language]),)
    dial = wanted(call)
    if dial is None:
        said = strings.state(now, usual, language) if not call.argument.text.strip() else strings.WHICH[language]
        return (_answer(call, said),)
    if not call.decides:
        return (_answer(call, strings.FOR_ADMINS[language]),)
    return SetDial(call.room.room_id, dial), _answer(call, strings.turned(dial, usual, language))


def _answer(call: Call, said: str) -> Effect:
    return call.answer(Words(said), feature=NAME)
