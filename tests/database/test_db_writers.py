"""Writers: those of several processes wait for each other at SQLite, none of them for long, and say when it was."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from platform_app import db
from platform_app.db import make_engine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture
def engine(file: Path) -> Engine:
    made = make_engine(f"sqlite:///{file}")
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE some (number INTEGER)")
    return made


def write(engine: Engine, number: int) -> int:
    """Write a number; return for how many milliseconds the connection waits for others afterwards."""
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO some VALUES (?)", (number,))
        return int(connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one())


def numbers(engine: Engine) -> list[int]:
    with engine.connect().execution_options(read_only=True) as connection:
        return list(connection.exec_driver_sql("SELECT number FROM some ORDER BY number").scalars())


def another(file: Path) -> sqlite3.Connection:
    """Return a connection as another process has it, which holds the write lock."""
    held = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")
    return held


def test_a_writer_goes_on_when_another_process_lets_go(file: Path, engine: Engine) -> None:
    held = another(file)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write, engine, 1)
        held.execute("INSERT INTO some VALUES (2)")
        assert not waiting.done()
        held.execute("COMMIT")
        assert waiting.result(30) == 30_000
    assert numbers(engine) == [1, 2]


def test_who_takes_the_lock_again_and_again_does_not_keep_it(file: Path, engine: Engine) -> None:
    held, turns = another(file), 0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write, engine, 1)
        while not waiting.done():
            held.execute("COMMIT")
            held.execute("BEGIN IMMEDIATE")
            turns += 1
        held.execute("COMMIT")
    assert numbers(engine) == [1] and turns


def test_patience_ends_with_the_lock_free_for_the_next(
    file: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_LOCK_TIMEOUT", 0.05)
    held = another(file)
    with pytest.raises(OperationalError, match="database is locked"):
        write(engine, 1)
    held.execute("COMMIT")
    write(engine, 2)
    assert numbers(engine) == [2]


def test_what_is_no_waiting_is_said_at_once(file: Path, engine: Engine) -> None:
    engine.dispose()
    file.write_bytes(b"no database" * 100)
    with pytest.raises(Exception, match="not a database"):
        write(engine, 1)
    assert not db._write_lock.locked()
