"""Jobs have a priority and are claimed in turn among tenants; those that another one with their lock precedes are marked.

Revision ID: 0057
Revises: 0056
"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

# New columns keep their defaults in the database: processes of the previous release add jobs during an update.
PRIORITIES = """
    UPDATE job SET priority = CASE
    WHEN kind IN ('reply', 'deliver_message', 'send_invitation', 'send_password_reset', 'send_two_factor_reset') THEN 0
    ELSE 2 END
    WHERE state IN ('queued', 'running') AND kind IN ('reply', 'deliver_message', 'send_invitation',
    'send_password_reset', 'send_two_factor_reset', 'index_source', 'remove_source', 'rebuild_index',
    'import_contacts', 'send_digest')
"""


def upgrade() -> None:
    ready, queued = sa.text("state = 'queued' AND NOT is_blocked"), sa.text("state = 'queued'")
    op.add_column("job", sa.Column("priority", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("job", sa.Column("is_blocked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(PRIORITIES)
    op.drop_index("ix_job_due", table_name="job")
    op.drop_index("ix_job_lock_key", table_name="job")
    columns = ["priority", "kind", "tenant_id", "run_at", "id"]
    op.create_index("ix_job_ready", "job", columns, sqlite_where=ready, postgresql_where=ready)
    columns = ["tenant_id", "lock_key", "id"]
    op.create_index("ix_job_lock", "job", columns, sqlite_where=queued, postgresql_where=queued)
    op.create_table(
        "jobturn",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("last_tenant_id", sa.String(length=32), nullable=False),
        sa.Column("claimed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobturn")),
        sa.UniqueConstraint("priority", name=op.f("uq_jobturn_priority")),
    )


def downgrade() -> None:
    op.drop_table("jobturn")
    op.drop_index("ix_job_lock", table_name="job")
    op.drop_index("ix_job_ready", table_name="job")
    queued = sa.text("state = 'queued'")
    op.create_index("ix_job_lock_key", "job", ["lock_key"])
    op.create_index("ix_job_due", "job", ["tenant_id", "run_at"], sqlite_where=queued, postgresql_where=queued)
    op.drop_column("job", "is_blocked")
    op.drop_column("job", "priority")
