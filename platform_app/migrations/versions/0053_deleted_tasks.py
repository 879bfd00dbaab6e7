"""Deleted tasks stand in the bin, and keep the reminder that is still to come.

Revision ID: 0053
Revises: 0052
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from platform_app.automation.values import fold
from platform_app.clock import new_id

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_TYPES = {
    **dict.fromkeys(("created_at", "deleted_at", "expires_at"), sa.DateTime()),
    "details": sa.JSON(),
    "was_enabled": sa.Boolean(),
}
_NAMES = ("id", "created_at", "tenant_id", "kind", "row_id", "name", "name_key", "deleted_at", "deleted_by", "with_id")
_ENTRIES = sa.table(
    "binentry",
    *(sa.column(name, _TYPES.get(name, sa.String())) for name in (*_NAMES, "was_enabled", "details", "expires_at")),
)


def upgrade() -> None:
    connection, at = op.get_bind(), datetime.now(UTC).replace(tzinfo=None)
    deleted_at = sa.column("deleted_at", sa.DateTime())
    tasks = sa.table("task", deleted_at, sa.column("id"), sa.column("tenant_id"), sa.column("text"))
    for row in connection.execute(sa.select(tasks).where(deleted_at.is_not(None))).mappings().all():
        name = str(row["text"])[:300]
        values = {
            "id": new_id(),
            "created_at": at,
            "tenant_id": row["tenant_id"],
            "kind": "task",
            "row_id": row["id"],
            "name": name,
            "name_key": fold(name)[:600],
            "deleted_at": row["deleted_at"],
            "deleted_by": "",
            "with_id": "",
            "was_enabled": False,
            "details": {},
            "expires_at": row["deleted_at"] + timedelta(days=30),
        }
        connection.execute(_ENTRIES.insert().values(**values))
    due = sa.text("UPDATE task SET remind_at = due_at WHERE deleted_at IS NOT NULL AND done_at IS NULL AND due_at > :now")
    connection.execute(due.bindparams(sa.bindparam("now", type_=sa.DateTime())), {"now": at})


def downgrade() -> None:
    op.get_bind().execute(sa.text("DELETE FROM binentry WHERE kind = 'task'"))
