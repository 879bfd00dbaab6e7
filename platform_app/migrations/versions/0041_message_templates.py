"""Message templates of channel accounts, and messages that are sent as one.

Revision ID: 0041
Revises: 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TABLES = ("message", "outboundpart")


def upgrade() -> None:
    op.create_table(
        "messagetemplate",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("header", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("footer", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["channelaccount.id"],
            name=op.f("fk_messagetemplate_account_id_channelaccount"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_messagetemplate_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messagetemplate")),
        sa.UniqueConstraint(
            "account_id", "name", "language", name=op.f("uq_messagetemplate_account_id_name_language")
        ),
    )
    with op.batch_alter_table("messagetemplate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messagetemplate_tenant_id"), ["tenant_id"], unique=False)
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("template", sa.JSON(), nullable=False, server_default="{}"))
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("template", server_default=None)
    op.protect_table("messagetemplate")


def downgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("template")
    op.drop_table("messagetemplate")
