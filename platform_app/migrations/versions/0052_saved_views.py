"""Lists have saved views: their filters under a name.

Revision ID: 0052
Revises: 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    lists = sa.Enum("leads", "contacts", "inbox", "runs", name="viewedlist", native_enum=False, length=40)
    op.create_table(
        "savedview",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("viewed", lists, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=1000), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_savedview_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_savedview_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_savedview")),
    )
    with op.batch_alter_table("savedview", schema=None) as batch_op:
        batch_op.create_index("ix_savedview_list", ["tenant_id", "viewed", "name", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_savedview_tenant_id"), ["tenant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_savedview_user_id"), ["user_id"], unique=False)
    op.protect_table("savedview")


def downgrade() -> None:
    op.release_table("savedview")
    op.drop_table("savedview")
