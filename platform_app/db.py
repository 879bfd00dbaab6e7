"""Database: the engine, transactions of one tenant, and the guard that isolates tenants.

Only this module commits, and only it builds a bare select. A transaction belongs to one tenant or states an audited
reason; a statement on a tenant's table without its tenant is refused before it is sent.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Delete, Engine, Select, Update, bindparam, create_engine, delete, event, update
from sqlalchemy.orm import Mapper, ORMExecuteState, UOWTransaction
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.visitors import InternalTraversal
from sqlmodel import Session, SQLModel, col, select

from platform_app import database_clock, models
from platform_app.clock import now
from platform_app.config import settings
from platform_app.errors import Unavailable
from platform_app.models.base import Owned
from platform_app.tracing import spans

_ = models  # imports every table, which the guard lists
log = structlog.get_logger()
Model = TypeVar("Model", bound=SQLModel)
CachedT = TypeVar("CachedT")
OwnedModel = TypeVar("OwnedModel", bound=Owned)


class TenantIsolationError(RuntimeError):
    """A statement would have crossed the border between tenants: always a bug."""


@lru_cache
def owned_tables() -> dict[str, type[Owned]]:
    """Return the tables that belong to tenants, by name."""
    mappers: Sequence[Mapper[Any]] = list(SQLModel._sa_registry.mappers)
    return {str(m.class_.__tablename__): m.class_ for m in mappers if issubclass(m.class_, Owned)}


@lru_cache
def engine() -> Engine:
    """Return the engine of this process, created once."""
    return make_engine(settings().database)


def make_engine(address: str) -> Engine:
    """Return an engine with the settings of its dialect and the tenant guard."""
    if address.startswith("sqlite"):
        made = create_engine(address, pool_size=20, max_overflow=20, pool_recycle=3_600)
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_sqlite)
        event.listen(made, "checkin", _release_write_lock)
    else:
        made = database_clock.follow(create_engine(address, pool_size=10, max_overflow=20, pool_pre_ping=True))
    event.listen(made, "before_cursor_execute", _guard)
    return made


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    _set_busy_timeout(connection, _LOCK_TIMEOUT * 1000)
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


_write_lock = Lock()  # serializes the writers of this process
_LOCK_TIMEOUT = 30  # seconds


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once, so that no read-modify-write overwrites another's change."""
    if connection.get_execution_options().get("read_only", False):
        connection.exec_driver_sql("BEGIN")
        return
    if not _write_lock.acquire(timeout=_LOCK_TIMEOUT):
        raise Unavailable("The database is busy. Try again.")
    connection.info["turn"] = True
    try:
        _lock_sqlite(connection)
    except BaseException:
        _release_write_lock(None, connection)
        raise


def _lock_sqlite(connection: Connection) -> None:
    """Take the write lock as soon as it is free: SQLite itself pauses up to 0.1 s between attempts."""
    own: Any = connection.connection.driver_connection
    end = monotonic() + _LOCK_TIMEOUT
    _set_busy_timeout(own, 5)
    try:
        while monotonic() < end:
            try:
                own.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises the error that the library raises
    finally:
        _set_busy_timeout(own, _LOCK_TIMEOUT * 1000)


def _set_busy_timeout(connection: Any, milliseconds: int) -> None:
    connection.execute(f"PRAGMA busy_timeout={milliseconds}")


def _release_write_lock(_: object, held: Connection | ConnectionPoolEntry) -> None:
    if held.info.pop("turn", False):
        _write_lock.release()


