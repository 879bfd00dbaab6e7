"""Owners may ask for the deletion of their company, which waits a week.

Revision ID: 0056
Revises: 0055
"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deletion_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("deletion_by", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("deleted_rows", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.create_index(batch_op.f("ix_tenant_deletion_at"), ["deletion_at"], unique=False)
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.alter_column("deletion_by", server_default=None)
        batch_op.alter_column("deleted_rows", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tenant_deletion_at"))
        batch_op.drop_column("deleted_rows")
        batch_op.drop_column("deletion_by")
        batch_op.drop_column("deletion_at")
