"""Outgoing webhooks and what was sent to them.

Revision ID: 0044
Revises: 0043
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

DUE, OPEN = sa.text("next_at IS NOT NULL"), sa.text("finished_at IS NULL")


def upgrade() -> None:
    op.create_table("outgoingwebhook",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("name", sa.String(length=120), nullable=False),
    sa.Column("url", sa.String(length=1000), nullable=False),
    sa.Column("kinds", sa.JSON(), nullable=False),
    sa.Column("enabled", sa.Boolean(), nullable=False),
    sa.Column("secret", sa.String(length=500), nullable=False),
    sa.Column("former_secret", sa.String(length=500), nullable=False),
    sa.Column("former_until", sa.DateTime(), nullable=True),
    sa.Column("delivered_at", sa.DateTime(), nullable=True),
    sa.Column("failures", sa.Integer(), nullable=False),
    sa.Column("failing_since", sa.DateTime(), nullable=True),
    sa.Column("paused_until", sa.DateTime(), nullable=True),
    sa.Column("stopped_why", sa.String(length=200), nullable=False),
    sa.Column("deleted_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_outgoingwebhook_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoingwebhook")),
    )
    op.create_index(op.f("ix_outgoingwebhook_tenant_id"), "outgoingwebhook", ["tenant_id"])
    op.create_table("outgoingdelivery",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("outgoing_id", sa.String(length=32), nullable=False),
    sa.Column("type", sa.String(length=40), nullable=False),
    sa.Column("event_id", sa.String(length=32), nullable=True),
    sa.Column("depth", sa.Integer(), nullable=False),
    sa.Column("object_id", sa.String(length=32), nullable=False),
    sa.Column("state", sa.String(length=40), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("next_at", sa.DateTime(), nullable=True),
    sa.Column("finished_at", sa.DateTime(), nullable=True),
    sa.Column("status", sa.Integer(), nullable=True),
    sa.Column("error", sa.String(length=500), nullable=False),
    sa.Column("error_values", sa.JSON(), nullable=False),
    sa.Column("history", sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(["outgoing_id"], ["outgoingwebhook.id"], name=op.f("fk_outgoingdelivery_outgoing_id_outgoingwebhook"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_outgoingdelivery_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoingdelivery")),
    )
    op.create_index(op.f("ix_outgoingdelivery_tenant_id"), "outgoingdelivery", ["tenant_id"])
    op.create_index("ix_outgoingdelivery_recent", "outgoingdelivery", ["tenant_id", "id"])
    op.create_index("ix_outgoingdelivery_webhook", "outgoingdelivery", ["tenant_id", "outgoing_id", "id"])
    op.create_index("ix_outgoingdelivery_due", "outgoingdelivery", ["next_at"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index("ix_outgoingdelivery_open", "outgoingdelivery", ["tenant_id", "outgoing_id", "object_id", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_outgoingdelivery_finished", "outgoingdelivery", ["finished_at"])
    op.protect_table("outgoingwebhook")
    op.protect_table("outgoingdelivery")


def downgrade() -> None:
    for table in ("outgoingdelivery", "outgoingwebhook"):
        op.release_table(table)
        op.drop_table(table)
