"""The transcript of the README: what the program's own functions say to a small conversation."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from circles.core.ids import RoomID, UserID
from circles.core.permitted import Permitted
from circles.core.posts import Frame, compose
from circles.core.render import bold, text
from circles.features.summary import decide, strings
from circles.testing import said
from circles_docs.markdown import block
from circles_policies.banner import banner
from circles_policies.explain import Surroundings, plain
from circles_policies.model import Preset, Reach, preset
from circles_policies.notices import TAKEN_BACK_UNSENT, admission

ROOM = RoomID("!newyear")
ZONE = "Asia/Shanghai"
EVENING = datetime(2027, 2, 3, 20, 0, tzinfo=ZoneInfo(ZONE))
NAMES = {
    UserID("@mum:home.example"): "妈妈",
    UserID("@uncle:home.example"): "舅舅",
    UserID("@mei:home.example"): "Mei",
    UserID("@li:away.example"): "Li",
}
TALK = (
    ("@mum:home.example", "初一我和爸爸去舅舅家"),
    ("@uncle:home.example", "初二我们去姑姑家"),
    ("@li:away.example", "I will visit Mei on Saturday"),
    ("@mei:home.example", "初三大家都来我家吧"),
)
TAKEN = 1
"""Uncle's message."""


def part() -> str:
    """Return the block."""
    facts = Surroundings(gated=False, inviter="Mei", operator="Anna", set_by="Mei")
    notice = admission(facts, "en")
    lines = [
        "Mei invites @circle:home.example into the room.",
        "",
        *_speaks("Circle", notice.plain("en")),
        "        (and the same in Chinese)",
        "",
        "Mei taps 2️⃣.",
        "",
        *_speaks("Circle", plain(banner(preset(Preset.ON_CALL, Reach.NONE), facts, "en"), "en")),
        "",
    ]
    messages = _messages()
    lines += [line for message in messages for line in _speaks(NAMES[message.sender], message.text)]
    lines += ["", *_speaks("妈妈", "小圈 谁哪天去谁家？"), *_speaks("小圈", _answer(messages)), ""]
    lines += ["舅舅 puts 🙈 on his message. 小圈 takes its answer back, and posts again:", ""]
    left = tuple(message for place, message in enumerate(messages) if place != TAKEN)
    lines += _speaks("小圈", _answer(left, again=True))
    lines += ["", "To 舅舅 alone:", "", *_speaks("小圈", TAKEN_BACK_UNSENT["zh"])]
    return block("text", "\n".join(lines))


def _messages() -> tuple[Permitted, ...]:
    start = EVENING - timedelta(minutes=10)
    return tuple(
        said(sender, words, start + timedelta(minutes=minute), room_id=ROOM)
        for minute, (sender, words) in enumerate(TALK)
    )


def _answer(messages: tuple[Permitted, ...], *, again: bool = False) -> str:
    frame = Frame(ROOM, ("home.example",), NAMES, "zh", ZONE, EVENING)
    title, since = bold(strings.TITLE["visits"]["zh"]), strings.since(frame.hour(EVENING - timedelta(days=1)))["zh"]
    head = (text(strings.AGAIN["zh"]), title) if again else (title + text(f" · {since}"),)
    notes = [text(strings.WITHHELD["zh"])] * again + [text(strings.NO_MODEL["visits"]["zh"])]
    body = compose(frame, head, decide.picked("visits", messages, frame), notes).body
    # The plain body spells out each link at its end; in a client the numbers are the links.
    return body.partition("\n\n出处")[0]


def _speaks(who: str, words: str) -> list[str]:
    first, *rest = words.split("\n")
    return [f"{who}: {first}", *(f"        {line}" if line else "" for line in rest)]
