"""Row security: PostgreSQL's own lock keeps tenants apart, for the owner of the tables too."""

import os
import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from platform_app import db, migrations
from tests.postgres import server


def run(address: str, *statements: str) -> None:
    with create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server: the one of this run, else one of its own."""
    if given := os.environ.get("PLATFORM_TEST_POSTGRES"):
        yield given
        return
    with server() as address:
        yield address


@pytest.fixture(scope="module")
def member(postgres: str) -> Iterator[Engine]:
    """A migrated database of two tenants, seen by a role without privileges that owns every table."""
    name = f"t{secrets.token_hex(6)}"
    run(postgres, f"CREATE DATABASE {name}", f"CREATE ROLE {name} LOGIN")
    address = make_url(postgres).set(database=name).render_as_string(hide_password=False)
    migrations.upgrade(address)
    run(address, *(f'ALTER TABLE "{table}" OWNER TO {name}' for table in SQLModel.metadata.tables))
    for tenant in ("a", "b"):
        run(
            address,
            "INSERT INTO tenant (id, created_at, slug, name, language, time_zone, country, is_demo, "
            f"stop_on_member_reply, sending, require_two_factor, currency, hides_checklist, deletion_by, deleted_rows) "
            f"VALUES ('{tenant}', now(), '{tenant}', '{tenant}', 'en', 'UTC', '', false, true, '{{}}', false, '', "
            "false, '', '{}')",
            f"INSERT INTO category (id, created_at, tenant_id, name, position) "
            f"VALUES ('{tenant}', now(), '{tenant}', '{tenant}', 0)",
        )
    engine = create_engine(make_url(address).set(username=name), poolclass=NullPool)
    yield engine
    run(postgres, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


def names(engine: Engine, scope: str | None) -> list[str]:
    with engine.begin() as connection:
        if scope is not None:
            connection.execute(text("SELECT set_config('app.tenant', :scope, true)"), {"scope": scope})
        return [row.name for row in connection.execute(text("SELECT name FROM category ORDER BY name"))]


@pytest.mark.parametrize(("scope", "seen"), [("a", ["a"]), ("b", ["b"]), ("*", ["a", "b"]), ("", []), (None, [])])
def test_a_transaction_sees_its_tenant_alone(member: Engine, scope: str | None, seen: list[str]) -> None:
    assert names(member, scope) == seen


def test_a_row_of_another_tenant_is_not_written(member: Engine) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), member.begin() as connection:
        connection.execute(text("SELECT set_config('app.tenant', 'a', true)"))
        connection.execute(text("INSERT INTO category VALUES ('c', now(), 'b', 'evil', null, 0)"))
    with member.begin() as connection:
        connection.execute(text("SELECT set_config('app.tenant', 'a', true)"))
        assert connection.execute(text("UPDATE category SET name = 'evil' WHERE id = 'b'")).rowcount == 0
        assert connection.execute(text("DELETE FROM category WHERE id = 'b'")).rowcount == 0


def test_the_declared_tenant_ends_with_its_transaction(member: Engine) -> None:
    with member.connect() as connection:
        with connection.begin():
            connection.execute(text("SELECT set_config('app.tenant', 'a', true)"))
        with connection.begin():
            assert connection.execute(text("SELECT count(*) FROM category")).scalar() == 0


def test_every_table_of_tenants_is_locked(member: Engine) -> None:
    with member.connect() as connection:
        forced = connection.execute(text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"))
        assert {row.relname for row in forced} == set(db.owned_tables())
