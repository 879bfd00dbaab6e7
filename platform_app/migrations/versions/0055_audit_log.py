"""Tenants and the installation have audit logs.

Revision ID: 0055
Revises: 0054
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_table("auditentry", _entry_columns(), "number")
    with op.batch_alter_table("auditentry", schema=None) as batch_op:
        batch_op.create_index("ix_auditentry_action", ["tenant_id", "action", "number"], unique=False)
        batch_op.create_index("ix_auditentry_actor", ["tenant_id", "actor_id", "number"], unique=False)
        batch_op.create_index(batch_op.f("ix_auditentry_tenant_id"), ["tenant_id"], unique=False)
    _create_table("audithead", _head_columns())
    with op.batch_alter_table("audithead", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audithead_tenant_id"), ["tenant_id"], unique=False)
    op.create_table(
        "platformauditentry",
        *_entry_columns(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platformauditentry")),
        sa.UniqueConstraint("number", name=op.f("uq_platformauditentry_number")),
    )
    op.create_table(
        "platformaudithead", *_head_columns(), sa.PrimaryKeyConstraint("id", name=op.f("pk_platformaudithead"))
    )
    op.protect_table("auditentry")
    op.protect_table("audithead")


def _create_table(table: str, columns: list[sa.Column[Any]], *unique: str) -> None:
    tenant = sa.Column("tenant_id", sa.String(length=32), nullable=False)
    op.create_table(
        table,
        *columns[:2],
        tenant,
        *columns[2:],
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("tenant_id", *unique, name=op.f("_".join(["uq", table, "tenant_id", *unique]))),
    )


def _entry_columns() -> list[sa.Column[Any]]:
    texts = {"actor_kind": 40, "actor_id": 32, "actor_name": 200, "action": 40, "object_kind": 40}
    texts |= {"object_id": 32, "object_name": 200}
    return [
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        *(sa.Column(name, sa.String(length=length), nullable=False) for name, length in texts.items()),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
    ]


def _head_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=40), nullable=False),
        sa.Column("verified_at", sa.DateTime(), nullable=True),
        sa.Column("verified_count", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.String(length=40), nullable=False),
        sa.Column("fault_number", sa.BigInteger(), nullable=False),
    ]


def downgrade() -> None:
    op.release_table("audithead")
    op.release_table("auditentry")
    for table in ("platformaudithead", "platformauditentry", "audithead", "auditentry"):
        op.drop_table(table)
