"""Who said they would do what by when. The owner speaks, or is asked and says yes, or is named; else nobody. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from circles.core.extract import todo_forms as forms
from circles.core.extract.lines import Line, sender_names
from circles.core.extract.people import Mention, mentioned_people, shown_names
from circles.core.extract.replies import agrees, asks, declines, later
from circles.core.extract.text import MAX_SENTENCE, Span, clauses, fold, sentences
from circles.core.extract.tokens import terms
from circles.core.extract.when import masked, time_phrases

_SOON: Final = re.compile(
    r"(?<!\w)(?:soon|later(?: today)?|in a (?:bit|minute|moment|sec)|right away|straight away|after"
    r" (?:work|class|lunch|dinner|school|the meeting))(?!\w)"
    r"|待会儿?|等会儿?|等下|马上|回头|晚点|尽快|下班后?|下课后?|饭后"
)
_VOCATIVE_END: Final = re.compile(
    r"^\s*(?:[,，:：、!！?？]|你|您|\s(?=can|could|would|will|please|you|#|[\u4e00-\u9fff])|请|麻烦|辛苦"
    r"|帮|能|来)|^\W*$"
)
_VOCATIVE_START: Final = re.compile(
    r"(?:^|[@,，。.!！?？]|\b(?:hi|hey|hello|ok|and|thanks|so|please)|请|麻烦|辛苦|拜托|那|让)\W*$"
)


_WHOSE: Final = re.compile(
    r"(?:^|(?<=[\s,，。:：]))(?:(?:(?:[Mm]y|[Oo]ur|[Hh]is|[Hh]er|[Tt]heir)\s+)?\w+['’]s\s+"
    r"|(?:我们?|他们?|她们?)?[\u4e00-\u9fff]{1,3}的)$"
)
"""Whose friend or relation somebody is who is named only by that: "my brother's" girlfriend, 我哥的女朋友."""


@dataclass(frozen=True, slots=True)
class Todo:
    """Something to do, as it was said.

    Attributes:
        id: the line that contains the quote.
        owner_id: the member who committed or accepted, or who is named; None for nobody and for outsiders.
        owner_name: their name, or the words that name an outsider; None where nobody was named.
        due: the time phrase as said (in the line, or in the acceptance), or None.
        quote: that part of the line's text, word for word; it starts at `start`.
        related: the acceptance it rests on, if any.
    """

    id: str
    owner_id: str | None
    owner_name: str | None
    due: str | None
    quote: str
    start: int
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Names:
    """Who may be named: members by user ID, and whom the window speaks of like a person."""

    members: Mapping[str, str]
    others: frozenset[str]

    def mentioned(self, text: str) -> tuple[Mention, ...]:
        """Return who is named in a text."""
        return mentioned_people(text, self.members, self.others)


def todos(lines: Sequence[Line], people: Mapping[str, str] | None = None) -> tuple[Todo, ...]:
    """Return what is to be done, in time order; `people` adds members who say nothing in the window."""
    names = _Names(sender_names(lines, people), shown_names(lines))
    found: list[Todo] = []
    claims: set[str] = set()
    for at, line in enumerate(lines):
        for span in _task_sentences(line.text, names):
            todo = _todo(lines, at, span, names)
            if todo is None or (line.id in claims and todo.owner_id == line.sender and todo.due is None):
                continue
            claims.update(todo.related)
            found.append(todo)
    return tuple(found)


def _task_sentences(text: str, names: _Names) -> list[Span]:
    """Sentences; one in which several people take something is cut at its commas."""
    spans: list[Span] = []
    for sentence in sentences(text):
        if sentence.end - sentence.start > MAX_SENTENCE:
            continue
        parts = clauses(text, sentence)
        tasks = [part for part in parts if _assigns(text[part.start : part.end], names)]
        if len(tasks) < 2:
            spans.append(sentence)
            continue
        starts = [sentence.start, *(part.start for part in tasks[1:])]
        ends = [*(_before(parts, part) for part in tasks[1:]), sentence.end]
        spans += [Span(start, end) for start, end in zip(starts, ends, strict=True)]
    return spans


def _before(parts: Sequence[Span], part: Span) -> int:
    return parts[parts.index(part) - 1].end


def _commits(low: str, text: str) -> bool:
    """Say whether a first person takes something on in this sentence."""
    hidden = masked(low, time_phrases(text))
    parts = [text[start:end] for start, end in clauses(text, Span(0, len(text)))]
    questioned = asks(text) and not re.search(r"吧|let me", low)
    if len(parts) > 1 and (questioned or forms.DONE.search(low)):
        return any(_commits(fold(part), part) for part in parts)
    if questioned:
        return False
    if forms.NEGATED.search(low) or forms.DONE.search(low) or re.search(r"\bi (?:could|can)\b.*\bif\b", low):
        return False
    return forms.FIRST_PERSON.search(hidden) is not None or forms.FIRST_PERSON_ZH.search(hidden) is not None


def _assigns(text: str, names: _Names) -> bool:
    low = fold(text)
    asked = forms.REQUESTS.search(low) and forms.IS_TASK.search(low) and time_phrases(text)
    return _commits(low, text) or bool(asked) or _third(low, text, names.mentioned(text)) is not None


def _todo(lines: Sequence[Line], at: int, span: Span, names: _Names) -> Todo | None:
    line = lines[at]
    text = line.text[span.start : span.end]
    low = fold(text)
    due = _due(text)
    if _commits(low, text):
        return Todo(line.id, line.sender, names.members.get(line.sender), due, text, span.start)
    if (forms.DONE.search(low) and not forms.STILL.search(low)) or len(set(terms(text))) < 2:
        return None
    task = forms.IS_TASK.search(low) is not None
    if asks(text) and forms.OFFERS.search(low):
        return _taken_up(lines, at, span, names, due)
    mentions = [each for each in names.mentioned(text) if each.user_id != line.sender]
    asked = _addressee(text, mentions)
    if forms.OF_WHAT.search(low) and asks(text):
        return None
    if forms.OPEN_REQUEST.search(low):
        return _claimed(lines, at, span, names, None, due, anyone=True)
    ordered = asked is not None and forms.IMPERATIVE.match(masked(low, time_phrases(text)), asked.end) is not None
    if asked and (ordered or (task and forms.REQUESTS.search(low))):
        return _claimed(lines, at, span, names, asked, due, named=not asks(text))
    if forms.STRANGER.match(text) and not asked:
        return None
    if task and ((forms.REQUESTS.search(low) and asks(text)) or forms.LEAVES_TO_YOU.search(low)):
        return _claimed(lines, at, span, names, None, due)
    if due and re.search(r"\bplease\b|\bdon't forget\b|请(?!假|客|问|教|求|吃)|麻烦|记得|别忘", low) and not asked:
        return Todo(line.id, None, None, due, text, span.start)
    named = _third(low, text, mentions)
    if named and not asks(text):
        return Todo(line.id, named.user_id, _name(named, names), due, text, span.start)
    deadline = any(phrase.is_deadline and not phrase.is_past for phrase in time_phrases(text)) or bool(
        re.search(r"截止|due\b|deadline", low)
    )
    if due and deadline and forms.IMPERSONAL.search(low) and not asks(text):
        return Todo(line.id, None, None, due, text, span.start)
    return None


def _claimed(
    lines: Sequence[Line],
    at: int,
    span: Span,
    names: _Names,
    asked: Mention | None,
    due: str | None,
    *,
    named: bool = False,
    anyone: bool = False,
) -> Todo | None:
    """A request: it belongs to the one who takes it; to the one it names when that is no question; else to nobody."""
    line = lines[at]
    text = line.text[span.start : span.end]
    for position in later(lines, at):
        answer = lines[position]
        if answer.sender == line.sender:
            continue
        if asked and asked.user_id and answer.sender != asked.user_id:
            continue
        if declines(answer.text) and "mind" not in fold(text):
            asked, named = None, False
            continue
        claims = _claims(answer.text) and _is_about(answer.text, text)
        obliges = "mind" in fold(text) and re.match(r"\W*(?:not at all|of course not|no\b)", fold(answer.text))
        if claims or (agrees(answer.text) and not anyone) or obliges:
            return Todo(
                line.id,
                answer.sender,
                names.members.get(answer.sender),
                due or _due(answer.text),
                text,
                span.start,
                (answer.id,),
            )
    if asked and named:
        return Todo(line.id, asked.user_id, _name(asked, names), due, text, span.start)
    return Todo(line.id, None, None, due, text, span.start) if due or asked else None


def _taken_up(lines: Sequence[Line], at: int, span: Span, names: _Names, due: str | None) -> Todo | None:
    """An offer ("should I bring …?") is the speaker's to do once somebody else says yes."""
    line = lines[at]
    for position in later(lines, at, near=4):
        answer = lines[position]
        if answer.sender != line.sender and agrees(answer.text):
            text = line.text[span.start : span.end]
            return Todo(line.id, line.sender, names.members.get(line.sender), due, text, span.start, (answer.id,))
    return None


