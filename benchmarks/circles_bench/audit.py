"""What a room shows in the end, held against what people did there: lost, doubled, out of order. Pure.

A room's timeline is taken as an independent client gets it from `/messages`, oldest first, redactions applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, cast

Event = Mapping[str, Any]
MARK: Final = "io.github.matrix_circles.ai"
WAITS: Final = "⏳"
"""The AI's reaction on a question whose answer takes a while."""


class Kind(StrEnum):
    """What someone did, and what must be seen of it in the end."""

    COMMAND = "command"
    """A quick command: one answer, in the order of the commands."""
    KEEP = "note"
    """A note: one answer, in order, and it stands in the list of notes once."""
    REMIND = "reminder"
    """A reminder that falls due: one answer, in order, and it comes once."""
    ASK = "question"
    """A question to the model: one answer, in no order, and no sign is left that it takes a while."""
    DIGEST = "digest"
    """A digest that falls due: one answer, and it comes once; in no order."""
    REDACT = "redacted"
    """A question that was redacted: no answer stands."""
    HIDE = "hidden"
    """A message with 🙈 and a question about it: one answer stands, and nothing of the message does."""

    POST = "sealed post"
    """What the AI sent into an encrypted room: closed to the server, and open to whoever is in the room."""


_FALL_DUE: Final = ("reminder", "digest")
IN_ORDER: Final = (Kind.COMMAND, Kind.KEEP, Kind.REMIND)
"""What may ask a model is answered beside the room's queue, so that nothing waits for a model."""
IN_THE_CLEAR: Final = frozenset({"m.reaction", "m.room.redaction", "m.room.encrypted"})
"""What may stand in an encrypted room as the server has it, state events aside: no client encrypts reactions."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something done in a room.

    Attributes:
        round: in which round of the campaign.
        question: the event that asks.
        token: a word of its own that tells its effects from all others.
        due: for what falls due, when that is (ms); what was confirmed later than that need not come.
    """

    round: int
    kind: Kind
    room: str
    question: str
    token: str = ""
    due: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an act's effects, and a sentence on it.

    `lost`, `doubled` or `out_of_order`; in an encrypted room also `in_the_clear` or `unreadable`.
    """

    act: Act
    what: str
    why: str


@dataclass
class Shown:
    """One room as it stands, seen as the AI's posts.

    Attributes:
        positions: where each event stands.
        answers: the AI's posts that stand, by the event they reply to.
        edits: the edits of each post that stand.
        waits: the events on which there is the sign that an answer takes a while.
        posts: all posts of the AI that stand, oldest first.
    """

    positions: dict[str, int] = field(default_factory=dict[str, int])
    answers: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    edits: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    waits: set[str] = field(default_factory=set[str])
    posts: list[Event] = field(default_factory=list[Event])

    def last_words(self, post: Event) -> str:
        """A post's text as it reads now."""
        return body(self.edits.get(post["event_id"], [post])[-1])


def shown(timeline: Iterable[Event], ai: str) -> Shown:
    """Sort a timeline."""
    found = Shown()
    for position, event in enumerate(timeline):
        found.positions[event["event_id"]] = position
        content: Event = event["content"]
        relation: Event = content.get("m.relates_to", {})
        if event["sender"] == ai and event["type"] == "m.reaction" and relation.get("key") == WAITS:
            found.waits.add(str(relation["event_id"]))
        if event["sender"] != ai or event["type"] != "m.room.message" or "body" not in content:
            continue
        if relation.get("rel_type") == "m.replace":
            found.edits.setdefault(str(relation["event_id"]), []).append(event)
            continue
        found.posts.append(event)
        asked = relation.get("m.in_reply_to", {}).get("event_id")
        if asked and mark_kind(event) not in _FALL_DUE:  # in private a reminder replies to what set it
            found.answers.setdefault(str(asked), []).append(event)
    return found


def body(event: Event) -> str:
    """A message's plain text, an edit's new one."""
    return str(event["content"].get("m.new_content", event["content"]).get("body", ""))


