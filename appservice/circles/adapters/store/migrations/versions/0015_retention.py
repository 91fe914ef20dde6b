"""What rooms say about retention.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retention", sa.JSON(), nullable=True))

    # Nobody listened until now, so what each room says is read: one a second, first those of which something is kept.
    wakes = sa.table(
        "wakes",
        sa.column("feature", sa.String()),
        sa.column("key", sa.String()),
        sa.column("room_id", sa.String()),
        sa.column("due", sa.BigInteger()),
        sa.column("payload", sa.JSON()),
    )
    found = op.get_bind().execute(
        sa.text(
            "SELECT room_id FROM rooms WHERE membership = 'join' AND filled "
            "AND NOT EXISTS (SELECT 1 FROM wakes WHERE feature = 'spine' AND key = 'reread:' || rooms.room_id) "
            "ORDER BY CASE WHEN room_id IN (SELECT room_id FROM messages) THEN 0 ELSE 1 END, room_id"
        )
    )
    now = int(time.time() * 1000)
    rows: list[dict[str, Any]] = [
        {"feature": "spine", "key": f"reread:{room_id}", "room_id": room_id, "due": now + place * 1000, "payload": {}}
        for place, (room_id,) in enumerate(found)
    ]
    op.bulk_insert(wakes, rows)
