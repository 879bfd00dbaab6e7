"""Conversations of contacts and leads are found by an index of their own.

Revision ID: 0007
Revises: 0006
"""

from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.create_index("ix_conversation_contact", ["tenant_id", "contact_id", "last_message_at"], unique=False)
        batch_op.create_index("ix_conversation_lead", ["tenant_id", "lead_id", "last_message_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index("ix_conversation_lead")
        batch_op.drop_index("ix_conversation_contact")
