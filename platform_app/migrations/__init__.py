"""Migrations: bring a database to the tables of this version, safely from several processes at once."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

_FOLDER = Path(__file__).parent
_WAL_SECONDS = 30.0
_LOCK = 7_203_511_904  # any number, the same in every process


def _configuration(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def transaction(address: str) -> Iterator[Connection]:
    """Open the one transaction in which tables may change; a second process waits until it is over.

    The engine is plain on purpose: the tenant guard knows only the tables of today, not those of every revision.

    Raises RuntimeError if a migration on SQLite leaves foreign keys without their rows.
    """
    if address.startswith("sqlite"):
        engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": 60})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    else:
        engine = create_engine(address, poolclass=NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            connection.exec_driver_sql("SELECT set_config('app.tenant', '*', true)")
        yield connection
        if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise RuntimeError("a migration left rows that point to nothing")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the journal mode; SQLite does not wait for other processes here, whatever its timeout."""
    end = time.monotonic() + _WAL_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    _use_wal(connection)
    connection.execute("PRAGMA foreign_keys=OFF")  # a table that is rebuilt would take its children along


def upgrade(address: str, revision: str = "head") -> None:
    """Apply every revision that the database lacks."""
    with transaction(address) as connection:
        command.upgrade(_configuration(connection), revision)


def downgrade(address: str, revision: str) -> None:
    """Take revisions back to one: "base" for none, "-1" for one step."""
    with transaction(address) as connection:
        command.downgrade(_configuration(connection), revision)


def check(address: str) -> None:
    """Raise alembic's CommandError when tables and models differ."""
    with transaction(address) as connection:
        command.check(_configuration(connection))


def head() -> str:
    """Return the newest revision of this version."""
    return ScriptDirectory.from_config(_configuration()).get_current_head() or ""


def revisions() -> set[str]:
    """Return every revision that this version knows."""
    return {revision.revision for revision in ScriptDirectory.from_config(_configuration()).walk_revisions()}


def current(address: str) -> str:
    """Return the revision that a database stands at; empty when it has none."""
    engine = create_engine(address, poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def next_number(names: Iterable[str]) -> str:
    """Return the number after the greatest with which names of revisions begin, in four digits."""
    return f"{max(int(name[:4]) for name in names) + 1:04d}"


def write_revision(address: str, message: str) -> str:
    """Write the revision that leads from a migrated database to the models, and return its path."""
    number = next_number(path.name for path in (_FOLDER / "versions").glob("[0-9]*.py"))
    with transaction(address) as connection:
        config = _configuration(connection)
        script = command.revision(config, message, autogenerate=True, rev_id=number)
    assert script is not None and not isinstance(script, list)
    return str(script.path)
