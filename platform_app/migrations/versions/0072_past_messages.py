"""Messages may be deleted at their channel, and identities have a name in the address book of their account.

Revision ID: 0072
Revises: 0071
"""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("revoked_at", sa.DateTime(), nullable=True))
    with op.batch_alter_table("channelidentity", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=200), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("channelidentity", schema=None) as batch_op:
        batch_op.drop_column("name")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_column("revoked_at")
