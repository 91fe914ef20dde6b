"""Taking one guard off a program, from outside: no setting of it can."""

from __future__ import annotations

from collections.abc import Callable

Replace = Callable[[object, str, object], None]
"""Puts something in the place of what an object has under a name; a test's own puts it back afterwards."""


def replace(owner: object, name: str, by: object) -> None:
    """Put something in the place of a function or value that is there.

    Raises:
        AttributeError: it is not there any more, so the guard is somewhere else now.
    """
    getattr(owner, name)
    setattr(owner, name, by)
