"""Notifications name the message that they are about.

Revision ID: 0054
Revises: 0053
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.add_column(sa.Column("message_id", sa.String(length=32), nullable=True))
        batch_op.create_index(batch_op.f("ix_notification_message_id"), ["message_id"], unique=False)
    op.execute(
        "UPDATE notification SET message_id = (SELECT event.message_id FROM event WHERE event.id = notification.cause)"
        " WHERE kind = 'approval' AND read_at IS NULL"
    )


def downgrade() -> None:
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notification_message_id"))
        batch_op.drop_column("message_id")
