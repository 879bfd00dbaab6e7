"""Threads of e-mails, and what an e-mail says beside its text.

Revision ID: 0051
Revises: 0050
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "emaildetails",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("automatic", sa.String(length=40), nullable=False),
        sa.Column("spf", sa.String(length=20), nullable=False),
        sa.Column("dkim", sa.String(length=20), nullable=False),
        sa.Column("dmarc", sa.String(length=20), nullable=False),
        sa.Column("is_truncated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_emaildetails_message_id_message"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_emaildetails_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emaildetails")),
        sa.UniqueConstraint("message_id", name=op.f("uq_emaildetails_message_id")),
    )
    with op.batch_alter_table("emaildetails", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_emaildetails_tenant_id"), ["tenant_id"], unique=False)
    op.create_table(
        "emailthread",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("identity_id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["channelaccount.id"],
            name=op.f("fk_emailthread_account_id_channelaccount"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_emailthread_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["channelidentity.id"],
            name=op.f("fk_emailthread_identity_id_channelidentity"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_emailthread_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emailthread")),
        sa.UniqueConstraint("conversation_id", name=op.f("uq_emailthread_conversation_id")),
    )
    with op.batch_alter_table("emailthread", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_emailthread_tenant_id"), ["tenant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_emailthread_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_emailthread_identity_id"), ["identity_id"], unique=False)
    for table in ("emaildetails", "emailthread"):
        op.protect_table(table)


def downgrade() -> None:
    for table in ("emaildetails", "emailthread"):
        op.release_table(table)
        op.drop_table(table)
