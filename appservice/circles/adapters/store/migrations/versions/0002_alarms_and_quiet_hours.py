"""Alarms, and quiet hours.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    with op.batch_alter_table("reminder_pending", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alarm", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("reminders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alarm", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("rings", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quiet", sa.JSON(), nullable=True))
