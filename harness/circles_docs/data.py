"""docs/reference/data.md: every table and column, and which may hold what people wrote."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from circles import adapters
from circles.adapters.store import egress, purges, quarantine, tables
from circles.facts.tables import metadata
from circles.registry import FEATURES
from circles_docs.markdown import code, codes, head, table

TEXT: Final = {
    "journal.payload": "an event that waits to be handled; emptied in the commit that handles it",
    "outbox.payload": "a post that waits to be sent; emptied once it is sent or given up",
    "messages.text": "a kept message, where the policy keeps messages, until its day or "
    "the end that the room's `m.room.retention` sets, or until it is taken back",
    "notes.text": "what someone asked to keep, until it is dropped or taken back",
    "reminders.text": "what someone asked to be told, until it is done, cancelled or taken back",
    "reminder_pending.text": "a reminder that waits for an answer (which hour, which zone), for a day",
}
"""The columns that may hold words of people, and for how long."""

_INTRO = """\
One SQLite file and its write-ahead log, mode 0600 in a folder of mode 0700; or a database in PostgreSQL.
What people wrote stands in the columns of the first list and nowhere else;
the full-text index `messages_text` holds the words of `messages`.
No column holds a display name, a room's name or a topic: those are asked of the homeserver and kept in memory for
two minutes.

Instants are milliseconds since the epoch.
In SQLite deleted bytes are overwritten (`secure_delete`), and the write-ahead log is emptied every
`timing.checkpoint_seconds`. PostgreSQL is vacuumed as often: see [what that promises](../howto/postgresql.md)."""


def page() -> str:
    """Return the page."""
    text = head("Data", _INTRO) + "\n## Where words may stand\n\n"
    text += table(("column", "what, and for how long"), [(code(name), meaning) for name, meaning in TEXT.items()])
    text += "\n## Every table\n\n"
    rows = [(code(each.name), codes(column.name for column in each.columns)) for each in every_table()]
    return text + table(("table", "columns"), rows)


def every_table() -> list[Table]:
    """Return all tables, by name."""
    # Each of these modules adds its tables to the metadata when it is imported.
    _ = adapters, egress, purges, quarantine, tables, FEATURES
    return sorted(metadata.tables.values(), key=lambda each: each.name)
