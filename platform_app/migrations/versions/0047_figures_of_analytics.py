"""Analytics finds traces by time; a trace keeps the cached tokens and whether the question was answered.

Revision ID: 0047
Revises: 0046
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_CACHED = {
    "sqlite": "json_extract(data, '$.cached_tokens')",
    "postgresql": "(data ->> 'cached_tokens')::integer",
}


def upgrade() -> None:
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cached_tokens", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("is_unanswered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(f"UPDATE trace SET cached_tokens = coalesce({_CACHED[op.get_bind().dialect.name]}, 0)")
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.alter_column("cached_tokens", server_default=None)
        batch_op.alter_column("is_unanswered", server_default=None)
        batch_op.create_index("ix_trace_recent", ["tenant_id", "created_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.drop_index("ix_trace_recent")
        batch_op.drop_column("is_unanswered")
        batch_op.drop_column("cached_tokens")
