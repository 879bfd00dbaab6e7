"""Indexes of the inbox: current conversations by time, assignee and agent, and replies that wait for approval.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

CURRENT = sa.text("state <> 'closed' AND channel <> 'test' AND snoozed_until IS NULL AND deleted_at IS NULL")
SNOOZED = sa.text("snoozed_until IS NOT NULL")
TO_APPROVE = sa.text("state = 'to_approve'")
INDEXES = {
    "ix_conversation_current": ("conversation", ["tenant_id", "last_message_at", "id"], CURRENT),
    "ix_conversation_assignee": ("conversation", ["tenant_id", "assignee_id", "last_message_at", "id"], CURRENT),
    "ix_conversation_agent": ("conversation", ["tenant_id", "agent_id", "last_message_at", "id"], CURRENT),
    "ix_conversation_snoozed": ("conversation", ["tenant_id", "last_message_at", "id"], SNOOZED),
    "ix_message_to_approve": ("message", ["tenant_id", "replaced", "conversation_id"], TO_APPROVE),
}


def upgrade() -> None:
    op.drop_index("ix_conversation_assignee", table_name="conversation")
    for name, (table, columns, where) in INDEXES.items():
        op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, (table, _, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
    op.create_index(
        "ix_conversation_assignee", "conversation", ["tenant_id", "assignee_id", "state", "last_message_at"], unique=False
    )
