"""Reporting: a plugin that writes what one group of tests did, for the runner that adds up the groups."""

import json
import os
from typing import Any

import pytest


def _write(line: dict[str, Any]) -> None:
    with open(os.environ["PLATFORM_TEST_REPORT"], "a") as report:
        report.write(json.dumps(line) + "\n")


_left: list[str] = []


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Keep which tests were collected and not chosen."""
    _left.extend(item.nodeid for item in items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write which tests were chosen, and which were left to other groups."""
    _write({"chosen": [item.nodeid for item in session.items], "left": _left})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write how one phase of a test ended: its set-up, itself, or its tear-down."""
    _write({"id": report.nodeid, "when": report.when, "outcome": report.outcome, "seconds": report.duration})
