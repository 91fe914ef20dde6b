"""The gate's table of requests: what is not in it does not exist for the AI."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_plugin.gate.routes import ROUTES, Treatment, find

_ROOM = "/_matrix/client/v3/rooms/%21a%3Ahome"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{_ROOM}/context/%24b"),
        ("GET", f"{_ROOM}/members"),
        ("GET", "/_matrix/client/v1/rooms/%21a/relations/%24b"),
        ("GET", "/_matrix/client/v1/rooms/%21a/threads"),
        ("POST", "/_matrix/client/v3/search"),
        ("GET", "/_matrix/client/v3/events"),
        ("GET", "/_matrix/client/v1/media/thumbnail/home/abc"),
        ("GET", "/_matrix/media/v3/download/home/abc"),
        ("POST", "/_matrix/client/v3/login"),
        ("GET", "/_synapse/admin/v2/users"),
        ("POST", f"{_ROOM}/messages"),
        ("DELETE", f"{_ROOM}/event/%24b"),
        ("GET", "/_matrix/client/v3/rooms/../account/whoami"),
        ("GET", f"{_ROOM}/event/.."),
        ("GET", f"{_ROOM}/event/%24b/../../messages"),
    ],
)
def test_other_ways_to_read_do_not_exist(method: str, path: str) -> None:
    """No search, context, relations, threads, login or admin call, and no path that becomes another on its way."""
    assert find(method, path) is None


def test_holes_are_filled_unquoted() -> None:
    """A room id that holds a slash or a colon is one part, read as it was before quoting."""
    found = find("GET", f"{_ROOM}%2Fb/event/%24c%2Fd")

    assert found is not None
    assert found.route.treatment is Treatment.EVENT
    assert found.parts == {"room_id": "!a:home/b", "event_id": "$c/d"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_every_line_of_the_table_is_found_by_its_own_template(route: object) -> None:
    """No line shadows another: a request made from a template is treated as that line says."""
    chosen = next(each for each in ROUTES if each is route)
    path = chosen.template
    for hole in ("room_id", "event_id", "user_id", "device_id", "type", "state_key", "txn_id", "alias"):
        path = path.replace(f"{{{hole}}}", "x")
    path = path.replace("{appservice_id}", "x").replace("{server_name}", "x").replace("{media_id}", "x")

    found = find(chosen.method, path)

    assert found is not None
    assert found.route == chosen


@given(st.sampled_from(ROUTES), st.text(alphabet=string.ascii_letters + "/.%?#", min_size=1, max_size=8))
def test_nothing_longer_than_a_line_is_that_line(line: object, more: str) -> None:
    """Whatever is hung onto a template with a slash is another request."""
    route = next(each for each in ROUTES if each is line)
    base = route.template.replace("{", "").replace("}", "")

    found = find(route.method, f"{base}/{more}/x/y")

    assert found is None or found.route != route
