"""How good the answers without a model are, on real talk and on labelled chats: `benchmarks/quality.py [FOLDER]`.

FOLDER (`../shared` unless said) holds `data/meetings/qmsum-val.jsonl` (QMSum, English), `vcsum-zh-dev.jsonl` beside it
(VCSum, Chinese) and `data/irc/ubuntu-meeting.txt` (marked by hand with [ACTION] lines, which are taken out before it
is looked at).  The chats beside this file, `labelled.jsonl`, were written and labelled by somebody who saw none of the
rules; those that are marked as seen were looked at while rules were written since, and stand in the table alone.
Prints two tables and a RESULT line:

- search: of questions whose answering lines are known, the share with one of them among the first four; and how often
  the same question finds anything in a meeting that is about something else.  For Chinese a segment's headline is
  asked for in its whole meeting.
- rouge_l: ROUGE-L F1 against the reference, of the key points, of the first three messages and of the longest five,
  each cut as a post quotes it.
- links: the share of all quotes that stand word for word in the message they link to.
- todo, decision: on the labelled chats, how many of those that are there are found, how many of those found are there,
  and how many of the to-dos that are found are given to the right person.
- actions: of those that people marked in a real meeting, the ones that are found with the right person in the talk just
  before.  Where those of the meeting before are gone through, nothing in the talk says them.
"""

import itertools
import json
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circles.core.extract import Line, decisions, key_points, open_questions, search, todos
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


def words(text: str) -> list[str]:
    """Cut a text as ROUGE counts it: words in lower case, Chinese by the character."""
    return re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text.lower())


def rouge_l(said: Sequence[str], reference: str) -> float:
    """Return ROUGE-L F1: how long a row of words both have in the same order, others between them or not."""
    ours, theirs = words(" ".join(said)), words(reference)
    places: dict[str, int] = {}
    for place, word in enumerate(ours):
        places[word] = places.get(word, 0) | 1 << place
    # The longest common subsequence, a row of the table in one number (Hyyro 2004, "Bit-parallel LCS-length").
    row = (1 << len(ours)) - 1
    for word in theirs:
        met = row & places.get(word, 0)
        row = ((row + met) | (row - met)) & ((1 << len(ours)) - 1)
    both = len(ours) - row.bit_count()
    return 2 * both / max(len(ours) + len(theirs), 1)


def summarised(meetings: Sequence[Meeting], by: Callable[[Sequence[Line]], Sequence[str]]) -> float:
    """Return the mean ROUGE over all parts that have a summary."""
    scores = [rouge_l(by(lines), reference) for meeting in meetings for lines, reference in meeting.parts]
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


@dataclass(frozen=True)
class Share:
    """How many of what people marked are found, and how many of what is found they marked."""

    marked: int = 0
    found: int = 0
    right: int = 0
    person: int = 0

    def and_then(self, marked: int, found: int, right: int, person: int = 0) -> "Share":
        """Count one chat more."""
        return Share(self.marked + marked, self.found + found, self.right + right, self.person + person)

    @property
    def figures(self) -> tuple[float, float, float]:
        """Recall, precision, and of those found the share with the right person."""
        return self.right / max(self.marked, 1), self.right / max(self.found, 1), self.person / max(self.right, 1)


def labelled(path: Path, languages: Sequence[str], *, seen: bool) -> tuple[Share, Share]:
    """Return how the decisions and the to-dos of the labelled chats are found."""
    of_decisions, of_todos = Share(), Share()
    for row in path.read_text(encoding="utf-8").splitlines():
        given: dict[str, Any] = json.loads(row)
        if given["seen"] is not seen or given["language"] not in languages:
            continue
        lines = tuple(line(at * 60, said["who"], said["text"]) for at, said in enumerate(given["chat"]))
        wanted = [{str(at * 60) for at in accepted} for accepted in given["decisions"]]
        got = [each.id for each in decisions(lines)]
        of_decisions = of_decisions.and_then(
            len(wanted), len(got), sum(any(each in accepted for each in got) for accepted in wanted)
        )
        tasks = [({str(at * 60) for at in task["lines"]}, task["owner"]) for task in given["todos"]]
        found = todos(lines)
        met = [(owner, [each for each in found if each.id in accepted]) for accepted, owner in tasks]
        person = sum(any(each.owner_name == owner for each in near) for owner, near in met if near)
        of_todos = of_todos.and_then(len(tasks), len(found), sum(bool(near) for _, near in met), person)
    return of_decisions, of_todos


def main(folder: Path) -> None:
    """Measure and print."""
    data = folder / "data"
    sets = {
        "en": list(english(data / "meetings" / "qmsum-val.jsonl")),
        "zh": list(chinese(data / "meetings" / "vcsum-zh-dev.jsonl")),
    }
    figures: dict[str, float | int | str] = {}
    more: dict[str, float | int | str] = {}
    rows: list[list[object]] = []
    links: list[float] = []
    for language, meetings in sets.items():
        hit, false = asked(meetings)
        scores = [summarised(meetings, by) for by in (points, lead, longest)]
        links.append(cited(meetings))
        asked_for = sum(len(meeting.questions) for meeting in meetings)
        shown = [f"{hit:.3f}", f"{false:.3f}", *(f"{score:.3f}" for score in scores), f"{links[-1]:.3f}"]
        rows.append([language, f"{len(meetings)}", f"{asked_for}", *shown])
        names = ("rouge_l", "lead3", "longest5")
        figures |= {f"{name}_{language}": score for name, score in zip(names, scores, strict=True)}
        more |= {f"search_hit_{language}": hit, f"search_elsewhere_{language}": false}
    head = ["", "meetings", "questions", "found", "found elsewhere", "key points", "lead-3", "longest-5", "links"]
    show_table(head, rows)
    say()
    chats = Path(__file__).parent / "labelled.jsonl"
    found_there: list[list[object]] = []
    for language, seen in itertools.product(sets, (True, False)):
        agreed, tasks = labelled(chats, [language], seen=seen)
        looked = "seen" if seen else "unseen"
        found_there.append([language, f"decisions, {looked}", agreed.marked, agreed.found, agreed.right, ""])
        found_there.append([language, f"to-dos, {looked}", tasks.marked, tasks.found, tasks.right, tasks.person])
    show_table(["", "labelled chats", "marked", "found", "of these marked", "right person"], found_there)
    agreed, tasks = labelled(chats, tuple(sets), seen=False)
    marked, right, found = actions(data / "irc" / "ubuntu-meeting.txt")
    say(f"\nactions: {right} of {marked} that people marked are found with the right person, among {found} to-dos")
    recall, precision, person = tasks.figures
    figures |= {"links_valid": min(links), "todo_recall": recall, "todo_precision": precision, "todo_person": person}
    recall, precision, _ = agreed.figures
    figures |= {"decision_recall": recall, "decision_precision": precision}
    show_result(figures | more | {"actions": marked, "actions_right": right})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared"))
