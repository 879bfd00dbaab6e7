"""Leads are found by their stage and the time since which they are in it.

Revision ID: 0049
Revises: 0047
"""

from alembic import op

revision = "0049"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index("ix_lead_since", ["tenant_id", "stage_id", "in_stage_since"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.drop_index("ix_lead_since")
