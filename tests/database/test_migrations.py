"""Migrations: the tables they make are those of the models, whoever runs them and however often."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.util import CommandError
from sqlalchemy import Engine, MetaData, Table, create_engine, inspect, text
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from platform_app import db, migrations
from platform_app.models import message_search

PUBLISHED = datetime(2026, 2, 3, 4, 5)
CONTENT = {"name": "Vera", "steps": [1]}


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
        connection.execute(text("INSERT INTO workerbeat VALUES ('a', '2026-01-01', '2026-01-01', '{}', 'worker')"))
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


def insert(address: str, table: str, **values: Any) -> None:
    """Insert a row into a table of any revision; columns without a value become empty."""
    empty_values = {bool: False, int: 0, float: 0.0, str: "", datetime: PUBLISHED, object: {}}  # object: JSON
    with plain(address).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('app.tenant', '*', true)"))
        columns = Table(table, MetaData(), autoload_with=connection)
        needed = {column.name: empty_values[column.type.python_type] for column in columns.c if not column.nullable}
        connection.execute(columns.insert().values(needed | values))


def stored(address: str, table: str) -> Any:
    """Return the only row of a table by column."""
    with plain(address).connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT set_config('app.tenant', '*', true)"))
        return connection.execute(Table(table, MetaData(), autoload_with=connection).select()).mappings().one()


def insert_published_rows(address: str) -> None:
    insert(address, "tenant", id="t")
    ids = {"id": "1", "tenant_id": "t"}
    insert(address, "agent", **ids, draft_saved_by="Anna", published_id="v", published_number=3)
    insert(address, "agentversion", id="v", tenant_id="t", agent_id="1", number=3, settings=CONTENT, author_name="Anna")
    insert(address, "script", **ids, kind="closing")
    insert(address, "scriptversion", **ids, script_id="1", number=1, data=CONTENT, author_name="Boris")
    insert(address, "rule", **ids, draft_saved_by="Boris")
    insert(address, "sequence", **ids, draft_saved_by="Vera")
    for kind in ("rule", "sequence"):
        parent, earlier = {f"{kind}_id": "1"}, datetime(2026, 1, 1)
        dates = {"created_at": earlier, "published_at": PUBLISHED}
        insert(address, f"{kind}version", **ids, **parent, **dates, number=1, definition=CONTENT, published_by="Vera")


def test_a_new_revision_has_the_number_after_the_greatest() -> None:
    assert migrations.next_number(["0001_every_table.py", "0048_checklist.py", "0046_articles.py"]) == "0049"


def test_versions_keep_their_data_when_their_columns_become_the_same(empty: str) -> None:
    migrations.upgrade(empty, "0021")
    insert_published_rows(empty)
    migrations.upgrade(empty, "0022")
    authors = {"agent": "Anna", "script": "Boris", "rule": "Vera", "sequence": "Vera"}
    for kind, author in authors.items():
        version = stored(empty, f"{kind}version")
        assert (version["content"], version["author_name"], version["created_at"]) == (CONTENT, author, PUBLISHED)
    agent = stored(empty, "agent")
    assert (agent["published"], agent["published_number"], agent["updated_by"]) == (CONTENT, 3, "Anna")
    assert (agent["updated_at"], stored(empty, "rule")["updated_by"]) == (PUBLISHED, "Boris")
    migrations.downgrade(empty, "0021")
    assert (stored(empty, "agent")["published_id"], stored(empty, "agentversion")["settings"]) == ("v", CONTENT)
    version = stored(empty, "ruleversion")
    assert (version["definition"], version["published_by"], version["published_at"]) == (CONTENT, "Vera", PUBLISHED)


def test_what_was_deleted_before_there_was_a_bin_stands_in_it(empty: str) -> None:
    migrations.upgrade(empty, "0027")
    insert(empty, "tenant", id="t")
    gone = {"tenant_id": "t", "deleted_at": PUBLISHED}
    insert(empty, "incomingwebhook", id="1", name="Ёлка", enabled=True, **gone)
    insert(empty, "contact", id="2", name="Merged", merged_into="3", **gone)
    migrations.upgrade(empty)
    entry = stored(empty, "binentry")
    assert (entry["kind"], entry["row_id"], entry["name_key"]) == ("incomingwebhook", "1", "елка")
    assert (entry["deleted_at"], entry["was_enabled"]) == (PUBLISHED, True)
