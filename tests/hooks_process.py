"""Hooks process: a real process that serves webhooks alone, on a real socket."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_app.install_paths import import_path
from platform_app.runtime import hooks_server
from tests.conftest import answers, wait_for
from tests.console_process import Console


def start(log: Path, port: int, **settings: str) -> Console:
    """Start the process on this test's data folder, and wait until it answers."""
    command, environment = hooks_server.server("127.0.0.1", port)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | environment | {"PYTHONPATH": import_path()} | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(f"{address}/healthz"), 90)
    return Console(address, process)


@contextmanager
def hooks(log: Path, port: int, **settings: str) -> Iterator[Console]:
    """Run the process, and stop it."""
    running = start(log, port, **settings)
    try:
        yield running
    finally:
        running.process.terminate()
        running.process.wait(35)
