"""Channel accounts have a shadow mode, whose answers are compared with those of people.

Revision ID: 0064
Revises: 0063
"""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

COLUMNS = ("is_shadow", "live_stages", "live_tags")


def _key(column: str, table: str, action: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_shadowanswer_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete=action)


def upgrade() -> None:
    mark = sa.Enum("agreed", "better", "worse", "unsafe", name="shadowmark", native_enum=False, length=40)
    op.create_table(
        "shadowanswer",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("question_id", sa.String(length=32), nullable=False),
        sa.Column("answer_id", sa.String(length=32), nullable=False),
        sa.Column("person_message_id", sa.String(length=32), nullable=True),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("stage_id", sa.String(length=32), nullable=False),
        sa.Column("is_unanswered", sa.Boolean(), nullable=False),
        sa.Column("mark", mark, nullable=True),
        sa.Column("marked_by", sa.String(length=200), nullable=False),
        sa.Column("marked_by_id", sa.String(length=32), nullable=True),
        sa.Column("marked_at", sa.DateTime(), nullable=True),
        _key("account_id", "channelaccount", "CASCADE"),
        _key("answer_id", "message", "CASCADE"),
        _key("conversation_id", "conversation", "CASCADE"),
        _key("person_message_id", "message", "SET NULL"),
        _key("question_id", "message", "CASCADE"),
        _key("tenant_id", "tenant", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadowanswer")),
        sa.UniqueConstraint("answer_id", name=op.f("uq_shadowanswer_answer_id")),
    )
    with op.batch_alter_table("shadowanswer", schema=None) as batch_op:
        batch_op.create_index("ix_shadowanswer_asked", ["tenant_id", "account_id", "asked_at"], unique=False)
        batch_op.create_index("ix_shadowanswer_conversation", ["conversation_id", "answered_at"], unique=False)
        for column in ("person_message_id", "question_id", "tenant_id"):
            batch_op.create_index(batch_op.f(f"ix_shadowanswer_{column}"), [column], unique=False)
    op.protect_table("shadowanswer")
    # Processes of the previous release write such rows during an update.
    with op.batch_alter_table("channelaccount", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_shadow", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("live_stages", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("live_tags", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("channelaccount", schema=None) as batch_op:
        for column in reversed(COLUMNS):
            batch_op.drop_column(column)
    op.release_table("shadowanswer")
    op.drop_table("shadowanswer")
