"""Suggestions: replies that the agent drafts for a member.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_suggestion", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.alter_column("is_suggestion", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_column("is_suggestion")
