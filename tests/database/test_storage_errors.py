"""Storage errors: a database or a disk that refuses is told in words; a mistake of ours is not taken for one."""

import errno
import sqlite3
from pathlib import Path

import psycopg.errors
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from platform_app.storage_errors import as_unavailable


def words(error: BaseException) -> str:
    told = as_unavailable(error)
    return told.sentence.split(". ")[0].removesuffix(".") if told else ""


def test_a_full_database_file(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/small.db")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=3"))
        connection.execute(text("CREATE TABLE t (x TEXT)"))
        with pytest.raises(OperationalError) as full:
            connection.execute(text("INSERT INTO t VALUES (:x)"), {"x": "x" * 100_000})
    engine.dispose()
    assert words(full.value) == "Nothing was saved because the disk is full"


def test_a_database_that_may_only_be_read(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "own.db").close()
    engine = create_engine(f"sqlite:///file:{tmp_path}/own.db?mode=ro&uri=true")
    with engine.connect() as connection, pytest.raises(OperationalError) as refused:
        connection.execute(text("CREATE TABLE t (x TEXT)"))
    engine.dispose()
    assert words(refused.value) == "Nothing was saved because the database isn’t accepting changes"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Nothing was saved because the disk is full"),
        (OSError(errno.EDQUOT, "Quota"), "Nothing was saved because the disk is full"),
        (OperationalError("INSERT", {}, psycopg.errors.DiskFull()), "Nothing was saved because the disk is full"),
        (
            OperationalError("SELECT", {}, psycopg.OperationalError("connection refused")),
            "Nothing was saved because the database isn’t accepting changes",
        ),
        (
            OperationalError("SELECT", {}, psycopg.errors.AdminShutdown()),
            "Nothing was saved because the database isn’t accepting changes",
        ),
        (PoolTimeout("QueuePool limit"), "The database is busy"),
        (OSError(errno.ENOENT, "No such file"), ""),
        (IntegrityError("INSERT", {}, psycopg.errors.UniqueViolation()), ""),
        (ProgrammingError("SELECT", {}, psycopg.errors.UndefinedTable()), ""),
        (DBAPIError("SELECT", {}, Exception("odd")), ""),
        (ValueError("a mistake of ours"), ""),
    ],
)
def test_what_refused(error: BaseException, said: str) -> None:
    assert words(error) == said
