"""First schema.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the tables up."""
    op.create_table(
        "approvals",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reaction", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("subject", "user_id", name=op.f("pk_approvals")),
    )
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approvals_reaction"), ["reaction"], unique=False)

    op.create_table(
        "banners",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("effect_id", sa.String(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_banners")),
    )
    op.create_table(
        "digests",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("next_due", sa.BigInteger(), nullable=False),
        sa.Column("last_sent", sa.BigInteger(), nullable=False),
        sa.Column("untouched", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_digests")),
    )
    op.create_table(
        "egress",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("asker", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("policy_id", SERIAL, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_egress")),
    )
    with op.batch_alter_table("egress", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_egress_asker_at"), ["asker", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_egress_room_id_at"), ["room_id", "at"], unique=False)

    op.create_table(
        "journal",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
        sa.UniqueConstraint("event_id", name=op.f("uq_journal_event_id")),
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_journal_state_room_id_seq"), ["state", "room_id", "seq"], unique=False)

    op.create_table(
        "marks",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reaction", sa.String(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "event_id", "by", name=op.f("pk_marks")),
    )
    with op.batch_alter_table("marks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_marks_reaction"), ["reaction"], unique=False)

    op.create_table(
        "members",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("membership", sa.String(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("kept_out", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("consented_since", sa.BigInteger(), nullable=True),
        sa.Column("addressed_since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "user_id", name=op.f("pk_members")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_members_user_id"), ["user_id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("reply_to", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_messages")),
        sa.UniqueConstraint("event_id", name=op.f("uq_messages_event_id")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messages_room_id_at"), ["room_id", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_until"), ["until"], unique=False)

    op.create_table(
        "notes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("source_event", sa.String(), nullable=False),
        sa.Column("source_sender", sa.String(), nullable=False),
        sa.Column("asked_event", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notes_asked_event"), ["asked_event"], unique=False)
        batch_op.create_index(batch_op.f("ix_notes_author"), ["author"], unique=False)
        batch_op.create_index(batch_op.f("ix_notes_room_id_number"), ["room_id", "number"], unique=False)
        batch_op.create_index(batch_op.f("ix_notes_source_event"), ["source_event"], unique=False)
        batch_op.create_index(batch_op.f("ix_notes_source_sender"), ["source_sender"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_state_lane_seq"), ["state", "lane", "seq"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_target"), ["target"], unique=False)

    op.create_table(
        "people",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("direct_room", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_people")),
    )
    op.create_table(
        "policies",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=True),
        sa.Column("authority", sa.String(), nullable=True),
        sa.Column("written", sa.Boolean(), nullable=False),
        sa.Column("proposal", sa.String(), nullable=True),
        sa.Column("option", sa.String(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policies_room_id_state"), ["room_id", "state"], unique=False)

    op.create_table(
        "posts",
        sa.Column("effect_id", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=True),
        sa.Column("root", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("asker", sa.String(), nullable=True),
        sa.Column("answers", sa.String(), nullable=True),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("remake", sa.JSON(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("effect_id", name=op.f("pk_posts")),
        sa.UniqueConstraint("event_id", name=op.f("uq_posts_event_id")),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_posts_answers"), ["answers"], unique=False)
        batch_op.create_index(batch_op.f("ix_posts_room_id_kind"), ["room_id", "kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_posts_root"), ["root"], unique=False)

    op.create_table(
        "quota",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("commands", sa.Integer(), nullable=False),
        sa.Column("model_calls", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "room_id", "user_id", name=op.f("pk_quota")),
    )
    op.create_table(
        "reminder_pending",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("for_room", sa.Boolean(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("source_event", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_pending")),
    )
    with op.batch_alter_table("reminder_pending", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reminder_pending_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_reminder_pending_source_event"), ["source_event"], unique=False)

    op.create_table(
        "reminders",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("next_due", sa.BigInteger(), nullable=False),
        sa.Column("again", sa.BigInteger(), nullable=True),
        sa.Column("fired_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("for_room", sa.Boolean(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("source_event", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
    )
    with op.batch_alter_table("reminders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reminders_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_reminders_room_id_state"), ["room_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_reminders_source_event"), ["source_event"], unique=False)

    op.create_table(
        "rooms",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("invited_as_direct", sa.Boolean(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("create", sa.JSON(), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=True),
        sa.Column("encrypted", sa.Boolean(), nullable=False),
        sa.Column("membership", sa.String(), nullable=False),
        sa.Column("inviter", sa.String(), nullable=True),
        sa.Column("invite_event", sa.String(), nullable=True),
        sa.Column("invited_at", sa.BigInteger(), nullable=True),
        sa.Column("filled", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("successor", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_rooms")),
        sa.UniqueConstraint("number", name=op.f("uq_rooms_number")),
    )
    op.create_table(
        "threads",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("off_record", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "root", name=op.f("pk_threads")),
    )
    op.create_table(
        "transactions",
        sa.Column("txn_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("txn_id", name=op.f("pk_transactions")),
    )
    op.create_table(
        "voice",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "day", name=op.f("pk_voice")),
    )
    op.create_table(
        "wakes",
        sa.Column("feature", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("feature", "key", name=op.f("pk_wakes")),
    )
    with op.batch_alter_table("wakes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wakes_due"), ["due"], unique=False)

    op.create_table(
        "welcomed",
        sa.Column("effect_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("effect_id", "user_id", name=op.f("pk_welcomed")),
    )
    op.create_table(
        "egress_events",
        sa.Column("egress_id", SERIAL, nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["egress_id"], ["egress.id"], name=op.f("fk_egress_events_egress_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("egress_id", "event_id", name=op.f("pk_egress_events")),
    )
    with op.batch_alter_table("egress_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_egress_events_event_id"), ["event_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_egress_events_sender"), ["sender"], unique=False)

    op.create_table(
        "sources",
        sa.Column("effect_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["effect_id"], ["posts.effect_id"], name=op.f("fk_sources_effect_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("effect_id", "event_id", name=op.f("pk_sources")),
    )
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sources_event_id"), ["event_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE messages_text USING fts5(terms, tokenize='unicode61')")
    else:
        op.execute("CREATE TABLE messages_text (rowid bigint PRIMARY KEY, terms tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_messages_text_terms ON messages_text USING gin (terms) WITH (fastupdate = off)")
