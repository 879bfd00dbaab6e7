"""Hooks process measured: what its start and its memory cost beside those of a console without its pages.

`python -m tests.bench.bench_hooks_process [rounds]`
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from tests.conftest import free_port
from tests.console_process import Console, console, own_database
from tests.hooks_process import hooks

SETTLE_SECONDS = 3.0  # after the first answer


def measured(run: Callable[[], AbstractContextManager[Console]]) -> tuple[float, float, float]:
    """Start a process; return seconds to its first answer, of its processor time until then, and megabytes (PSS)."""
    begun = time.perf_counter()
    with run() as running:
        taken = time.perf_counter() - begun
        main = psutil.Process(running.process.pid)
        each = [main, *main.children(recursive=True)]
        worked = sum(process.cpu_times().user + process.cpu_times().system for process in each)
        time.sleep(SETTLE_SECONDS)
        memory = sum(process.memory_full_info().pss for process in each)
    return taken, worked, memory / 1e6


def main() -> None:
    """Measure both in turns, and print the medians."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as name, own_database(Path(name)):
        log = Path(name) / "log"
        kinds: dict[str, Callable[[], AbstractContextManager[Console]]] = {
            "console": lambda: console(log),
            "hooks": lambda: hooks(log, free_port()),
        }
        found = {kind: list[tuple[float, float, float]]() for kind in kinds}
        for _ in range(rounds):
            for kind, run in kinds.items():
                found[kind].append(measured(run))
        for kind, rows in found.items():
            taken, worked, memory = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{kind}: first answer after {taken:.1f} s, {worked:.1f} s of processor time, {memory:.0f} MB")


if __name__ == "__main__":
    main()
