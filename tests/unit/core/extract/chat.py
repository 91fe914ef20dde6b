"""A conversation as a test writes it, and the lines it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from circles.core.extract import Line

MINUTE = 60_000


@dataclass(frozen=True)
class Chat:
    """A conversation of "name: text" rows, and what is in it; line n has the id "$n".

    Attributes:
        todos: pairs of line and owner.
        visits: who, whom and when; a part of the words is enough.
    """

    text: str
    decisions: tuple[str, ...] = ()
    todos: tuple[tuple[str, str | None], ...] = ()
    questions: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()
    visits: tuple[tuple[str, str, str], ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """The rows as lines, a minute apart."""
        return talk(self.text)


def talk(text: str, replies: dict[str, str] | None = None) -> tuple[Line, ...]:
    """Return the lines of "name: text" rows; `replies` maps the id of a line to the id it answers."""
    rows = [row.split(":", 1) for row in dedent(text).strip().splitlines()]
    return tuple(
        Line(
            id=f"${at}",
            sender=f"@{name.strip().lower()}:example.org",
            name=name.strip(),
            at=at * MINUTE,
            text=words.strip(),
            reply_to=(replies or {}).get(f"${at}"),
        )
        for at, (name, words) in enumerate(rows)
    )
