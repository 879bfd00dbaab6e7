"""Channel accounts of the demo are known, so that they go with it.

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("channelaccount", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_demo", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("channelaccount", schema=None) as batch_op:
        batch_op.alter_column("is_demo", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("channelaccount", schema=None) as batch_op:
        batch_op.drop_column("is_demo")
