"""Sources keep what was said of their reading, how far a new generation is written, and whom they replace.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op


revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.add_column(sa.Column("remarks", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("next_chunks", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("replaces", sa.String(length=32), nullable=True))
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.alter_column("remarks", server_default=None)
        batch_op.alter_column("next_chunks", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("source", schema=None) as batch_op:
        for name in ("replaces", "next_chunks", "remarks"):
            batch_op.drop_column(name)