def mark_kind(event: Event) -> str:
    """What a post of the AI's is, by its mark."""
    content: Event = event["content"].get("m.new_content", event["content"])
    return str(cast("Event", content.get(MARK, {})).get("kind", ""))


def audit(acts: Sequence[Act], timelines: Mapping[str, Sequence[Event]], ai: str) -> list[Fault]:
    """Find every fault.

    Args:
        acts: all that was done, in any order.
        timelines: each room's, oldest first.
        ai: the AI's user id.
    """
    rooms = {room: shown(timeline, ai) for room, timeline in timelines.items()}
    faults: list[Fault] = []
    for act in acts:
        faults += _of(act, rooms[act.room])
    for room, seen in rooms.items():
        faults += _order([act for act in acts if act.room == room and act.kind in IN_ORDER], seen)
    return faults


def _of(act: Act, seen: Shown) -> list[Fault]:
    answers = seen.answers.get(act.question, [])
    if act.kind is Kind.REDACT:
        return [Fault(act, "lost", "the answer to a redacted question stands")] if answers else []
    faults = _counted(act, len(answers), f"answer ({' '.join(mark_kind(answer) for answer in answers)})")
    if act.question in seen.waits:
        faults.append(Fault(act, "lost", "the sign that an answer takes a while stands for ever"))
    if any(answer["event_id"] in seen.edits for answer in answers):
        faults.append(Fault(act, "doubled", "an answer that was edited"))
    match act.kind:
        case Kind.REMIND:
            came = [post for post in seen.posts if mark_kind(post) == "reminder" and act.token in body(post)]
            faults += _counted(act, len(came), "reminder")
        case Kind.DIGEST if answers and answers[0]["origin_server_ts"] < act.due:
            came = [post for post in seen.posts if mark_kind(post) == "digest" and post not in answers]
            faults += _counted(act, len(came), "digest")
        case Kind.KEEP:
            listed = [post for post in seen.posts if mark_kind(post) == "notes"]
            if listed:
                faults += _counted(act, seen.last_words(listed[-1]).count(act.token), "note in the list")
        case Kind.HIDE if any(act.token in seen.last_words(post) for post in seen.posts):
            faults.append(Fault(act, "lost", "what was hidden stands in a post"))
        case _:
            pass
    return faults


def audit_sealed(timelines: Mapping[str, Sequence[Event]], ai: str) -> list[Fault]:
    """Find what the AI sent into encrypted rooms in the clear, and what a member's client cannot read.

    Args:
        timelines: each encrypted room's, as a member's client shows it. Of each event, `wire` is what the server has,
            `failure` why the client cannot read it.
        ai: the AI's user id.
    """
    faults: list[Fault] = []
    for room, timeline in timelines.items():
        for event in timeline:
            wire: Event = event["wire"]
            if event["sender"] != ai or "state_key" in event or not wire["content"]:
                continue  # redacted ones hold nothing
            act = Act(0, Kind.POST, room, event["event_id"])
            if wire["type"] not in IN_THE_CLEAR:
                faults.append(Fault(act, "in_the_clear", f"the server has its {wire['type']}"))
            elif "failure" in event:
                faults.append(Fault(act, "unreadable", str(event["failure"])))
    return faults


def _counted(act: Act, count: int, what: str) -> list[Fault]:
    if count == 0:
        return [Fault(act, "lost", f"no {what}")]
    return [Fault(act, "doubled", f"{count} times: {what}")] if count > 1 else []


def _order(acts: Sequence[Act], seen: Shown) -> list[Fault]:
    """Find each answer that stands before the answer to an earlier question."""
    asked = sorted(
        (act for act in acts if act.question in seen.positions), key=lambda act: seen.positions[act.question]
    )
    faults: list[Fault] = []
    latest = -1
    for act in asked:
        answers = seen.answers.get(act.question, [])
        if not answers:
            continue
        position = seen.positions[answers[0]["event_id"]]
        if position < latest:
            faults.append(Fault(act, "out_of_order", "answered before an earlier question"))
        latest = max(latest, position)
    return faults
