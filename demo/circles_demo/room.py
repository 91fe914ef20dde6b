"""What people see of the AI in their rooms: its posts as they stand on the server now, and the ones still to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from circles_demo.answers import AI_MARK, Answer, read
from circles_harness import Person

Event = Mapping[str, Any]
_ASK_AGAIN_SECONDS: Final = 0.2


class Missed(Exception):
    """Something that must hold does not; the message says it for people."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post of the AI's and all its edits, as one person sees them in one room."""

    reader: Person
    room: str
    answer: Answer
    question: str | None
    edits: tuple[str, ...] = ()

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The post and its edits."""
        return (self.answer.event_id, *self.edits)


async def posts(reader: Person, room: str, ai: str) -> tuple[Post, ...]:
    """Return the AI's standing posts in a room, oldest first, each with its latest words."""
    said = [event for event in await reader.all_messages(room) if is_said(event, ai)]
    found: list[Post] = []
    for event in said:
        if replaced(event) is None:
            edits = [each for each in said if replaced(each) == event["event_id"]]
            answer = read(edits[-1] if edits else event, str(event["event_id"]))
            edit_ids = tuple(str(each["event_id"]) for each in edits)
            found.append(Post(reader, room, answer, replied_to(event), edit_ids))
    return tuple(found)


async def answer_to(asker: Person, room: str, question: str, ai: str, *, within: float, anything: bool) -> Answer:
    """Wait for the AI's answer to a message.

    Args:
        asker: who asked.
        room: where.
        question: the message that asks.
        ai: the AI's user id.
        within: seconds to wait.
        anything: take whatever the AI says next, as in a direct message.
    """

    def answers(event: Event) -> bool:
        if not is_said(event, ai):
            return False
        root = replaced(event)
        if root is None:
            return anything or replied_to(event) == question
        return any(each["event_id"] == root and replied_to(each) == question for each in asker.timeline(room))

    event = await asker.wait_for(room, answers, timeout=within, after=question, what="the AI's answer")
    return read(event, replaced(event))


async def next_post(
    reader: Person, room: str, ai: str, kind: str, *, known: Collection[str], question: str | None, within: float
) -> Post:
    """Wait for a post of a kind that is none of the known events; `question`: that answers it, None: any."""

    def holds(event: Event) -> bool:
        return (
            is_said(event, ai)
            and event["event_id"] not in known
            and kind_of(event) == kind
            and (question is None or replied_to(event) == question)
        )

    event = await reader.wait_for(room, holds, timeout=within, what=f"a post ({kind}) of the AI")
    return Post(reader, room, read(event, replaced(event)), replied_to(event))


async def until(holds: Callable[[], Awaitable[str]], *, within: float) -> None:
    """Ask again and again until nothing is wrong any more.

    Args:
        holds: returns what is wrong, '' for nothing.
        within: seconds after which what is wrong is raised.

    Raises:
        Missed: with what is still wrong.
    """
    deadline = time.monotonic() + within
    while wrong := await holds():
        if time.monotonic() > deadline:
            raise Missed(f"{wrong} (after {within:.0f} s)")
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


def is_said(event: Event, ai: str) -> bool:
    """Say whether an event is something the AI said and did not take back."""
    return event["type"] == "m.room.message" and event["sender"] == ai and "body" in event["content"]


def kind_of(event: Event) -> str:
    """Return what kind of post an event of the AI's is, by the mark it carries."""
    content: Event = event["content"].get("m.new_content", event["content"])
    return str(content.get(AI_MARK, {}).get("kind", ""))


def replaced(event: Event) -> str | None:
    """Return the post an event is an edit of."""
    relation: Event = event["content"].get("m.relates_to", {})
    return str(relation["event_id"]) if relation.get("rel_type") == "m.replace" else None


def replied_to(event: Event) -> str | None:
    """Return what an event is a reply to."""
    target = event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
    return str(target) if target else None
