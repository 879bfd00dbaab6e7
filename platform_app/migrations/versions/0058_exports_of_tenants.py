"""Owners may have an archive made with all data of their company.

Revision ID: 0058
Revises: 0057
"""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    state = sa.Enum("running", "ready", "failed", name="exportstate", native_enum=False, length=40)
    op.create_table(
        "tenantexport",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("state", state, nullable=False),
        sa.Column("stored_as", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.String(length=32), nullable=False),
        sa.Column("author_name", sa.String(length=200), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_tenantexport_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenantexport")),
    )
    with op.batch_alter_table("tenantexport", schema=None) as batch_op:
        batch_op.create_index("ix_tenantexport_expiry", ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_tenantexport_tenant_id"), ["tenant_id"], unique=False)
    op.protect_table("tenantexport")


def downgrade() -> None:
    op.release_table("tenantexport")
    op.drop_table("tenantexport")
