"""Row security: PostgreSQL's row-level security, a second barrier between tenants below that of the session."""

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy.dialects import postgresql

_OWN = "tenant_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*'"
# SQLAlchemy leaves dialect() without annotations
_quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


@Operations.register_operation("protect_table")
class ProtectTable(MigrateOperation):
    """Restrict a table to the rows of the tenant that a transaction has declared."""

    def __init__(self, table: str) -> None:
        self.table = table

    @classmethod
    def protect_table(cls, operations: Operations, table: str) -> None:
        """Enable row-level security on a table; does nothing on SQLite."""
        operations.invoke(cls(table))

    def reverse(self) -> MigrateOperation:
        """Return the operation that undoes this one."""
        return ReleaseTable(self.table)


@Operations.register_operation("release_table")
class ReleaseTable(MigrateOperation):
    """Remove the restriction from a table."""

    def __init__(self, table: str) -> None:
        self.table = table

    @classmethod
    def release_table(cls, operations: Operations, table: str) -> None:
        """Disable row-level security on a table; does nothing on SQLite."""
        operations.invoke(cls(table))


@Operations.implementation_for(ProtectTable)
def _protect(operations: Operations, asked: ProtectTable) -> None:
    if operations.get_bind().dialect.name != "postgresql":
        return
    table = _quote(asked.table)
    operations.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    operations.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")  # its owner obeys as well
    operations.execute(f"CREATE POLICY own_tenant ON {table} USING ({_OWN})")


@Operations.implementation_for(ReleaseTable)
def _release(operations: Operations, asked: ReleaseTable) -> None:
    if operations.get_bind().dialect.name != "postgresql":
        return
    table = _quote(asked.table)
    operations.execute(f"DROP POLICY IF EXISTS own_tenant ON {table}")
    operations.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    operations.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


@renderers.dispatch_for(ProtectTable)
def _render_protect(autogen: AutogenContext, asked: ProtectTable) -> str:
    return f"op.protect_table({asked.table!r})"


@renderers.dispatch_for(ReleaseTable)
def _render_release(autogen: AutogenContext, asked: ReleaseTable) -> str:
    return f"op.release_table({asked.table!r})"
