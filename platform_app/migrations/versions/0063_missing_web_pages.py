"""Web pages say since when they are missing, and sites how many readings failed one after another.

Revision ID: 0063
Revises: 0062
"""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webpage", sa.Column("missing_since", sa.DateTime(), nullable=True))
    op.add_column("website", sa.Column("failed_readings", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("website", "failed_readings")
    op.drop_column("webpage", "missing_since")
