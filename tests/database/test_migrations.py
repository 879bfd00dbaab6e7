"""Migrations: the tables they make are those of the models, whoever runs them and however often."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from platform_app import db, migrations
from platform_app.models import message_search


@pytest.fixture
def empty(database: str) -> Iterator[str]:
    """An empty database: what the fixture made is dropped again."""
    SQLModel.metadata.drop_all(db.engine())
    db.engine().dispose()
    yield database


def plain(address: str) -> Engine:
    return create_engine(address, poolclass=NullPool)


def tables(address: str) -> set[str]:
    """Return the tables of a database without those of SQLite's full-text index."""
    found = inspect(plain(address)).get_table_names()
    return {name for name in found if name != "alembic_version" and not name.startswith(message_search.TABLE)}


def test_the_tables_are_those_of_the_models(empty: str) -> None:
    migrations.upgrade(empty)
    assert tables(empty) == set(SQLModel.metadata.tables)
    assert migrations.current(empty) == migrations.head()
    migrations.check(empty)


def test_check_sees_a_difference(empty: str) -> None:
    migrations.upgrade(empty)
    with migrations.transaction(empty) as connection:
        connection.execute(text("ALTER TABLE agent ADD COLUMN forgotten INTEGER"))
    with pytest.raises(CommandError, match="forgotten"):
        migrations.check(empty)


def test_down_and_up_again(empty: str) -> None:
    migrations.upgrade(empty)
    migrations.downgrade(empty, "base")
    assert tables(empty) == set()
    migrations.upgrade(empty)
    migrations.check(empty)


def test_a_second_time_changes_nothing(empty: str) -> None:
    migrations.upgrade(empty)
    with plain(empty).begin() as connection:
        connection.execute(text("INSERT INTO workerbeat VALUES ('a', '2026-01-01', '2026-01-01', '{}')"))
    migrations.upgrade(empty)
    with plain(empty).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM workerbeat")).scalar() == 1


def test_a_failure_leaves_nothing_half_done(empty: str) -> None:
    with pytest.raises(ZeroDivisionError), migrations.transaction(empty) as connection:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise ZeroDivisionError
    assert tables(empty) == set()


def test_four_processes_at_once(empty: str, tmp_path: Path) -> None:
    code = f"from platform_app import migrations; migrations.upgrade({empty!r})"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, cwd=Path(__file__).parents[2])
        for _ in range(4)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert all(code == 0 for _, code in ended), ended
    migrations.check(empty)
