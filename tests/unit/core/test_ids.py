"""Identifiers and the links people follow."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.ids import EventID, RoomID, UserID, event_link, room_link, server_of, user_link


@pytest.mark.parametrize(
    ("identifier", "server"),
    [
        ("@mei:home.example", "home.example"),
        ("@mei:localhost:8448", "localhost:8448"),
        ("@mei:[::1]:8448", "[::1]:8448"),
        ("!room-of-version-12", ""),
    ],
)
def test_the_server_of_an_identifier(identifier: str, server: str) -> None:
    """All after the first colon; rooms of version 12 have none."""
    assert server_of(identifier) == server


def test_links_keep_what_clients_look_for() -> None:
    """Sigils and colons stay; all else is escaped; `via` lets other servers' members follow."""
    assert room_link("#circle-7:home.example") == "https://matrix.to/#/#circle-7:home.example"
    assert room_link("!abc", ("home.example", "far.example:8448")) == (
        "https://matrix.to/#/!abc?via=home.example&via=far.example%3A8448"
    )
    assert event_link(RoomID("!abc"), EventID("$a/b+c"), ("home.example",)) == (
        "https://matrix.to/#/!abc/$a%2Fb%2Bc?via=home.example"
    )
    assert user_link(UserID("@mei:home.example")) == "https://matrix.to/#/@mei:home.example"


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_no_identifier_breaks_out_of_its_link(room: str, event: str) -> None:
    """A link stays one link, whatever a remote server calls its rooms and events."""
    link = event_link(RoomID("!" + room), EventID("$" + event), ("home.example",))

    assert re.fullmatch(r"https://matrix\.to/#/![^/?#\s\"'<>]*/\$[^/?#\s\"'<>]*\?via=home\.example", link)
