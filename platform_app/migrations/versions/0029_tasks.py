"""Tasks are searched, reminded of, deleted and restored, and name the event of their creation.

Revision ID: 0029
Revises: 0028
"""

import unicodedata
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

NEW = {
    "remind_at": sa.DateTime(),
    "event_id": sa.String(length=32),
    "deleted_at": sa.DateTime(),
}
REMINDS = sa.text("remind_at IS NOT NULL")
INDEXES = {
    "ix_task_open": ["tenant_id", "deleted_at", "done_at", "due_at", "id"],
    "ix_task_assignee": ["tenant_id", "responsible_id", "deleted_at", "done_at", "due_at", "id"],
}
TASK = sa.table("task", sa.column("id"), sa.column("text"), sa.column("search_text"))
BATCH = 1_000


def _search_text(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").strip()[:1_499] + "\n"


def upgrade() -> None:
    with op.batch_alter_table("task", schema=None) as batch_op:
        for name, kind in NEW.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))
        batch_op.add_column(sa.Column("search_text", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.alter_column("search_text", server_default=None)
        for name, columns in INDEXES.items():
            batch_op.create_index(name, columns, unique=False)
        batch_op.create_index(
            "ix_task_reminder", ["remind_at"], unique=False, sqlite_where=REMINDS, postgresql_where=REMINDS
        )
    _fill()


def _fill() -> None:
    """Fold the texts for search, and set the reminders of open tasks that are due later."""
    connection = op.get_bind()
    changed = sa.update(TASK).where(TASK.c.id == sa.bindparam("row_id")).values(search_text=sa.bindparam("folded"))
    rows = connection.execute(sa.select(TASK.c.id, TASK.c.text)).all()
    for start in range(0, len(rows), BATCH):
        values = [{"row_id": row_id, "folded": _search_text(text)} for row_id, text in rows[start : start + BATCH]]
        connection.execute(changed, values)
    due = sa.text("UPDATE task SET remind_at = due_at WHERE done_at IS NULL AND due_at > :now")
    at = sa.bindparam("now", datetime.now(UTC).replace(tzinfo=None), type_=sa.DateTime())
    connection.execute(due.bindparams(at))


def downgrade() -> None:
    with op.batch_alter_table("task", schema=None) as batch_op:
        for name in ("ix_task_reminder", *INDEXES):
            batch_op.drop_index(name)
        batch_op.drop_column("search_text")
        for name in NEW:
            batch_op.drop_column(name)
