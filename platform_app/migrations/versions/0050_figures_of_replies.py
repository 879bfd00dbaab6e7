"""A message keeps the figures of its text that stand in no source.

Revision ID: 0050
Revises: 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("figures", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.alter_column("figures", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_column("figures")
