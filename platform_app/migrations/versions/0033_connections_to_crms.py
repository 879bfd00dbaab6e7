"""Connections to CRMs, links between rows and records, and what is exchanged.

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("crmconnection",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=40), nullable=False),
    sa.Column("name", sa.String(length=120), nullable=False),
    sa.Column("host", sa.String(length=120), nullable=False),
    sa.Column("external_id", sa.String(length=64), nullable=False),
    sa.Column("token", sa.String(length=64), nullable=False),
    sa.Column("webhook", sa.String(length=300), nullable=False),
    sa.Column("webhook_tried_at", sa.DateTime(), nullable=True),
    sa.Column("state", sa.String(length=40), nullable=False),
    sa.Column("problem", sa.String(length=500), nullable=False),
    sa.Column("problem_values", sa.JSON(), nullable=False),
    sa.Column("paused_at", sa.DateTime(), nullable=True),
    sa.Column("connected_at", sa.DateTime(), nullable=False),
    sa.Column("synced_at", sa.DateTime(), nullable=True),
    sa.Column("exchanged_at", sa.DateTime(), nullable=True),
    sa.Column("changes_since", sa.DateTime(), nullable=True),
    sa.Column("changes_due_at", sa.DateTime(), nullable=True),
    sa.Column("conflict_rules", sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_crmconnection_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_crmconnection")),
    sa.UniqueConstraint("tenant_id", "kind", "external_id", name=op.f("uq_crmconnection_tenant_id_kind_external_id")),
    sa.UniqueConstraint("token", name=op.f("uq_crmconnection_token"))
    )
    with op.batch_alter_table("crmconnection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_crmconnection_tenant_id"), ["tenant_id"], unique=False)

    op.create_table("crmcall",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("connection_id", sa.String(length=32), nullable=False),
    sa.Column("is_incoming", sa.Boolean(), nullable=False),
    sa.Column("method", sa.String(length=10), nullable=False),
    sa.Column("path", sa.String(length=300), nullable=False),
    sa.Column("status", sa.Integer(), nullable=False),
    sa.Column("milliseconds", sa.Integer(), nullable=False),
    sa.Column("error", sa.String(length=500), nullable=False),
    sa.ForeignKeyConstraint(["connection_id"], ["crmconnection.id"], name=op.f("fk_crmcall_connection_id_crmconnection"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_crmcall_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_crmcall"))
    )
    with op.batch_alter_table("crmcall", schema=None) as batch_op:
        batch_op.create_index("ix_crmcall_recent", ["tenant_id", "connection_id", "created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_crmcall_tenant_id"), ["tenant_id"], unique=False)

    op.create_table("crmlink",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("connection_id", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=40), nullable=False),
    sa.Column("external_id", sa.String(length=64), nullable=True),
    sa.Column("row_id", sa.String(length=32), nullable=True),
    sa.Column("is_chosen", sa.Boolean(), nullable=False),
    sa.Column("definition", sa.JSON(), nullable=False),
    sa.Column("external_updated_at", sa.DateTime(), nullable=True),
    sa.Column("external_values", sa.JSON(), nullable=False),
    sa.Column("own_values", sa.JSON(), nullable=False),
    sa.Column("state", sa.String(length=40), nullable=False),
    sa.Column("begun_at", sa.DateTime(), nullable=True),
    sa.Column("error", sa.String(length=500), nullable=False),
    sa.Column("error_values", sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(["connection_id"], ["crmconnection.id"], name=op.f("fk_crmlink_connection_id_crmconnection"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_crmlink_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_crmlink")),
    sa.UniqueConstraint("connection_id", "kind", "external_id", name=op.f("uq_crmlink_connection_id_kind_external_id")),
    sa.UniqueConstraint("connection_id", "kind", "row_id", name=op.f("uq_crmlink_connection_id_kind_row_id"))
    )
    with op.batch_alter_table("crmlink", schema=None) as batch_op:
        batch_op.create_index("ix_crmlink_row", ["tenant_id", "row_id"], unique=False)
        batch_op.create_index("ix_crmlink_state", ["tenant_id", "connection_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_crmlink_tenant_id"), ["tenant_id"], unique=False)

    op.create_table("crmnotice",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("connection_id", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=40), nullable=False),
    sa.Column("external_id", sa.String(length=64), nullable=False),
    sa.Column("is_deletion", sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(["connection_id"], ["crmconnection.id"], name=op.f("fk_crmnotice_connection_id_crmconnection"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_crmnotice_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_crmnotice"))
    )
    with op.batch_alter_table("crmnotice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_crmnotice_tenant_id"), ["tenant_id"], unique=False)
        batch_op.create_index("ix_crmnotice_waiting", ["tenant_id", "connection_id", "id"], unique=False)

    op.create_table("crmsync",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("connection_id", sa.String(length=32), nullable=False),
    sa.Column("state", sa.String(length=40), nullable=False),
    sa.Column("phase", sa.String(length=40), nullable=False),
    sa.Column("cursor", sa.String(length=500), nullable=False),
    sa.Column("counts", sa.JSON(), nullable=False),
    sa.Column("created", sa.Integer(), nullable=False),
    sa.Column("changed", sa.Integer(), nullable=False),
    sa.Column("refused", sa.Integer(), nullable=False),
    sa.Column("error", sa.String(length=500), nullable=False),
    sa.Column("error_values", sa.JSON(), nullable=False),
    sa.Column("author_name", sa.String(length=200), nullable=False),
    sa.Column("finished_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["connection_id"], ["crmconnection.id"], name=op.f("fk_crmsync_connection_id_crmconnection"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_crmsync_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_crmsync"))
    )
    with op.batch_alter_table("crmsync", schema=None) as batch_op:
        batch_op.create_index("ix_crmsync_recent", ["tenant_id", "connection_id", "created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_crmsync_tenant_id"), ["tenant_id"], unique=False)

    op.protect_table("crmconnection")
    op.protect_table("crmcall")
    op.protect_table("crmlink")
    op.protect_table("crmnotice")
    op.protect_table("crmsync")


def downgrade() -> None:
    for table in ("crmsync", "crmnotice", "crmlink", "crmcall", "crmconnection"):
        op.release_table(table)
        op.drop_table(table)
