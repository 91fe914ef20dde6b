"""Whole conversations: what is found in them, against what a careful reader finds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import pytest

from circles.core.extract import Finding, Line, Todo, decisions, disagreements, open_questions, todos, visits
from circles.core.extract.text import fold
from unit.core.extract import chats_en, chats_zh
from unit.core.extract.chat import Chat

ALL = (*chats_en.CHATS, *chats_zh.CHATS)


def todo_owners(lines: Sequence[Line]) -> list[tuple[str, str | None]]:
    return [(todo.id, todo.owner_name) for todo in todos(lines)]


KINDS: dict[str, tuple[Callable[[Sequence[Line]], Sequence[object]], Callable[[Chat], Collection[object]], float]] = {
    "decisions": (lambda lines: [each.id for each in decisions(lines)], lambda chat: chat.decisions, 0.9),
    "todos": (todo_owners, lambda chat: chat.todos, 0.9),
    "questions": (lambda lines: [each.id for each in open_questions(lines)], lambda chat: chat.questions, 0.4),
    "disagreements": (lambda lines: [each.id for each in disagreements(lines)], lambda chat: chat.disagreements, 0.7),
}


@pytest.mark.parametrize("chats", [chats_en.CHATS, chats_zh.CHATS], ids=["English", "Chinese"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_found_is_right_and_most_of_it_is_found(kind: str, chats: tuple[Chat, ...]) -> None:
    """Few false alarms, and the ordinary cases are there; questions are found with care rather than all."""
    find, wanted_of, recall = KINDS[kind]
    right = found = wanted = 0
    for chat in chats:
        if chat.visits:
            continue
        got, gold = find(chat.lines), wanted_of(chat)
        right += sum(each in gold for each in got)
        found += len(got)
        wanted += len(gold)

    assert right >= 0.7 * found
    assert right >= recall * wanted


def same(got: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return all(fold(one) in fold(other) or fold(other) in fold(one) for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("chats", [chats_en.CHATS, chats_zh.CHATS], ids=["English", "Chinese"])
def test_visits_are_the_ones_a_reader_would_list(chats: tuple[Chat, ...]) -> None:
    """Nine of ten are right and nine of ten are found, in conversations that are and are not about visits."""
    right = found = wanted = 0
    for chat in chats:
        got = [(visit.who, visit.whom, visit.when) for visit in visits(chat.lines)]
        right += sum(any(same(each, gold) for gold in chat.visits) for each in got)
        found += len(got)
        wanted += len(chat.visits)

    assert right >= 0.9 * found
    assert right >= 0.9 * wanted


@pytest.mark.parametrize("chat", ALL, ids=[f"chat-{at}" for at in range(len(ALL))])
def test_every_quote_stands_in_the_line_it_names(chat: Chat) -> None:
    """A result can be checked: its line is in the window and holds the quoted words, in that place."""
    texts = {line.id: line.text for line in chat.lines}
    found: list[Finding | Todo] = [*decisions(chat.lines), *todos(chat.lines)]
    found += [*open_questions(chat.lines), *disagreements(chat.lines)]
    for each in found:
        assert each.quote
        assert texts[each.id][each.start :].startswith(each.quote)
        assert set(each.related) <= set(texts)
    for visit in visits(chat.lines):
        assert visit.quote in texts[visit.id]
        assert visit.when in visit.quote
        assert set(visit.related) <= set(texts)


@pytest.mark.parametrize("chat", ALL, ids=[f"chat-{at}" for at in range(len(ALL))])
def test_nobody_is_invented(chat: Chat) -> None:
    """Owners and visitors are senders, or words of the window."""
    names = {line.name for line in chat.lines}
    words = fold(" ".join(line.text for line in chat.lines))
    for todo in todos(chat.lines):
        assert todo.owner_name is None or todo.owner_name in names or fold(todo.owner_name) in words
        assert (todo.owner_id is None) or todo.owner_id in {line.sender for line in chat.lines}
        assert todo.due is None or fold(todo.due) in words
    for visit in visits(chat.lines):
        for name in (visit.who, visit.whom):
            assert (
                name == "?" or name in names or all(part in words or part in map(fold, names) for part in pieces(name))
            )


def pieces(name: str) -> list[str]:
    return [part for each in fold(name).split(" and ") for part in each.split("和") if part]
