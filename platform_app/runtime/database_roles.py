"""Database roles: the owner of the tables, the application's role, and whether row-level security binds it.

Row-level security does not bind superusers and roles with BYPASSRLS, nor the owner of a table unless it is forced. So
the application gets a role that may read and write rows and nothing else; migrations have the owner's.
"""

import structlog
from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from platform_app.config import settings

log = structlog.get_logger()
_APPEND_ONLY = ("auditentry", "platformauditentry")
_PATIENCE = 5  # seconds for the database to answer
ADVICE = (
    "Give PLATFORM_DATABASE_URL a role that is no superuser and has no BYPASSRLS, "
    "and PLATFORM_MIGRATION_DATABASE_URL the owner of the tables."
)
# SQLAlchemy leaves dialect() without annotations
_quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
_OPEN_TABLES = """
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
      AND NOT (c.relrowsecurity AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE')))
    ORDER BY c.relname
"""


def weakness(address: str) -> str:
    """Return why row-level security does not apply to the role of a database address, "" if it does or on SQLite.

    Raises SQLAlchemyError if the database does not answer.
    """
    if address.startswith("sqlite"):
        return ""
    patient = {"connect_timeout": _PATIENCE}
    with create_engine(address, poolclass=NullPool, connect_args=patient).connect() as connection:
        return _weakness(connection)


def _weakness(connection: Connection) -> str:
    row = connection.exec_driver_sql(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    ).one()
    if row.rolsuper:
        return f"the database role {row.rolname} is a superuser, whom row-level security does not bind"
    if row.rolbypassrls:
        return f"the database role {row.rolname} has BYPASSRLS"
    if tables := connection.exec_driver_sql(_OPEN_TABLES).scalars().all():
        return f"{len(tables)} tables are not locked for the database role {row.rolname}, such as {tables[0]}"
    return ""


def warn() -> None:
    """Log a warning if row-level security does not apply to the application's role."""
    try:
        reason = weakness(settings().database)
    except SQLAlchemyError:  # the health page says what is wrong with the database
        return
    if reason:
        log.error("row-level security does not hold", reason=reason, advice=ADVICE)


def grant_access(owner: str, application: str) -> None:
    """Grant the application's role reads and writes of all tables of the owner, also future ones.

    Of the audit log it may read and add entries alone; those of a tenant are deleted with its row, by the foreign key.

    Both arguments are database addresses. Does nothing if they name the same role, or on SQLite.
    """
    role = make_url(application).username
    if owner.startswith("sqlite") or not role or role == make_url(owner).username:
        return
    name = _quote(role)
    with create_engine(owner, poolclass=NullPool).begin() as connection:
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {name}",
            f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name}",
            *(f"REVOKE UPDATE, DELETE ON {table} FROM {name}" for table in _APPEND_ONLY),
        ):
            connection.exec_driver_sql(statement)
