"""Leads have further contacts beside their main one.

Revision ID: 0068
Revises: 0067
"""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def _key(column: str) -> sa.ForeignKeyConstraint:
    table = column.removesuffix("_id")
    name = op.f(f"fk_leadcontact_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "leadcontact",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=32), nullable=False),
        _key("lead_id"),
        _key("contact_id"),
        _key("tenant_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leadcontact")),
        sa.UniqueConstraint("tenant_id", "lead_id", "contact_id", name=op.f("uq_leadcontact_tenant_id_lead_id_contact_id")),
    )
    with op.batch_alter_table("leadcontact", schema=None) as batch_op:
        for column in ("contact_id", "lead_id", "tenant_id"):
            batch_op.create_index(batch_op.f(f"ix_leadcontact_{column}"), [column], unique=False)
    op.protect_table("leadcontact")


def downgrade() -> None:
    op.release_table("leadcontact")
    op.drop_table("leadcontact")