def _claims(text: str) -> bool:
    low = fold(text)
    return (
        forms.CLAIMS.match(low) is not None
        or re.search(r"leave .{1,30} (?:to|with) me\b", low) is not None
        or _commits(low, text)
    )


def _is_about(answer: str, request: str) -> bool:
    """Say whether "I will …" takes the request: it adds no other thing, or shares a word with it."""
    said, wanted = set(terms(answer)), set(terms(request))
    first = clauses(answer, Span(0, len(answer)))[:1]
    bare = first and len(set(terms(answer[first[0].start : first[0].end]))) <= 2
    return bool(said & wanted) or bool(bare)


def _addressee(text: str, mentions: Sequence[Mention]) -> Mention | None:
    for mention in mentions:
        after, before = text[mention.end :], text[: mention.start]
        if _VOCATIVE_START.search(fold(before)) and _VOCATIVE_END.match(fold(after)):
            return mention
    return None


def _third(low: str, text: str, mentions: Sequence[Mention]) -> Mention | None:
    """The named person whom this sentence says will do it."""
    hidden = masked(low, time_phrases(text))
    for mention in mentions:
        chinese = forms.THIRD_ZH.match(hidden, mention.end)
        before = low[: mention.start]
        if re.search(r"\b(?:waiting (?:on|for)|for|like|than|as)\s+$", before):
            continue
        whose = _WHOSE.search(text[: mention.start]) if mention.user_id is None else None
        does = chinese and not re.search(
            r"(?:给|跟|和|替|帮|问|找|看|的)\s*$", before[: whose.start()] if whose else before
        )
        if (does or forms.THIRD.match(hidden, mention.end)) and not forms.NEGATED.search(low):
            start = whose.start() if whose else mention.start
            return replace(mention, start=start, said=text[start : mention.end])
        if forms.ASSIGNS_ZH.search(before) and forms.IS_TASK.search(low, mention.end):
            return mention
    return None


def _name(mention: Mention, names: _Names) -> str:
    return names.members.get(mention.user_id, mention.said) if mention.user_id else mention.said


def _due(text: str) -> str | None:
    """The phrase that says by when, else the first that names a time to come."""
    phrases = [phrase for phrase in time_phrases(text) if not phrase.is_past]
    for phrase in phrases:
        if phrase.is_deadline:
            return phrase.words
    if phrases:
        return phrases[0].words
    soon = _SOON.search(fold(text))
    return text[slice(*soon.span())] if soon else None
