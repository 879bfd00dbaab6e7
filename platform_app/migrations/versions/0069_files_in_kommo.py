"""A message that is shown in Kommo may be several messages there: one for each of its files.

Revision ID: 0069
Revises: 0068
"""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Processes of the previous release write such rows during an update.
    with op.batch_alter_table("kommochatmessage", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parts", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("kommochatmessage", schema=None) as batch_op:
        batch_op.drop_column("parts")
