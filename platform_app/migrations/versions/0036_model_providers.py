"""Model providers of tenants.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("modelprovider",
    sa.Column("name", sa.String(length=80), nullable=False),
    sa.Column("base_url", sa.String(length=300), nullable=False),
    sa.Column("wire", sa.String(length=40), nullable=False),
    sa.Column("input_price", sa.Float(), nullable=True),
    sa.Column("output_price", sa.Float(), nullable=True),
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("is_default", sa.Boolean(), nullable=False),
    sa.Column("models", sa.JSON(), nullable=False),
    sa.Column("listed_at", sa.DateTime(), nullable=True),
    sa.Column("updated_at", sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_modelprovider_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_modelprovider"))
    )
    with op.batch_alter_table("modelprovider", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_modelprovider_tenant_id"), ["tenant_id"], unique=False)

    op.protect_table("modelprovider")


def downgrade() -> None:
    with op.batch_alter_table("modelprovider", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_modelprovider_tenant_id"))

    op.release_table("modelprovider")
    op.drop_table("modelprovider")
