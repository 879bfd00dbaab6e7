"""Run log: how long runs are kept, which run led to an event, quick counts, and crashes of a job counted apart.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_days", sa.Integer(), nullable=False, server_default="180"))
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", sa.String(length=32), nullable=True))
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", sa.String(length=32), nullable=True))
        batch_op.create_index(batch_op.f("ix_event_run_id"), ["run_id"], unique=False)
    with op.batch_alter_table("rule", schema=None) as batch_op:
        batch_op.add_column(sa.Column("runs_forgotten", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("last_forgotten", sa.DateTime(), nullable=True))
    with op.batch_alter_table("rulerun", schema=None) as batch_op:
        batch_op.create_index(
            "ix_rulerun_fired",
            ["tenant_id", "rule_id", "subject_id", "at"],
            unique=False,
            sqlite_where=sa.text("fired"),
            postgresql_where=sa.text("fired"),
        )


def downgrade() -> None:
    with op.batch_alter_table("rulerun", schema=None) as batch_op:
        batch_op.drop_index("ix_rulerun_fired")
    with op.batch_alter_table("rule", schema=None) as batch_op:
        batch_op.drop_column("last_forgotten")
        batch_op.drop_column("runs_forgotten")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_run_id"))
        batch_op.drop_column("run_id")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_column("run_id")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("crashes")
    with op.batch_alter_table("tenant", schema=None) as batch_op:
        batch_op.drop_column("run_days")
