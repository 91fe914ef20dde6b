"""How good the answers without a model are, on real meetings: `benchmarks/quality.py DATA`.

DATA holds `meetings/qmsum-val.jsonl` (QMSum, English), `meetings/vcsum-zh-dev.jsonl` (VCSum, Chinese) and
`irc/ubuntu-meeting.txt` (marked by hand with [ACTION] lines, which are taken out before it is looked at).  Prints a
table beside two baselines, and a RESULT line:

- ask: of questions whose answering lines are known, the share with one of them among the first four; and how often the
  same question finds anything in a meeting that is about something else.  For Chinese a segment's headline is asked for
  in its whole meeting.
- summary: ROUGE-1 F against the reference, of the key points, of the first three messages and of the longest five,
  each cut as a post quotes it.
- actions: of those that people marked, the ones that are found with the right person in the talk just before. Where
  those of the meeting before are gone through, nothing in the talk says them.
- cited: the share of all quotes that stand word for word in the message they link to.
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circles.core.extract import Line, decisions, key_points, open_questions, search, terms, todos
from circles.core.posts import QUOTE_CHARS
from circles.core.render import one_line
from circles.features.summary.decide import LIMITS
from circles_bench.measure import say, show_result, show_table

FIRST = 4
POINTS = LIMITS["key_points"]
ELSEWHERE = 300
"""So many lines of the other meeting are searched, as many as a day of a busy room has."""
BEFORE = 30
"""So many lines before an action is marked, it was talked about."""
_IRC = re.compile(r"^\S+ (?P<day>\S+) \[(?P<at>\d\d:\d\d)\] <(?P<nick>[^>]+)> (?P<text>.*)$")
_ACTION = re.compile(r"^\s*\[?ACTION\]?:?\s+(?P<who>[\w-]+)(?: and [\w-]+)? (?:to|will) ", re.IGNORECASE)
_MACHINE = re.compile(r"^MootBot|^ubottu", re.IGNORECASE)


@dataclass(frozen=True)
class Meeting:
    """What was said, questions with the lines that answer each, and the summary somebody wrote of each part."""

    lines: tuple[Line, ...]
    questions: tuple[tuple[str, frozenset[str]], ...]
    parts: tuple[tuple[tuple[Line, ...], str], ...]


def line(number: int, who: str, text: str) -> Line:
    """Return one line, a second after the one before."""
    return Line(id=str(number), sender=f"@{who}", name=who, at=number * 1_000, text=text)


def english(path: Path) -> Iterator[Meeting]:
    """Read QMSum."""
    for row in path.read_text(encoding="utf-8").splitlines():
        given: dict[str, Any] = json.loads(row)
        spoken = enumerate(given["meeting_transcripts"])
        lines = tuple(line(number, turn["speaker"], turn["content"]) for number, turn in spoken)
        questions = [
            (asked["query"], [range(int(a), int(b) + 1) for a, b in asked["relevant_text_span"]])
            for asked in given["specific_query_list"]
        ]
        known = tuple((asked, frozenset(str(at) for span in spans for at in span)) for asked, spans in questions)
        yield Meeting(lines, known, ((lines, given["general_query_list"][0]["answer"]),))


def chinese(path: Path) -> Iterator[Meeting]:
    """Read VCSum: the segments of one meeting together."""
    meetings: dict[str, list[dict[str, Any]]] = {}
    for row in path.read_text(encoding="utf-8").splitlines():
        given: dict[str, Any] = json.loads(row)
        meetings.setdefault(given["av_num"], []).append(given)
    for segments in meetings.values():
        every: list[Line] = []
        questions: list[tuple[str, frozenset[str]]] = []
        parts: list[tuple[tuple[Line, ...], str]] = []
        for segment in segments:
            turns = zip(segment["speaker"], segment["context"], strict=True)
            said = [(str(who), sentence) for who, turn in turns for sentence in turn]
            lines = tuple(line(len(every) + at, who, text) for at, (who, text) in enumerate(said))
            every += lines
            questions.append((f"{segment['agenda']}说了什么？", frozenset(each.id for each in lines)))
            parts.append((lines, segment["discussion"]))
        # A headline asked for in a meeting that is about nothing else would be found anywhere.
        yield Meeting(tuple(every), tuple(questions) if len(segments) > 1 else (), tuple(parts))


def asked(meetings: Sequence[Meeting]) -> tuple[float, float]:
    """Return how many questions find an answer, and how many find something where there is none."""
    rng = random.Random(1)
    hit = false = total = 0
    for at, meeting in enumerate(meetings):
        for question, answers in meeting.questions:
            total += 1
            hit += any(found.id in answers for found in search(meeting.lines, question, FIRST))
            other = meetings[rng.choice([each for each in range(len(meetings)) if each != at])]
            false += bool(search(other.lines[:ELSEWHERE], question, FIRST))
    return hit / total, false / total


def rouge(said: Sequence[str], reference: str) -> float:
    """Return ROUGE-1 F by terms that carry meaning; Chinese by characters and pairs."""
    ours, theirs = Counter(terms(" ".join(said))), Counter(terms(reference))
    both = (ours & theirs).total()
    return 2 * both / max(ours.total() + theirs.total(), 1)


def summarised(meetings: Sequence[Meeting], by: Callable[[Sequence[Line]], Sequence[str]]) -> float:
    """Return the mean ROUGE over all parts that have a summary."""
    scores = [rouge(by(lines), reference) for meeting in meetings for lines, reference in meeting.parts]
    return sum(scores) / len(scores)


def points(lines: Sequence[Line]) -> list[str]:
    """Return the key points as they are quoted."""
    texts = {each.id: each.text for each in lines}
    return [one_line(texts[point], QUOTE_CHARS) for point in key_points(lines, POINTS)]


def lead(lines: Sequence[Line]) -> list[str]:
    """Return the first three messages."""
    return [one_line(each.text, QUOTE_CHARS) for each in lines[:3]]


def longest(lines: Sequence[Line]) -> list[str]:
    """Return the longest five."""
    return [one_line(text, QUOTE_CHARS) for text in sorted((each.text for each in lines), key=len)[-5:]]


def actions(path: Path) -> tuple[int, int, int]:
    """Return how many marked actions there are, how many are found with the right person, and how many are found."""
    lines: list[Line] = []
    marked: list[tuple[str, int]] = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines()):
        found = _IRC.match(row)
        if found is None or _MACHINE.match(found["nick"]):
            continue
        action = _ACTION.match(found["text"])
        if action:
            marked.append((action["who"].lower(), number))
        elif not found["text"].lower().startswith("[agreed]"):
            lines.append(line(number, found["nick"], found["text"]))
    got = [(str(todo.owner_name or "").lower(), int(todo.id)) for todo in todos(lines)]
    right = sum(any(who == owner and 0 <= at - said <= BEFORE for owner, said in got) for who, at in marked)
    return len(marked), right, len(got)


def cited(meetings: Sequence[Meeting]) -> float:
    """Return the share of quotes that stand in the message they name."""
    good = total = 0
    for meeting in meetings:
        texts = {each.id: each.text for each in meeting.lines}
        quotes = [(each.id, each.quote) for each in (*decisions(meeting.lines), *open_questions(meeting.lines))]
        quotes += [(each.id, each.quote) for each in todos(meeting.lines)]
        total += len(quotes)
        good += sum(quote in texts[each] for each, quote in quotes)
    return good / total


def main(data: Path) -> None:
    """Measure and print."""
    sets = {
        "en": list(english(data / "meetings" / "qmsum-val.jsonl")),
        "zh": list(chinese(data / "meetings" / "vcsum-zh-dev.jsonl")),
    }
    figures: dict[str, float | int | str] = {}
    rows: list[list[str]] = []
    for language, meetings in sets.items():
        hit, false = asked(meetings)
        scores = [summarised(meetings, by) for by in (points, lead, longest)]
        quoted = cited(meetings)
        asked_for = sum(len(meeting.questions) for meeting in meetings)
        shown = [f"{hit:.3f}", f"{false:.3f}", *(f"{score:.3f}" for score in scores), f"{quoted:.3f}"]
        rows.append([language, f"{len(meetings)}", f"{asked_for}", *shown])
        figures |= {f"ask_{language}": hit, f"ask_elsewhere_{language}": false, f"cited_{language}": quoted}
        figures |= {
            f"{name}_{language}": score for name, score in zip(("points", "lead3", "longest5"), scores, strict=True)
        }
    head = ["", "meetings", "questions", "found", "found elsewhere", "key points", "lead-3", "longest-5", "cited"]
    show_table(head, rows)
    marked, right, found = actions(data / "irc" / "ubuntu-meeting.txt")
    say(f"\nactions: {right} of {marked} that people marked are found with the right person, among {found} to-dos")
    show_result({**figures, "actions": marked, "actions_right": right, "todos": found})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
