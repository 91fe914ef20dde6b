"""Hypothesis strategies for the values of `circles_policies`, and for the junk a federation can send."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from circles_policies import (
    Actor,
    Ceiling,
    Keep,
    Level,
    Mark,
    Member,
    Policy,
    Reach,
    Read,
    Request,
    Retention,
    Right,
    Scopes,
    Store,
    When,
    Who,
    preset_of,
)

DAY: Final = 24 * 3_600_000
AI: Final = "@circle:home.example"

instants = st.integers(min_value=0, max_value=60 * DAY)
"""Few enough days for windows and watermarks to be hit from both sides."""

reads = st.builds(
    Read,
    who=st.sampled_from(Who),
    when=st.sampled_from(When),
    hours=st.none() | st.integers(min_value=1, max_value=24 * 40),
    messages=st.none() | st.integers(min_value=1, max_value=20),
)


@st.composite
def stores(draw: st.DrawFn) -> Store:
    """Draw what may stay, with days only where they mean something."""
    keep = draw(st.sampled_from(Keep))
    days = st.integers(min_value=1, max_value=60)
    if keep is Keep.MESSAGES:
        return Store(keep=keep, days=draw(days))
    return Store(keep=keep, days=draw(st.none() | days) if keep is Keep.DERIVED else None)


models = st.sampled_from((None, "house", "cloud"))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw a policy whose label, if it has one, is true."""
    policy = Policy(
        trigger=draw(st.booleans()),
        read=draw(reads),
        store=draw(stores()),
        send=draw(st.sampled_from(Reach)),
        model=draw(models),
        act=draw(st.sampled_from(Actor)),
    )
    return policy.model_copy(update={"preset": preset_of(policy)})


members = st.builds(
    Member,
    level=st.sampled_from(Level),
    kept_out=st.booleans(),
    since=st.none() | instants,
    addressed_since=st.just(0) | instants,
    consented_since=st.none() | instants,
)
marks = st.sampled_from(Mark)
ceilings = st.builds(
    Ceiling,
    read=st.sampled_from(Who),
    keep=st.sampled_from(Keep),
    days=st.none() | st.integers(min_value=1, max_value=60),
    send=st.sampled_from(Reach),
    act=st.sampled_from(Actor),
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Draw a question about a message, asked when it was written or later."""
    at = draw(instants)
    return Request(
        right=draw(st.sampled_from(Right)),
        at=at,
        now=at + draw(st.just(0) | instants),
        addressed=draw(st.booleans()),
        called=draw(st.booleans()),
        position=draw(st.integers(min_value=0, max_value=30)),
        keep=draw(st.sampled_from(Keep)),
        reach=draw(st.sampled_from(Reach)),
        actor=draw(st.sampled_from(Actor)),
        automatic=draw(st.booleans()),
        model=draw(models),
    )


rooms = st.lists(policies(), max_size=3).map(tuple)
retentions = st.builds(Retention, max_lifetime=st.none() | instants, unreadable=st.booleans())
scopes = st.builds(Scopes, room=rooms, member=members, mark=marks, operator=ceilings, retention=retentions)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
"""Any JSON value."""

_TYPES: Final = (
    "m.room.message",
    "m.room.encrypted",
    "m.room.member",
    "m.room.redaction",
    "m.reaction",
    "m.room.create",
    "m.room.power_levels",
    "m.room.topic",
    "m.sticker",
    "io.github.matrix_circles.policy",
    "com.example.unknown",
)
_WORDS: Final = ("!circle help", "Circle: summarise", "@小圈 停", "off the record: hush", "good morning", "")
_relations = st.fixed_dictionaries(
    {},
    optional={
        "rel_type": st.sampled_from(("m.replace", "m.thread", "m.annotation", "m.reference")) | junk,
        "event_id": st.sampled_from(("$ai", "$other")) | junk,
        "key": st.sampled_from(("🙈", "👍")) | junk,
        "is_falling_back": st.booleans() | junk,
        "m.in_reply_to": st.just({"event_id": "$ai"}) | junk,
    },
)
_contents = st.fixed_dictionaries(
    {},
    optional={
        "msgtype": st.sampled_from(("m.text", "m.notice")) | junk,
        "body": st.sampled_from(_WORDS) | junk,
        "formatted_body": st.text(max_size=60) | junk,
        "membership": st.sampled_from(("join", "leave", "invite")) | junk,
        "reason": junk,
        "redacts": st.just("$other") | junk,
        "m.mentions": st.just({"user_ids": [AI]}) | junk,
        "m.relates_to": _relations | junk,
        "m.new_content": st.just({"body": "!circle out"}) | junk,
        "displayname": junk,
    },
)
events = (
    st.fixed_dictionaries(
        {
            "event_id": st.just("$e"),
            "sender": st.sampled_from(("@mei:home.example", AI)),
            "type": st.sampled_from(_TYPES),
        },
        optional={
            "room_id": st.just("!r"),
            "state_key": st.sampled_from(("", AI, "@mei:home.example")) | junk,
            "origin_server_ts": st.integers(min_value=-5, max_value=60 * DAY) | junk,
            "content": _contents | junk,
            "redacts": st.just("$other") | junk,
            "unsigned": st.dictionaries(
                st.sampled_from(("prev_content", "m.relations", "redacted_because", "invite_room_state", "age")), junk
            )
            | junk,
            "secret_extra": junk,
        },
    )
    | st.dictionaries(st.text(max_size=12), junk, max_size=5)
    | junk
)
"""Events in client format, well-formed, nearly so, or not at all."""
