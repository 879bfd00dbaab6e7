"""Database roles: the application's role cannot pass by row-level security, and whoever can is told so loudly."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from structlog.testing import capture_logs

from platform_app import db, migrations
from platform_app.config import settings
from platform_app.models.audit import AuditEntry
from platform_app.models.person import Identity
from platform_app.runtime import database_roles, doctor
from platform_app.services.audit import verification
from platform_app.services.demo import demo
from platform_app.services.knowledge import categories
from platform_app.services.tenants import tenant_removal
from tests.conftest import forget_process_state, make_tenant
from tests.database.test_row_security import postgres, run

_ = postgres
SCRIPT = Path(__file__).parents[2] / "scripts" / "postgres-roles.sql"


@dataclass(frozen=True)
class House:
    """A database as compose makes it: its three addresses, and the names of its roles."""

    superuser: str
    owner: str
    application: str
    name: str


def statements(name: str) -> list[str]:
    """Return what the container runs when it is new, for a database and roles of another name."""
    sql = re.sub(r"(?m)^(\\|--).*$", "", SCRIPT.read_text())
    sql = re.sub(r":'(\w+)'", r"'\1'", sql).replace("platform", name)
    return [one.strip() for one in sql.split(";") if one.strip()]


@pytest.fixture(scope="module")
def house(postgres: str) -> Iterator[House]:
    name = f"t{secrets.token_hex(6)}"
    run(postgres, f"CREATE DATABASE {name}")
    superuser = make_url(postgres).set(database=name)
    run(superuser.render_as_string(hide_password=False), *statements(name))
    owner, application = (
        superuser.set(username=f"{name}_{role}").render_as_string(hide_password=False)
        for role in ("owner", "application")
    )
    migrations.upgrade(owner)
    database_roles.grant_access(owner, application)
    yield House(superuser.render_as_string(hide_password=False), owner, application, name)
    run(postgres, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}_owner", f"DROP ROLE {name}_application")


@pytest.fixture
def two(house: House, env: pytest.MonkeyPatch) -> Iterator[tuple[Identity, Identity]]:
    """Two tenants with a category each, written by the application."""
    env.setenv("PLATFORM_DATABASE_URL", house.application)
    env.setenv("PLATFORM_MIGRATION_DATABASE_URL", house.owner)
    forget_process_state()
    made = (make_tenant(f"a{secrets.token_hex(4)}"), make_tenant(f"b{secrets.token_hex(4)}"))
    for who in made:
        with db.session_scope(who.tenant_id) as session:
            categories.add(session, who, who.slug)
    yield made
    db.engine().dispose()


def test_the_application_works_and_sees_its_tenant_alone(two: tuple[Identity, Identity], house: House) -> None:
    ours, theirs = two
    with db.session_scope(ours.tenant_id, read_only=True) as session:
        assert [row.name for row, _ in categories.list_categories(session, ours)] == [ours.slug]
    with create_engine(house.application, poolclass=NullPool).begin() as connection:
        seen = "SELECT name FROM category"  # no word of a tenant: a query whose filter was forgotten
        assert connection.execute(text(seen)).all() == []
        connection.execute(text("SELECT set_config('app.tenant', :id, true)"), {"id": ours.tenant_id})
        assert connection.execute(text(seen)).scalars().all() == [ours.slug]
        away = text("DELETE FROM category WHERE name = :name")
        assert connection.execute(away, {"name": theirs.slug}).rowcount == 0


def test_the_application_deletes_a_tenant_with_its_audit_log_and_leaves_the_other(
    two: tuple[Identity, Identity],
) -> None:
    ours, theirs = two
    tenant_removal.schedule_now(ours.tenant_id, "tests")
    assert tenant_removal.remove(ours.tenant_id)["auditentry"]
    assert verification.verify(None).fault is None and verification.verify(theirs.tenant_id).count
    with db.session_scope(reason="tests", read_only=True) as session:
        left = {model.tenant_id for model in session.exec(db.unscoped(AuditEntry)).all()}
    assert ours.tenant_id not in left and theirs.tenant_id in left


def test_the_whole_demo_is_made_by_the_application(two: tuple[Identity, Identity]) -> None:
    """Nothing that writes every kind of row needs more than the application may."""
    assert demo.ensure_demo("vyhlídka 7 plotů", "en") and demo.ensure_demo("vyhlídka 7 plotů", "en")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE category DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE category NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY own_tenant ON category",
        "DROP TABLE category",
        "TRUNCATE category",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "UPDATE alembic_version SET version_num = '0000'",
        "SET ROLE {name}_owner",
        "ALTER ROLE {name}_application BYPASSRLS",
        "COPY category TO PROGRAM 'cat'",
        "UPDATE auditentry SET actor_name = ''",
        "DELETE FROM auditentry",
        "DELETE FROM platformauditentry",
    ],
)
def test_the_application_cannot_open_what_is_locked(house: House, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied|must be owner|must be superuser|denied"):
        run(house.application, statement.format(name=house.name))


def test_tables_to_come_are_the_applications_too(house: House) -> None:
    run(house.owner, "CREATE TABLE later (id serial, tenant_id text)", "SELECT 1")
    try:
        run(house.application, "INSERT INTO later (tenant_id) VALUES ('a')", "UPDATE later SET tenant_id = 'b'")
        assert "later" in database_roles.weakness(house.application)  # it has no policy yet
    finally:
        run(house.owner, "DROP TABLE later")


def test_a_role_that_passes_by_is_named(house: House, two: tuple[Identity, Identity]) -> None:
    assert database_roles.weakness(house.application) == database_roles.weakness(house.owner) == ""
    assert "superuser" in database_roles.weakness(house.superuser)
    run(house.superuser, f"ALTER ROLE {house.name}_application BYPASSRLS")
    try:
        assert "BYPASSRLS" in database_roles.weakness(house.application)
    finally:
        run(house.superuser, f"ALTER ROLE {house.name}_application NOBYPASSRLS")
    run(house.owner, "ALTER TABLE category NO FORCE ROW LEVEL SECURITY")
    try:
        assert "such as category" in database_roles.weakness(house.owner)
        assert database_roles.weakness(house.application) == ""
    finally:
        run(house.owner, "ALTER TABLE category FORCE ROW LEVEL SECURITY")


def test_doctor_and_the_log_say_it(house: House, env: pytest.MonkeyPatch) -> None:
    for address, is_well in ((house.application, True), (house.superuser, False)):
        env.setenv("PLATFORM_DATABASE_URL", address)
        forget_process_state()
        finding = doctor.row_security(settings())
        assert finding.is_well == is_well and ("PLATFORM_MIGRATION_DATABASE_URL" in finding.advice) != is_well
        with capture_logs() as lines:
            database_roles.warn()
        assert [line["log_level"] for line in lines] == ([] if is_well else ["error"])


def test_without_a_database_nothing_is_said_of_it(env: pytest.MonkeyPatch) -> None:
    assert database_roles.weakness("sqlite:///x.db") == ""
    database_roles.grant_access("sqlite:///x.db", "sqlite:///x.db")
    env.setenv("PLATFORM_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    forget_process_state()
    with capture_logs() as lines:
        database_roles.warn()
    assert lines == [] and doctor.row_security(settings()).is_well
