"""Which servers may take part: deny before allow, globs, addresses; total on junk, and never slow."""

import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies.acl import may_take_part

OURS = "home.example"


@pytest.mark.parametrize(
    ("content", "server", "may"),
    [
        ({"allow": ["*"]}, OURS, True),
        ({"allow": ["*"], "deny": ["home.example"]}, OURS, False),
        ({"allow": ["*"], "deny": ["HOME.*"]}, OURS, False),
        ({"allow": ["*"], "deny": ["*.home.example"]}, OURS, True),
        ({"allow": ["home.exampl?"]}, OURS, True),
        ({"allow": ["home.exampl?"]}, "home.example.org", False),
        ({"allow": ["other.example"]}, OURS, False),
        ({"allow": ["home.example"]}, "home.example:8448", True),
        ({}, OURS, False),
        ({"deny": []}, OURS, False),
        ({"allow": "*"}, OURS, False),
        ({"allow": ["*", 7], "deny": {"a": 1}}, OURS, True),
        ({"allow": ["*"], "allow_ip_literals": False}, "127.0.0.1:8008", False),
        ({"allow": ["*"], "allow_ip_literals": False}, "[::1]:8008", False),
        ({"allow": ["*"], "allow_ip_literals": "no"}, "127.0.0.1", True),
        ({"allow": ["*"], "allow_ip_literals": False}, OURS, True),
    ],
)
def test_a_server_takes_part_if_it_is_allowed_and_not_denied(content: dict[str, Any], server: str, may: bool) -> None:
    """As the specification says."""
    assert may_take_part(content, server) is may


@given(st.text("ab*?.", max_size=8), st.text("ab.", max_size=8))
def test_a_pattern_matches_what_a_glob_matches(pattern: str, server: str) -> None:
    """Held against the standard library's."""
    expected = re.fullmatch(fnmatch.translate(pattern), server) is not None
    assert may_take_part({"allow": [pattern]}, server) is expected


def test_no_pattern_is_slow() -> None:
    """It is a stranger's: with an expression this one would take longer than the universe."""
    assert not may_take_part({"allow": ["*a" * 500 + "b"]}, "a" * 1_000)
