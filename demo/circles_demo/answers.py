"""An answer of the AI as a person sees it: its lines, and where its links lead. Pure.

Reads what stands in the event, HTML and plain, as a client does; imports nothing of the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import unquote

from circles_demo.conversation import Expect

AI_MARK: Final = "io.github.matrix_circles.ai"
_LINK: Final = re.compile(r"https://matrix\.to/#/(?P<room>![^/?\s\"]+)/(?P<event>\$[^?\s\"<)]+)")
_ITEM: Final = ("•", "☐", "☑", "- ")
_BREAKS: Final = frozenset({"br", "p", "li", "ul", "div", "details", "summary", "blockquote"})

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads."""

    room: str
    event: str


@dataclass(slots=True)
class Row:
    """One line of an answer."""

    text: str = ""
    links: list[Link] = field(default_factory=list[Link])
    folded: bool = False

    @property
    def is_item(self) -> bool:
        """Whether it is one of a list's lines; what is folded away lists the sources once more."""
        return self.text.startswith(_ITEM) and not self.folded


@dataclass(frozen=True, slots=True)
class Answer:
    """What the AI said, in its latest words."""

    event_id: str
    kind: str
    body: str
    rows: tuple[Row, ...]
    sources: tuple[str, ...]

    @property
    def items(self) -> tuple[Row, ...]:
        """The lines with a bullet or a box."""
        return tuple(row for row in self.rows if row.is_item)

    @property
    def links(self) -> tuple[Link, ...]:
        """Every link, once."""
        return tuple(dict.fromkeys(link for row in self.rows for link in row.links))

    @property
    def cited(self) -> frozenset[str]:
        """The messages it rests on as far as it says."""
        return frozenset(self.sources) | {link.event for link in self.links}


def read(event: Event, root: str | None = None) -> Answer:
    """Read an event of the AI's; of an edit what it now says, under the post's own id."""
    content: Event = event["content"].get("m.new_content", event["content"])
    mark: Event = content.get(AI_MARK, {})
    body = str(content.get("body", ""))
    html = content.get("formatted_body")
    return Answer(
        event_id=root or str(event["event_id"]),
        kind=str(mark.get("kind", "")),
        body=body,
        rows=_rows(str(html)) if html else _plain(body),
        sources=tuple(mark.get("sources", ())),
    )


def shown(answer: Answer) -> str:
    """Return an answer as a person reads it: without the addresses that only the plain form spells out."""
    rows = [row.text for row in answer.rows if not row.folded]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).strip()


def misses(answer: Answer, expect: Expect) -> tuple[str, ...]:
    """Return what does not hold of an answer's form."""
    wrong: list[str] = []
    if len(answer.items) < expect.lines_min:
        wrong.append(f"{len(answer.items)} lines, at least {expect.lines_min} expected")
    if expect.lines_max is not None and len(answer.items) > expect.lines_max:
        wrong.append(f"{len(answer.items)} lines, at most {expect.lines_max} expected")
    if len(answer.links) < expect.links_min:
        wrong.append(f"links to {len(answer.links)} messages, at least {expect.links_min} expected")
    if expect.each_linked:
        wrong += [f"a line without a link: {row.text}" for row in answer.items if not row.links]
    return tuple(wrong)


def unsaid(answer: Answer, expect: Expect) -> tuple[str, ...]:
    """Return what an answer was expected to say and does not, or the other way round; a model words things anew."""
    text = shown(answer).casefold()
    wrong = [f"does not say “{each}”" for each in expect.contains if each.casefold() not in text]
    wrong += [f"says “{each}”" for each in expect.lacks if each.casefold() in text]
    lines = [row.text.casefold() for row in answer.items]
    for words in expect.lines_with:
        if not any(all(word.casefold() in line for word in words) for line in lines):
            wrong.append(f"no line with {' + '.join(words)}")
    return tuple(wrong)


def _plain(body: str) -> tuple[Row, ...]:
    return tuple(Row(line, _links(line)) for line in body.splitlines())


def _links(text: str) -> list[Link]:
    return [Link(unquote(found["room"]), unquote(found["event"])) for found in _LINK.finditer(text)]


def _rows(html: str) -> tuple[Row, ...]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return tuple(Row(" ".join(row.text.split()), row.links, row.folded) for row in reader.rows)


class _Reader(HTMLParser):
    """Takes HTML apart into lines."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = [Row()]
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "details":
            self._depth += 1
        if tag in _BREAKS:
            self.rows.append(Row(folded=self._depth > 0))
        if tag == "a":
            self.rows[-1].links += _links(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._depth -= 1
            self.rows.append(Row())

    def handle_data(self, data: str) -> None:
        self.rows[-1].text += data
