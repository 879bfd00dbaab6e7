"""Messages, their parts on channels with a server, and scripts have quick replies.

Revision ID: 0071
Revises: 0070
"""

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("message", "outboundpart"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("quick_replies", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("script", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quick_replies", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for table in ("script", "outboundpart", "message"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("quick_replies")
