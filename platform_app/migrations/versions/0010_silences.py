"""Silences are found by indexes of their own.

Revision ID: 0010
Revises: 0009
"""

from alembic import op


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

INDEXES = {
    "ix_conversation_quiet": ("conversation", ["tenant_id", "last_message_at"]),
    "ix_message_talk": ("message", ["tenant_id", "conversation_id", "created_at"]),
    "ix_event_message": ("event", ["tenant_id", "kind", "message_id"]),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns, unique=False)


def downgrade() -> None:
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
