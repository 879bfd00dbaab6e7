"""Posts of channels that come in faster than they are read wait in a table.

Revision ID: 0073
Revises: 0072
"""

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def _key(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_waitingupdate_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "waitingupdate",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.DateTime(), nullable=True),
        _key("account_id", "channelaccount"),
        _key("tenant_id", "tenant"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitingupdate")),
    )
    with op.batch_alter_table("waitingupdate", schema=None) as batch_op:
        for column in ("account_id", "tenant_id"):
            batch_op.create_index(batch_op.f(f"ix_waitingupdate_{column}"), [column], unique=False)
    op.protect_table("waitingupdate")


def downgrade() -> None:
    op.release_table("waitingupdate")
    op.drop_table("waitingupdate")
