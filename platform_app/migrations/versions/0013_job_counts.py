"""Jobs that are done are counted as they end, open ones by an index; how workers died over a job; reasons with values;
the act that brought an event, and that with which a way through a sequence began.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COUNT = """
    INSERT INTO jobtally (id, created_at, tenant_id, kind, done)
    SELECT min(id), min(created_at), tenant_id, kind, count(*) FROM job WHERE state = 'done' GROUP BY tenant_id, kind
"""
MESSAGES_SAID = ["tenant_id", "conversation_id", "author", "replaced", "created_at"]
FIRED = "fired"
NEW = {
    "shared_crashes": (sa.Integer(), "0"),
    "is_alone": (sa.Boolean(), sa.false()),
    "error_values": (sa.JSON(), "{}"),
}


def upgrade() -> None:
    queued, not_done = sa.text("state = 'queued'"), sa.text("state <> 'done'")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("worker_id", sa.String(length=32), nullable=True))
        for name, (kind, default) in NEW.items():
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=default))
    with op.batch_alter_table("job", schema=None) as batch_op:
        for name in NEW:
            batch_op.alter_column(name, server_default=None)
        batch_op.create_index("ix_job_newest", ["tenant_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_job_kind", ["tenant_id", "kind", "created_at"], unique=False)
        batch_op.create_index("ix_job_waiting", ["run_at"], sqlite_where=queued, postgresql_where=queued)
        batch_op.create_index(
            "ix_job_open", ["tenant_id", "state", "kind"], sqlite_where=not_done, postgresql_where=not_done
        )
    with op.batch_alter_table("contactimport", schema=None) as batch_op:
        batch_op.add_column(sa.Column("error", sa.String(length=500), nullable=False, server_default=""))
    with op.batch_alter_table("contactimport", schema=None) as batch_op:
        batch_op.alter_column("error", server_default=None)
    op.create_table(
        "jobtally",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_jobtally_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobtally")),
    )
    with op.batch_alter_table("jobtally", schema=None) as batch_op:
        batch_op.create_index("ix_jobtally_kind", ["tenant_id", "kind"], unique=False)
        batch_op.create_index("ix_jobtally_tenant_id", ["tenant_id"], unique=False)
    op.protect_table("jobtally")
    op.execute(COUNT)
    op.create_index("ix_message_said", "message", MESSAGES_SAID)
    streaming, fired = sa.text("state = 'streaming'"), sa.text(FIRED)
    op.create_index("ix_message_streaming", "message", ["beat_at"], sqlite_where=streaming, postgresql_where=streaming)
    runs = ["tenant_id", "rule_id", "at"]
    op.create_index("ix_rulerun_last", "rulerun", runs, sqlite_where=fired, postgresql_where=fired)
    for table in ("event", "enrollment"):
        op.add_column(table, sa.Column("origin_id", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_index("ix_rulerun_last", table_name="rulerun")
    op.drop_index("ix_message_streaming", table_name="message")
    op.drop_index("ix_message_said", table_name="message")
    for table in ("event", "enrollment"):
        op.drop_column(table, "origin_id")
    op.release_table("jobtally")
    op.drop_table("jobtally")
    with op.batch_alter_table("contactimport", schema=None) as batch_op:
        batch_op.drop_column("error")
    with op.batch_alter_table("job", schema=None) as batch_op:
        for name in ("ix_job_open", "ix_job_waiting", "ix_job_kind", "ix_job_newest"):
            batch_op.drop_index(name)
        for name in ("error_values", "is_alone", "shared_crashes", "worker_id"):
            batch_op.drop_column(name)
