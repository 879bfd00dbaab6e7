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


def _processor() -> float:
    """Return the seconds of processor time that this process took, and those of its children that have ended."""
    return sum(os.times()[:4])


_before = _processor()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write how one phase of a test ended: its set-up, itself, or its tear-down."""
    global _before
    took, _before = _processor() - _before, _processor()
    told = {"id": report.nodeid, "when": report.when, "outcome": report.outcome}
    _write(told | {"seconds": report.duration, "processor": took})
