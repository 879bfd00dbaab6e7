"""Heartbeats say of which kind of process they are: consoles and hooks processes have them too.

Revision ID: 0065
Revises: 0064
"""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Enum("console", "hooks", "worker", name="processkind", native_enum=False, length=40)
    # Workers of the previous release write such rows during an update.
    with op.batch_alter_table("workerbeat", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", kind, server_default="worker", nullable=False))


def downgrade() -> None:
    op.execute("DELETE FROM workerbeat WHERE kind <> 'worker'")
    with op.batch_alter_table("workerbeat", schema=None) as batch_op:
        batch_op.drop_column("kind")
