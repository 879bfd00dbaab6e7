"""Invitations; members whose access is switched off, and when they were seen last.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("member", sa.Column("disabled_at", sa.DateTime(), nullable=True))
    op.add_column("member", sa.Column("seen_at", sa.DateTime(), nullable=True))
    op.create_table(
        "invitation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("inviter_id", sa.String(length=32), nullable=False),
        sa.Column("inviter_name", sa.String(length=200), nullable=False),
        sa.Column("accepted_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("mail", sa.String(length=40), nullable=False),
        sa.Column("mailed_at", sa.DateTime(), nullable=True),
        sa.Column("mail_error", sa.String(length=500), nullable=False),
        sa.Column("mail_error_values", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_invitation_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index("ix_invitation_email", ["tenant_id", "email"], unique=False)
        batch_op.create_index("ix_invitation_tenant_id", ["tenant_id"], unique=False)
    op.protect_table("invitation")


def downgrade() -> None:
    op.release_table("invitation")
    op.drop_table("invitation")
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.drop_column("seen_at")
        batch_op.drop_column("disabled_at")
