"""The tables only intake, journal, outbox and kept messages touch: the ones that may hold message text, for as long
as they must.

Instants are milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, and_, literal, text

from circles.dialects import Serial
from circles.facts.tables import IN_THREAD, metadata

IS_EDIT: Final = text("edits IS NOT NULL")
"""What a partial index of edits holds."""

transactions: Final = Table(
    "transactions",
    metadata,
    Column("txn_id", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index(None, "received_at"),
)
"""`digest` is of the event ids: a homeserver whose database was recreated counts its transactions from 1 again."""

journal: Final = Table(
    "journal",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("room_id", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("payload", LargeBinary),
    Column("attempts", Integer, nullable=False, default=0),
    Column("reference", String),
    Column("thread", String),
    Column("session", String),
    Column("edits", String),
    Index("ix_journal_thread", "thread", sqlite_where=IN_THREAD, postgresql_where=IN_THREAD),
    Index("ix_journal_edits", "edits", sqlite_where=IS_EDIT, postgresql_where=IS_EDIT),
)
"""One row an event that passed the gate. state: parked, pending, settled, quarantined. A settled row has no payload.

`thread`: the root of the thread a message stands in; a control word has none. `edits`: the message whose words an edit
replaces.
A parked row is ciphertext that may be opened and is not yet; `session` is the key it waits for.
"""

redactions: Final = Table(
    "redactions",
    metadata,
    Column("redaction", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("redacts", String, nullable=False),
    Column("by_power", Boolean, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index(None, "room_id", "redacts"),
    Index(None, "received_at"),
)
"""One row a redaction that came before what it names. `by_power`: its sender may redact everybody's events there."""

withheld: Final = Table(
    "withheld",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("session", String, primary_key=True),
    Column("code", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Keys that people's devices refused us, and with which code (spec "m.room_key.withheld")."""

UNSETTLED: Final = journal.c.state != literal("settled", literal_execute=True)
"""What is still to be done with an event, or never will be: few rows, with an index of their own.

It is used where a query says this very condition, written out.
"""
Index(None, journal.c.state, journal.c.room_id, journal.c.seq, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
WAITS: Final = and_(UNSETTLED, journal.c.state == "pending")
"""Whether an event is pending."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("lane", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("payload", LargeBinary),
    Column("target", String),
    Column("state", String, nullable=False),
    Column("event_id", String),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "state", "lane", "seq"),
    Index(None, "target"),
)
"""One row a visible effect. `lane` is the room, or the person for whom a direct message is yet to be found.

`target` is the outbox id whose event this one refers to (a seeded reaction, an edit, a pin).
state: pending, sent, refused, cancelled. Rows that are not pending have no payload.
"""

messages: Final = Table(
    "messages",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("event_id", String, nullable=False, unique=True),
    Column("room_id", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("thread", String),
    Column("reply_to", String),
    Column("text", String, nullable=False),
    Column("origin", String),
    Index(None, "room_id", "at"),
    Index(None, "until"),
)
"""Kept messages, where the policy keeps them. Their words are found through `messages_text`: see `circles.dialects`.

`origin` is the room they were written in, where that was upgraded to this one: whether one may be looked at is that
room's to say, and this one's.
"""

erasures: Final = Table(
    "erasures",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("user_id", String, nullable=False),
    Column("room_id", String, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("answers", String),
)
"""One row while a person's kept messages are being deleted: those of one room, or of all of them (room ''), behind the
number `done` and up to `upto`. `answers`: the event whose answer waits for that.
"""

positions: Final = Table(
    "positions",
    metadata,
    Column("name", String, primary_key=True),
    Column("token", String),
    Column("at", BigInteger, nullable=False),
    Column("broken_seq", Integer),
)
"""How far a stream of the homeserver is known to have reached us: its sync token, and when that was taken.

`broken_seq`: the newest journal row when contact broke off, until what was missed since then has been read.
"""
