"""An admin may hide the first steps of a company.

Revision ID: 0048
Revises: 0045
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hides_checklist", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.alter_column("hides_checklist", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.drop_column("hides_checklist")
