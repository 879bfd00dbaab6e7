"""WhatsApp: when contacts last wrote, and statuses that come before what they are about.

Revision ID: 0040
Revises: 0039
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveryreceipt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("outside_id", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("error_values", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["channelaccount.id"],
            name=op.f("fk_deliveryreceipt_account_id_channelaccount"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_deliveryreceipt_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveryreceipt")),
        sa.UniqueConstraint("account_id", "outside_id", name=op.f("uq_deliveryreceipt_account_id_outside_id")),
    )
    with op.batch_alter_table("deliveryreceipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveryreceipt_tenant_id"), ["tenant_id"], unique=False)
    op.add_column("channelidentity", sa.Column("wrote_at", sa.DateTime(), nullable=True))
    op.create_index("ix_outboundpart_outside", "outboundpart", ["account_id", "outside_id"], unique=False)
    op.protect_table("deliveryreceipt")


def downgrade() -> None:
    op.drop_index("ix_outboundpart_outside", table_name="outboundpart")
    with op.batch_alter_table("channelidentity", schema=None) as batch_op:
        batch_op.drop_column("wrote_at")
    op.drop_table("deliveryreceipt")
