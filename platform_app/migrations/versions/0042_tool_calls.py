"""Tools of agents: requests to other systems, and the calls that agents asked for while they wrote replies.

Revision ID: 0042
Revises: 0041
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

INDEXES = ("answers_id", "conversation_id", "key", "tenant_id")


def upgrade() -> None:
    op.create_table("toolcall",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("reply_id", sa.String(length=32), nullable=False),
    sa.Column("conversation_id", sa.String(length=32), nullable=False),
    sa.Column("answers_id", sa.String(length=32), nullable=False),
    sa.Column("round", sa.Integer(), nullable=False),
    sa.Column("place", sa.Integer(), nullable=False),
    sa.Column("call_id", sa.String(length=200), nullable=False),
    sa.Column("name", sa.String(length=100), nullable=False),
    sa.Column("arguments", sa.String(), nullable=False),
    sa.Column("key", sa.String(length=64), nullable=False),
    sa.Column("state", sa.String(length=40), nullable=False),
    sa.Column("sentence", sa.String(length=300), nullable=False),
    sa.Column("values", sa.JSON(), nullable=False),
    sa.Column("result", sa.String(), nullable=False),
    sa.Column("decided_by", sa.String(length=200), nullable=False),
    sa.Column("finished_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_toolcall_conversation_id_conversation"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["reply_id"], ["message.id"], name=op.f("fk_toolcall_reply_id_message"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_toolcall_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_toolcall")),
    sa.UniqueConstraint("reply_id", "round", "place", name=op.f("uq_toolcall_reply_id_round_place"))
    )
    with op.batch_alter_table("toolcall", schema=None) as batch_op:
        for name in INDEXES:
            batch_op.create_index(f"ix_toolcall_{name}", [name], unique=False)
    op.protect_table("toolcall")
    _create_http_tools()


def _create_http_tools() -> None:
    op.create_table("httptool",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("name", sa.String(length=40), nullable=False),
    sa.Column("description", sa.String(length=1000), nullable=False),
    sa.Column("effect", sa.String(length=40), nullable=False),
    sa.Column("method", sa.String(length=40), nullable=False),
    sa.Column("url", sa.String(length=500), nullable=False),
    sa.Column("parameters", sa.String(length=10000), nullable=False),
    sa.Column("seconds", sa.Integer(), nullable=False),
    sa.Column("header", sa.String(length=60), nullable=False),
    sa.Column("updated_at", sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_httptool_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_httptool")),
    sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_httptool_tenant_id_name"))
    )
    with op.batch_alter_table("httptool", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_httptool_tenant_id"), ["tenant_id"], unique=False)
    op.protect_table("httptool")
    op.create_table("mcpserver",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("name", sa.String(length=20), nullable=False),
    sa.Column("url", sa.String(length=300), nullable=False),
    sa.Column("header", sa.String(length=60), nullable=False),
    sa.Column("tools", sa.JSON(), nullable=False),
    sa.Column("listed_at", sa.DateTime(), nullable=True),
    sa.Column("updated_at", sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_mcpserver_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_mcpserver")),
    sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_mcpserver_tenant_id_name"))
    )
    with op.batch_alter_table("mcpserver", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mcpserver_tenant_id"), ["tenant_id"], unique=False)
    op.protect_table("mcpserver")
    op.create_table("conductcount",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("agent_id", sa.String(length=32), nullable=False),
    sa.Column("line", sa.String(length=600), nullable=False),
    sa.Column("count", sa.Integer(), nullable=False),
    sa.Column("last_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_conductcount_agent_id_agent"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_conductcount_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_conductcount")),
    sa.UniqueConstraint("agent_id", "line", name=op.f("uq_conductcount_agent_id_line"))
    )
    with op.batch_alter_table("conductcount", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conductcount_tenant_id"), ["tenant_id"], unique=False)
    op.protect_table("conductcount")


def downgrade() -> None:
    op.release_table("conductcount")
    op.drop_table("conductcount")
    op.release_table("mcpserver")
    op.drop_table("mcpserver")
    op.release_table("httptool")
    op.drop_table("httptool")
    op.release_table("toolcall")
    op.drop_table("toolcall")
