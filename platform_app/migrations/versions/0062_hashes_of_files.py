"""Sources, imports and attachments know the SHA-256 of their files; those of older files are not known.

Revision ID: 0062
Revises: 0061
"""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

TABLES = ("source", "contactimport", "attachment")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("sha256", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "sha256")
