"""Environment: how Alembic compares models with tables and writes revisions."""

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Connection, Enum
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from platform_app import models
from platform_app.migrations.row_security import ProtectTable
from platform_app.models import message_search
from platform_app.models.base import Instant

assert models  # every table is known from here on


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | bool:
    """Write our column types as the plain ones beneath, so that old revisions outlive a change of the code."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime()"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


def protect_new_tables(migration: Any, revision: Any, directives: list[Any]) -> None:
    """Add row-level security to every new table that belongs to tenants."""
    for script in directives:
        upgrade = script.upgrade_ops
        created = [op for op in upgrade.ops if isinstance(op, ops.CreateTableOp)]
        owned = [op.table_name for op in created if any(c.name == "tenant_id" for c in op.to_table().columns)]
        upgrade.ops.extend(ProtectTable(name) for name in owned)


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Return False for the full-text index of messages, which the models cannot describe."""
    return name not in message_search.INDEXES and not str(name).startswith(message_search.TABLE)


def run(connection: Connection) -> None:
    """Run what was asked for in the caller's transaction."""
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        render_item=render_item,
        include_name=include_name,
        process_revision_directives=protect_new_tables,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
