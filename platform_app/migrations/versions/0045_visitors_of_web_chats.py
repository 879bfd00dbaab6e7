"""Visitors of a web chat agree to a text, rate a chat that was closed, and send files.

Revision ID: 0045
Revises: 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channelidentity", sa.Column("emailed_at", sa.DateTime(), nullable=True))
    op.add_column("channelidentity", sa.Column("consented_at", sa.DateTime(), nullable=True))
    with op.batch_alter_table("channelidentity", schema=None) as batch_op:
        batch_op.add_column(sa.Column("consent_text", sa.String(length=1000), nullable=False, server_default=""))
    with op.batch_alter_table("channelidentity", schema=None) as batch_op:
        batch_op.alter_column("consent_text", server_default=None)
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stored_as", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.alter_column("stored_as", server_default=None)
        batch_op.alter_column("size", server_default=None)
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rating", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("rating_comment", sa.String(length=1000), nullable=False, server_default=""))
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.alter_column("rating_comment", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_column("size")
        batch_op.drop_column("stored_as")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_column("rating_comment")
        batch_op.drop_column("rating")
    with op.batch_alter_table("channelidentity", schema=None) as batch_op:
        batch_op.drop_column("consent_text")
        batch_op.drop_column("consented_at")
        batch_op.drop_column("emailed_at")
