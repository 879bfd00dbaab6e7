"""The send gate: who is in charge of a conversation, what is held, opt-outs, what the caps count, read marks, tags.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UNDECIDED = sa.text("state IN ('held', 'to_approve')")
IN_CHARGE = sa.text("state = 'handed_off'")
SNOOZED = sa.text("snoozed_until IS NOT NULL")


def _json(name: str, default: str) -> sa.Column:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=default)


def _text(name: str, length: int | None = None, default: str = "") -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default=default)


def _flag(name: str, default: bool) -> sa.Column:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(), nullable=True)


def _id(name: str) -> sa.Column:
    return sa.Column(name, sa.String(length=32), nullable=True)


def _columns() -> dict[str, list[sa.Column]]:
    return {
        "tenant": [_json("sending", "{}")],
        "member": [_moment("assigned_at")],
        "contact": [
            _moment("opted_out_at"),
            sa.Column("opt_out_cause", sa.String(length=40), nullable=True),
            _text("opt_out_by", 200),
        ],
        "enrollmentstep": [_json("gate", "{}")],
        "conversation": [
            _flag("is_live", True),
            _id("assignee_id"),
            _moment("in_charge_since"),
            _id("in_charge_id"),
            _text("in_charge", 200),
            _moment("member_at"),
            _moment("hand_back_at"),
            _moment("snoozed_until"),
            _moment("contact_at"),
        ],
        "message": [
            _id("author_id"),
            _text("origin", 40, "conversation"),
            _text("origin_name", 200),
            _id("enrollment_id"),
            _flag("is_exempt", False),
            _json("gate", "{}"),
            _text("own_text"),
            _json("review", "{}"),
            _json("mentions", "[]"),
        ],
    }


def upgrade() -> None:
    for table, columns in _columns().items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.add_column(column)
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                if column.server_default is not None:
                    batch_op.alter_column(column.name, server_default=None)
    op.execute("UPDATE conversation SET in_charge_since = last_message_at WHERE state = 'handed_off'")
    op.create_table(
        "dispatch",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("contact_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_dispatch_contact_id_contact"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_dispatch_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_dispatch_tenant_id_key")),
    )
    op.create_table(
        "conversationread",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_conversationread_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_conversationread_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_conversationread_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversationread")),
        sa.UniqueConstraint(
            "tenant_id",
            "user_id",
            "conversation_id",
            name=op.f("uq_conversationread_tenant_id_user_id_conversation_id"),
        ),
    )
    op.create_table(
        "conversationtag",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("tag", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_conversationtag_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_conversationtag_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversationtag")),
        sa.UniqueConstraint("conversation_id", "key", name=op.f("uq_conversationtag_conversation_id_key")),
    )
    for name, (table, columns, where) in INDEXES.items():
        options = {"sqlite_where": where, "postgresql_where": where} if where is not None else {}
        op.create_index(name, table, columns, unique=False, **options)
    for table in NEW_TABLES:
        op.protect_table(table)


NEW_TABLES = ("dispatch", "conversationread", "conversationtag")
INDEXES = {
    "ix_dispatch_tenant_id": ("dispatch", ["tenant_id"], None),
    "ix_dispatch_contact": ("dispatch", ["tenant_id", "contact_id", "at"], None),
    "ix_dispatch_at": ("dispatch", ["tenant_id", "at"], None),
    "ix_conversationread_tenant_id": ("conversationread", ["tenant_id"], None),
    "ix_conversationread_user_id": ("conversationread", ["user_id"], None),
    "ix_conversationread_conversation_id": ("conversationread", ["conversation_id"], None),
    "ix_conversationtag_tenant_id": ("conversationtag", ["tenant_id"], None),
    "ix_conversationtag_key": ("conversationtag", ["tenant_id", "key", "conversation_id"], None),
    "ix_message_undecided": ("message", ["tenant_id", "due_at"], UNDECIDED),
    "ix_conversation_state": ("conversation", ["tenant_id", "state", "last_message_at"], None),
    "ix_conversation_assignee": ("conversation", ["tenant_id", "assignee_id", "state", "last_message_at"], None),
    "ix_conversation_hand_back": ("conversation", ["hand_back_at"], IN_CHARGE),
    "ix_conversation_snooze": ("conversation", ["snoozed_until"], SNOOZED),
}


def downgrade() -> None:
    for name, (table, _, _) in INDEXES.items():
        if table not in NEW_TABLES:
            op.drop_index(name, table_name=table)
    for table in NEW_TABLES:
        op.drop_table(table)
    for table, columns in _columns().items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in reversed(columns):
                batch_op.drop_column(column.name)
