"""Whom the roles of a visit stand for: names of senders, or the words that name somebody. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from circles.core.extract.lines import Line, sender_names
from circles.core.extract.people import Mention, mentioned_people, shown_names
from circles.core.extract.text import fold
from circles.core.extract.visit_frames import ADDRESSEE, SPEAKER, UNKNOWN

_CALLED: Final = re.compile(r"(?:^|[@,，。.!！?？]|\b(?:hi|hey|hello|ok|yes|and|thanks|dear))\W*$")
_CALLED_END: Final = re.compile(r"\W*$|\s*[,，!！:：。.]|\s*(?:你|您|我们|,)|\s*(?:and|&|和|、)\s*\w+,")


class Speakers:
    """The people of a window: who speaks, who is called, who is named."""

    def __init__(self, lines: Sequence[Line], people: Mapping[str, str] | None) -> None:
        self.names = sender_names(lines, people)
        self.known = shown_names(lines)
        self._sender = {line.id: line.sender for line in lines}

    def name(self, line: Line) -> str:
        """Return the name of who wrote a line."""
        return self.names.get(line.sender, UNKNOWN)

    def role(self, role: str, line: Line, you: str) -> str:
        """Return a role of a frame as a name: the speaker's, the addressee's, or its own words."""
        return role.replace(SPEAKER, self.name(line)).replace(ADDRESSEE, you)

    def mentions(self, line: Line) -> tuple[Mention, ...]:
        """Return who is named in a line."""
        return mentioned_people(line.text, self.names, self.known)

    def said(self, mention: Mention) -> str:
        """Return the name of a mention: the member's, or the words."""
        return self.names.get(mention.user_id or "", mention.said)

    def called(self, line: Line) -> list[Mention]:
        """Return whom a line calls by name: "Luke, …", @小军."""
        low = fold(line.text)
        return [
            mention
            for mention in self.mentions(line)
            if _CALLED.search(low, 0, mention.start) and _CALLED_END.match(low, mention.end)
        ]

    def addressed(self, line: Line) -> str | None:
        """Return to whom a line speaks by a reply or by name, or None."""
        replied = self._sender.get(line.reply_to or "")
        if replied is not None and replied != line.sender:
            return self.names.get(replied, UNKNOWN)
        called = self.called(line)
        return self.said(called[0]) if called else None

    def only_other(self, line: Line) -> str:
        """Return the name of the one other person of the window, or "?"."""
        others = set(self._sender.values()) - {line.sender}
        return self.names.get(others.pop(), UNKNOWN) if len(others) == 1 else UNKNOWN

    def answering_who(self, line: Line) -> str | None:
        """Return who a line names in answer to "who?": the speaker for "we", else somebody mentioned."""
        if re.search(r"我|\b(?:i|we|me)\b", fold(line.text)):
            return self.name(line)
        named = [each for each in self.mentions(line) if each.user_id != line.sender]
        return self.said(named[0]) if named else None
