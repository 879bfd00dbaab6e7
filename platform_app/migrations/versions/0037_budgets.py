"""Budgets of a tenant, what was spent of them, and what is reserved.

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("budget",
    sa.Column("name", sa.String(length=80), nullable=False),
    sa.Column("scope", sa.String(length=40), nullable=False),
    sa.Column("unit", sa.String(length=40), nullable=False),
    sa.Column("period", sa.String(length=40), nullable=False),
    sa.Column("hard_limit", sa.Float(), nullable=False),
    sa.Column("soft_percent", sa.Integer(), nullable=False),
    sa.Column("sentence", sa.String(length=500), nullable=False),
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("agent_id", sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_budget_agent_id_agent"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_budget_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_budget"))
    )
    with op.batch_alter_table("budget", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budget_agent_id"), ["agent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_budget_tenant_id"), ["tenant_id"], unique=False)

    op.create_table("budgetuse",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("budget_id", sa.String(length=32), nullable=False),
    sa.Column("counted", sa.String(length=32), nullable=False),
    sa.Column("period", sa.String(length=10), nullable=False),
    sa.Column("spent", sa.BigInteger(), nullable=False),
    sa.Column("unpriced", sa.Integer(), nullable=False),
    sa.Column("soft_at", sa.DateTime(), nullable=True),
    sa.Column("hard_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["budget_id"], ["budget.id"], name=op.f("fk_budgetuse_budget_id_budget"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_budgetuse_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_budgetuse")),
    sa.UniqueConstraint("budget_id", "counted", "period", name=op.f("uq_budgetuse_budget_id_counted_period"))
    )
    with op.batch_alter_table("budgetuse", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budgetuse_tenant_id"), ["tenant_id"], unique=False)

    op.create_table("budgetreservation",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("use_id", sa.String(length=32), nullable=False),
    sa.Column("reply_id", sa.String(length=32), nullable=False),
    sa.Column("amount", sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_budgetreservation_tenant_id_tenant"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["use_id"], ["budgetuse.id"], name=op.f("fk_budgetreservation_use_id_budgetuse"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_budgetreservation")),
    sa.UniqueConstraint("use_id", "reply_id", name=op.f("uq_budgetreservation_use_id_reply_id"))
    )
    with op.batch_alter_table("budgetreservation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budgetreservation_reply_id"), ["reply_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_budgetreservation_tenant_id"), ["tenant_id"], unique=False)

    op.protect_table("budget")
    op.protect_table("budgetuse")
    op.protect_table("budgetreservation")


def downgrade() -> None:
    with op.batch_alter_table("budgetreservation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_budgetreservation_tenant_id"))
        batch_op.drop_index(batch_op.f("ix_budgetreservation_reply_id"))

    op.release_table("budgetreservation")
    op.drop_table("budgetreservation")
    with op.batch_alter_table("budgetuse", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_budgetuse_tenant_id"))

    op.release_table("budgetuse")
    op.drop_table("budgetuse")
    with op.batch_alter_table("budget", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_budget_tenant_id"))
        batch_op.drop_index(batch_op.f("ix_budget_agent_id"))

    op.release_table("budget")
    op.drop_table("budget")
