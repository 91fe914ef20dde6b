"""Stretches off the record, and where and when what an answer rests on was said.

Of answers from before nobody knows: a thread put off the record later finds them only where they stand in it.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IN_THREAD = sa.text("thread IS NOT NULL")


def upgrade() -> None:
    """Bring the tables up."""
    op.create_table(
        "off_record",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_off_record")),
    )
    op.create_index(op.f("ix_off_record_room_id"), "off_record", ["room_id"])
    op.create_index(op.f("ix_off_record_by_since"), "off_record", ["by", "since"])
    with op.batch_alter_table("threads") as threads:
        threads.drop_column("off_record")
    with op.batch_alter_table("journal") as journal:
        journal.add_column(sa.Column("thread", sa.String(), nullable=True))
    with op.batch_alter_table("sources") as sources:
        sources.add_column(sa.Column("at", sa.BigInteger(), nullable=False, server_default="0"))
        sources.add_column(sa.Column("thread", sa.String(), nullable=True))
        sources.add_column(sa.Column("to_ai", sa.Boolean(), nullable=False, server_default=sa.true()))
    for table in ("journal", "sources"):
        op.create_index(f"ix_{table}_thread", table, ["thread"], sqlite_where=IN_THREAD, postgresql_where=IN_THREAD)
