"""The tables that every part may read: rooms, members, policies, marks, the AI's own posts and what they rest on.

No column here holds message text, a display name, a room name or a topic: those are asked of the homeserver when
needed.
Instants are milliseconds since the epoch. Features add tables of their own to `metadata` in their `store.py`;
journal, outbox, kept messages and egress rows are in `adapters.store`, which no feature imports.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    false,
    text,
)

from circles.dialects import Serial

IN_THREAD: Final = text("thread IS NOT NULL")
"""What a partial index of threads holds: most messages stand in none, and cost it nothing."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

rooms: Final = Table(
    "rooms",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("direct", Boolean, nullable=False, default=False),
    Column("invited_as_direct", Boolean, nullable=False, default=False),
    Column("version", String, nullable=False, default="1"),
    Column("create", JSON, nullable=False),
    Column("levels", JSON),
    Column("encrypted", Boolean, nullable=False, default=False),
    Column("membership", String, nullable=False, default="leave"),
    Column("inviter", String),
    Column("invite_event", String),
    Column("invited_at", BigInteger),
    Column("filled", Boolean, nullable=False, default=False),
    Column("language", String),
    Column("zone", String),
    Column("quiet", JSON),
    Column("dial", String),
    Column("names", JSON, nullable=False),
    Column("number", Integer, unique=True),
    Column("generation", Integer, nullable=False, default=0),
    Column("successor", String),
    Column("shut_out", Boolean, nullable=False, default=False, server_default=false()),
    Column("retention", JSON),
)
"""`invited_as_direct` is what an invite claims; `direct` is so only once the room's state shows two people.
`retention` is what its `m.room.retention` said over time (`circles_policies.retention`), None: nothing yet.
`quiet` holds the room's quiet hours (`core.quiet`), None: none. `dial`: how much it wants to hear unasked
(`core.voice`).
`generation` grows whenever something tightens: an answer made under an older one is made again before it is sent."""

members: Final = Table(
    "members",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("membership", String, nullable=False, default="join"),
    Column("joined_at", BigInteger, nullable=False, default=0),
    Column("level", String, nullable=False, default="none"),
    Column("kept_out", Boolean, nullable=False, default=False),
    Column("since", BigInteger),
    Column("consented_since", BigInteger),
    Column("addressed_since", BigInteger, nullable=False, default=0),
    Column("because", String),
    Column("at_gate", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "user_id"),
    Index(None, "at_gate"),
)
"""`room_id` '' holds what a person chose for every circle, applied to rooms they join later. `because`: the event in
which
somebody last chose; `at_gate`: whether the homeserver's gate has stored the row as it stands (gated mode only).
"""

people: Final = Table(
    "people",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("direct_room", String),
    Column("zone", String),
    Column("language", String),
)

policies: Final = Table(
    "policies",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("room_id", String, nullable=False),
    Column("content", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("by", String),
    Column("authority", String),
    Column("written", Boolean, nullable=False, default=False),
    Column("proposal", String),
    Column("option", String),
    Column("asked_at", BigInteger, nullable=False),
    Column("starts_at", BigInteger),
    Column("ends_at", BigInteger),
    Index(None, "room_id", "state"),
)
"""One row a policy that was asked for. state: waiting, in_force, ended, withdrawn. `authority` is the person's own
event;
`written`: it is the policy state event itself, so that redacting it redacts the policy. `proposal` and `option`: the
notice
of the AI's and the reaction on it that asked, where a tap did.
"""

marks: Final = Table(
    "marks",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("by", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("reaction", String),
    Column("at", BigInteger, nullable=False),
    Index(None, "reaction"),
)

threads: Final = Table(
    "threads",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("root", String, primary_key=True),
)
"""Threads the AI was called into."""

off_record: Final = Table(
    "off_record",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("thread", String),
    Column("by", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Index(None, "room_id"),
    Index(None, "by", "since"),
)
"""One row a stretch off the record, by the word that asked for it; it is never deleted, only ended. No `thread`: the
room's talk; no `until`: it still holds."""

posts: Final = Table(
    "posts",
    metadata,
    Column("effect_id", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("about", String, nullable=False),
    Column("event_id", String, unique=True),
    Column("root", String),
    Column("kind", String, nullable=False),
    Column("feature", String, nullable=False),
    Column("subject", String, nullable=False, default=""),
    Column("asker", String),
    Column("answers", String),
    Column("thread", String),
    Column("remake", JSON),
    Column("language", String),
    Column("state", String, nullable=False, default="final"),
    Column("at", BigInteger, nullable=False),
    Index(None, "room_id", "kind"),
    Index(None, "answers"),
    Index(None, "root"),
)
"""What the AI said: an edit has its post's effect id as `root`. state: open (a placeholder), final, gone (redacted),
found (stands in its room, and was written by a database that is lost), unsaid (it did not fit into the day's voice).

`about` is the circle it speaks of, which for a private answer is not the room it stands in.
"""

sources: Final = Table(
    "sources",
    metadata,
    Column("effect_id", String, ForeignKey("posts.effect_id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("sender", String, nullable=False, default=""),
    Column("at", BigInteger, nullable=False, default=0),
    Column("thread", String),
    Column("to_ai", Boolean, nullable=False, default=True),
    Column("room_id", String),
    Index(None, "event_id"),
    Index("ix_sources_thread", "thread", sqlite_where=IN_THREAD, postgresql_where=IN_THREAD),
)
"""`at`, `thread` and `to_ai` (said to the AI, so no talk) are of the message: what is off the record later is found by
them. `room_id`: where it stands, if that is not the room the post is about."""

unsaid: Final = Table(
    "unsaid",
    metadata,
    Column("effect_id", String, ForeignKey("posts.effect_id", ondelete="CASCADE"), primary_key=True),
    Column("brief", String, nullable=False),
)
"""Unasked posts that wait for the digest, each as one line of the AI's own, which is never message text."""

wakes: Final = Table(
    "wakes",
    metadata,
    Column("feature", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("payload", JSON, nullable=False),
    Index(None, "due"),
)

upgrades: Final = Table(
    "upgrades",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("replacement", String, nullable=False),
    Column("tombstone", String, nullable=False),
    Column("by", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("followed_at", BigInteger),
    Index(None, "tombstone"),
)
"""One row a room that was upgraded, by a tombstone that counts; `rooms.successor` of the same room names the new one.
`followed_at`: when what is held for it went along, once."""

voice: Final = Table(
    "voice",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("posts", Integer, nullable=False, default=0),
)

quota: Final = Table(
    "quota",
    metadata,
    Column("day", String, primary_key=True),
    Column("room_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("commands", Integer, nullable=False, default=0),
    Column("model_calls", Integer, nullable=False, default=0),
    Column("tokens", Integer, nullable=False, default=0),
    Column("told_model", Boolean, nullable=False, default=False, server_default=false()),
    Column("told_answers", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "user_id", "day"),
)
"""What a person used in a room on a day (UTC). `commands`: calls of theirs that were answered. `told_…`: they heard
that the budget for the model, or for answers, is used up.
"""
