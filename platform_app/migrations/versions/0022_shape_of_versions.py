"""Agents, scripts, rules and sequences and their versions have the same columns.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

RENAMED = {  # former and new name by table
    "agentversion": {"settings": "content"},
    "scriptversion": {"data": "content"},
    "ruleversion": {"definition": "content", "published_by": "author_name"},
    "sequenceversion": {"definition": "content", "published_by": "author_name"},
    "agent": {"draft_saved_at": "updated_at", "draft_saved_by": "updated_by"},
    "rule": {"draft_saved_by": "updated_by"},
    "sequence": {"draft_saved_by": "updated_by"},
}
DATED = ("ruleversion", "sequenceversion")


def upgrade() -> None:
    for table, names in RENAMED.items():
        for former, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {former} TO {new}")
    for table in DATED:
        op.execute(f"UPDATE {table} SET created_at = published_at")
        op.drop_column(table, "published_at")
    op.add_column("agent", sa.Column("published", sa.JSON(), nullable=False, server_default="{}"))
    op.execute(
        "UPDATE agent SET published = (SELECT content FROM agentversion WHERE agentversion.id = agent.published_id) "
        "WHERE EXISTS (SELECT 1 FROM agentversion WHERE agentversion.id = agent.published_id)"
    )
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.alter_column("published", server_default=None)
        batch_op.drop_column("published_id")


def downgrade() -> None:
    op.add_column("agent", sa.Column("published_id", sa.String(length=32), nullable=True))
    op.execute(
        "UPDATE agent SET published_id = (SELECT id FROM agentversion WHERE agentversion.agent_id = agent.id "
        "AND agentversion.number = agent.published_number)"
    )
    op.drop_column("agent", "published")
    for table in DATED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("published_at", sa.DateTime(), nullable=False, server_default="2000-01-01"))
        op.execute(f"UPDATE {table} SET published_at = created_at")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column("published_at", server_default=None)
    for table, names in RENAMED.items():
        for former, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {former}")
