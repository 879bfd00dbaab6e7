"""How much is kept of deliveries is counted at their webhook; the latest refused ones are found by an index.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

COUNT = """
    UPDATE incomingwebhook SET kept_bytes = (
        SELECT coalesce(sum(size), 0) FROM receiveddelivery
        WHERE receiveddelivery.webhook_id = incomingwebhook.id AND outcome = 'accepted'
    )
"""


def upgrade() -> None:
    with op.batch_alter_table("incomingwebhook", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kept_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("incomingwebhook", schema=None) as batch_op:
        batch_op.alter_column("kept_bytes", server_default=None)
    with op.batch_alter_table("receiveddelivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_receiveddelivery_outcome", ["tenant_id", "webhook_id", "outcome", "at"], unique=False
        )
    op.execute(COUNT)


def downgrade() -> None:
    with op.batch_alter_table("receiveddelivery", schema=None) as batch_op:
        batch_op.drop_index("ix_receiveddelivery_outcome")
    with op.batch_alter_table("incomingwebhook", schema=None) as batch_op:
        batch_op.drop_column("kept_bytes")
