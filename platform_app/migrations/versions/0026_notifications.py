"""Notifications of members, how each wants to be told, and who began an import.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("notification",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("user_id", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=40), nullable=False),
    sa.Column("cause", sa.String(length=64), nullable=False),
    sa.Column("sentence", sa.String(length=200), nullable=False),
    sa.Column("values", sa.JSON(), nullable=False),
    sa.Column("link", sa.String(length=300), nullable=False),
    sa.Column("in_console", sa.Boolean(), nullable=False),
    sa.Column("in_browser", sa.Boolean(), nullable=False),
    sa.Column("read_at", sa.DateTime(), nullable=True),
    sa.Column("digest_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_notification_tenant_id_tenant"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notification_user_id_user"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    sa.UniqueConstraint("tenant_id", "user_id", "kind", "cause", name=op.f("uq_notification_tenant_id_user_id_kind_cause"))
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index("ix_notification_digest", ["digest_at"], unique=False, sqlite_where=sa.text("digest_at IS NOT NULL"), postgresql_where=sa.text("digest_at IS NOT NULL"))
        batch_op.create_index("ix_notification_recent", ["tenant_id", "user_id", "created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_tenant_id"), ["tenant_id"], unique=False)
        batch_op.create_index("ix_notification_unread", ["tenant_id", "user_id"], unique=False, sqlite_where=sa.text("read_at IS NULL"), postgresql_where=sa.text("read_at IS NULL"))
        batch_op.create_index(batch_op.f("ix_notification_user_id"), ["user_id"], unique=False)

    op.create_table("notificationpreference",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("user_id", sa.String(length=32), nullable=False),
    sa.Column("kind", sa.String(length=40), nullable=False),
    sa.Column("in_console", sa.Boolean(), nullable=False),
    sa.Column("in_browser", sa.Boolean(), nullable=False),
    sa.Column("email", sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_notificationpreference_tenant_id_tenant"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notificationpreference_user_id_user"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_notificationpreference")),
    sa.UniqueConstraint("tenant_id", "user_id", "kind", name=op.f("uq_notificationpreference_tenant_id_user_id_kind"))
    )
    with op.batch_alter_table("notificationpreference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notificationpreference_tenant_id"), ["tenant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notificationpreference_user_id"), ["user_id"], unique=False)

    with op.batch_alter_table("contactimport", schema=None) as batch_op:
        batch_op.add_column(sa.Column("author_id", sa.String(length=32), nullable=True))

    op.protect_table("notification")
    op.protect_table("notificationpreference")


def downgrade() -> None:
    op.drop_column("contactimport", "author_id")
    op.release_table("notificationpreference")
    op.drop_table("notificationpreference")
    op.release_table("notification")
    op.drop_table("notification")