class Transaction(Session):
    """A session of one tenant, or of the platform itself for an audited reason."""

    def __init__(self, tenant_id: str | None, reason: str, read_only: bool, bind: Engine) -> None:
        if not tenant_id and not reason:
            raise TenantIsolationError("a session needs a tenant or a reason")
        super().__init__(bind.execution_options(read_only=True) if read_only else bind, expire_on_commit=False)
        self.tenant_id = tenant_id
        self.info["flushing"] = False
        self.before_commit: list[Callable[[], object]] = []
        self.after_commit: list[Callable[[], object]] = []
        self.started_at = now()
        self.cache: dict[Any, Any] | None = None
        self.lock_timeout = 0.0  # seconds to wait for a locked row; 0: no limit

    def enable_cache(self) -> None:
        """Keep every row and what `cached` reads until the end, for work on many rows of one kind."""
        self.cache = {}

    def cached(self, key: Any, read: Callable[[], CachedT]) -> CachedT:
        """Return what `read` returns; with the cache enabled it is called once per key."""
        if self.cache is None:
            return read()
        if key not in self.cache:
            self.cache[key] = read()
        held: CachedT = self.cache[key]
        return held

    def run_before_commit(self) -> None:
        """Run the callbacks for before the commit, also those that they add, or that writing their rows adds."""
        self.flush()
        while self.before_commit:
            self.before_commit.pop(0)()
            self.flush()

    def exec(self, statement: Any, **options: Any) -> Any:
        """Run a statement; unlike SQLModel's overloads it accepts a select narrowed to columns."""
        return super().exec(statement, **options)

    def exists_each(self, *queries: Any) -> list[bool]:
        """Return for each query whether it finds a row. Raises TenantIsolationError for queries of columns."""
        if any(query.column_descriptions[0].get("entity") is None for query in queries):
            raise TenantIsolationError("rows are looked for by their models")
        return [bool(found) for found in self.execute(Select(*(query.exists() for query in queries))).one()]

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Open a savepoint: if the block raises, its changes and callbacks are undone, and the transaction goes on."""
        self.flush()  # what this records stays, also if the block is undone
        before, self.before_commit, sends, info = self.before_commit, [], len(self.after_commit), dict(self.info)
        try:
            with self.begin_nested():
                yield
                self.run_before_commit()
        except BaseException:
            del self.after_commit[sends:]
            self.info.clear()
            self.info.update(info)
            raise
        finally:
            self.before_commit = before


@event.listens_for(Transaction, "after_begin")
def _mark_connection(session: OrmSession, transaction: Any, connection: Connection) -> None:
    assert isinstance(session, Transaction)
    connection.info["session"] = session
    if connection.dialect.name == "postgresql":
        scope = session.tenant_id or "*"
        connection.exec_driver_sql("SELECT set_config('app.tenant', %s, true)", (scope,))
        if session.lock_timeout:
            connection.exec_driver_sql("SELECT set_config('lock_timeout', %s, true)", (f"{session.lock_timeout}s",))


@event.listens_for(Transaction, "do_orm_execute")
def _refresh_locked_rows(state: ORMExecuteState) -> None:
    """Reload a row that is being locked, since another transaction may have changed it."""
    if getattr(state.statement, "_for_update_arg", None) is not None and state.session.autoflush:
        state.update_execution_options(populate_existing=True)


@event.listens_for(Transaction, "do_orm_execute")
def _add_tenant(state: ORMExecuteState) -> None:
    tenant = state.session.tenant_id  # type: ignore[attr-defined]  # only Transactions are listened to
    if tenant is None:
        return
    if state.is_column_load:  # further columns of a row that the transaction has read
        state.update_execution_options(held_row=True)
        return
    state.statement = state.statement.options(_tenant_option(tenant))


class _TenantCriteria(LoaderCriteriaOption):
    """Restricts a table to a tenant, also under the alias of a join, which the library would omit."""

    def _resolve_where_criteria(self, ext_info: Any) -> Any:
        criterion = super()._resolve_where_criteria(ext_info)
        return ext_info._adapter.traverse(criterion) if ext_info.is_aliased_class else criterion


class _TenantOption(CriteriaOption):
    """Restricts every owned table to a tenant; one option for all tables keeps its cost per statement low."""

    _cache_key_traversal = [("tenant", InternalTraversal.dp_clauseelement)]
    propagate_to_loaders = True

    def __init__(self, tenant: str) -> None:
        self.tenant: Any = bindparam(None, tenant, unique=True)
        self.criteria = [
            # comparisons of model fields are annotated as bool
            _TenantCriteria(table, table.tenant_id == self.tenant, include_aliases=True)  # type: ignore[arg-type]
            for table in owned_tables().values()
        ]

    def process_compile_state(self, compile_state: Any) -> None:
        for one in self.criteria:
            one.process_compile_state(compile_state)

    def process_compile_state_replaced_entities(self, compile_state: Any, mapper_entities: Any) -> None:
        self.process_compile_state(compile_state)


@lru_cache(maxsize=1024)
def _tenant_option(tenant: str) -> _TenantOption:
    """Return the option of a tenant. Cached: building it costs more than most statements."""
    return _TenantOption(tenant)


@event.listens_for(Transaction, "before_flush")
def _check_rows(session: OrmSession, context: UOWTransaction, instances: Any) -> None:
    assert isinstance(session, Transaction)
    if session.tenant_id is None:
        return
    for row in [*session.new, *session.dirty, *session.deleted]:
        if isinstance(row, Owned) and row.tenant_id != session.tenant_id:
            raise TenantIsolationError(f"a {type(row).__name__} of another tenant in this transaction")
    session.info["flushing"] = True


@event.listens_for(Transaction, "detached_to_persistent")
def _check_attached(session: OrmSession, row: Any) -> None:
    assert isinstance(session, Transaction)
    if session.tenant_id is not None and isinstance(row, Owned) and row.tenant_id != session.tenant_id:
        raise TenantIsolationError(f"a {type(row).__name__} of another tenant is brought into this transaction")


@event.listens_for(Transaction, "after_flush_postexec")
def _flushed(session: OrmSession, context: UOWTransaction) -> None:
    session.info["flushing"] = False


@event.listens_for(Transaction, "loaded_as_persistent")
def _cache_row(session: OrmSession, row: Any) -> None:
    assert isinstance(session, Transaction)
    if session.cache is not None:
        session.cache[id(row)] = row  # a session forgets rows without references


@event.listens_for(Transaction, "after_soft_rollback")
def _rolled_back(session: OrmSession, previous: Any) -> None:
    session.info["flushing"] = False  # after a failed flush in a savepoint


_TABLE = re.compile(
    r"(?:\b(?:FROM|JOIN|UPDATE)\b[\s(]*(?:[\"`\[]?\w+[\"`\]]?\s*\.\s*)?|,\s*)"  # a schema may come before the name
    r"[\"`\[]?(\w+)[\"`\]]?(?:\s+AS\s+\"?(\w+)\"?)?",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def _table_without_tenant(statement: str) -> str:
    """Return the first owned table that a statement does not restrict to a tenant, or ""."""
    for name, alias in _TABLE.findall(statement):
        if name in owned_tables() and f"{alias or name}.tenant_id = " not in statement:
            return str(name)
    return ""


@lru_cache(maxsize=4096)
def _owned_table_in(statement: str) -> str:
    words = set(re.findall(r"\w+", statement))
    return next((name for name in owned_tables() if name in words), "")


def _guard(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    if not statement.lstrip()[:6].upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
        return
    session = conn.info.get("session")
    if not isinstance(session, Transaction) or not session.is_active:
        if _owned_table_in(statement):
            raise TenantIsolationError(f"table {_owned_table_in(statement)} outside a transaction of a tenant")
    elif session.tenant_id is not None and not session.info["flushing"]:
        if statement.lstrip()[:6].upper() == "INSERT" and _owned_table_in(statement):
            raise TenantIsolationError("rows of a tenant are inserted as objects")
        held = context is not None and context.execution_options.get("held_row", False)
        if not held and _table_without_tenant(statement):
            raise TenantIsolationError(f"table {_table_without_tenant(statement)} without its tenant")


@contextmanager
def session_scope(
    tenant_id: str | None = None, *, reason: str = "", read_only: bool = False, lock_timeout: float = 0
) -> Iterator[Transaction]:
    """Open a transaction: commit at the end, roll back on an error, then run callbacks for after the commit.

    `tenant_id` or `reason` is required; TenantIsolationError is raised without. `read_only` takes no write lock and
    never commits. `lock_timeout` is the time in seconds to wait for a locked row. Raises Unavailable if the database
    stays locked.
    """
    spans.current().share(spans.TENANT, tenant_id or "")
    with Transaction(tenant_id, reason, read_only, engine()) as session:
        session.lock_timeout = lock_timeout
        try:
            yield session
            if read_only:
                session.flush()
                session.expunge_all()
                session.rollback()
            else:
                session.run_before_commit()
                session.commit()
        except Exception as error:
            session.rollback()
            if "database is locked" in str(error):
                raise Unavailable("The database is busy. Try again.") from error
            raise
        finally:
            if session.bind is not None:
                session.info["flushing"] = False
        _run_after_commit(session.after_commit)


def _run_after_commit(hooks: list[Callable[[], object]]) -> None:
    """Run every callback; since the rows are written, one that fails is logged and stops nothing."""
    for hook in hooks:
        try:
            hook()
        except Exception:
            log.exception("a hook after the commit failed", hook=getattr(hook, "__qualname__", repr(hook)))


def owned(model: type[OwnedModel], tenant_id: str) -> Any:
    """Return a select of a tenant's rows; refine it with `where`, `order_by`, `with_only_columns`."""
    return select(model).where(model.tenant_id == tenant_id)


def owned_update(model: type[OwnedModel], tenant_id: str) -> Update:
    """Return an update of a tenant's rows."""
    return update(model).where(col(model.tenant_id) == tenant_id)


def owned_delete(model: type[OwnedModel], tenant_id: str) -> Delete:
    """Return a delete of a tenant's rows."""
    return delete(model).where(col(model.tenant_id) == tenant_id)


def unscoped(model: type[Model]) -> Any:
    """Return a select over all rows, for tables without a tenant or transactions with a reason."""
    return select(model)


def unscoped_update(model: type[Model]) -> Update:
    """Return an update of all rows, for tables without a tenant or transactions with a reason."""
    return update(model)


def unscoped_delete(model: type[Model]) -> Delete:
    """Return a delete of all rows, for tables without a tenant or transactions with a reason."""
    return delete(model)


__all__ = ["Select", "Transaction", "TenantIsolationError", "engine", "owned", "session_scope"]
