"""Monitoring: the dashboard for Grafana and the alert rules name metrics that a worker serves."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from platform_app.models.person import Identity
from tests.jobs.test_ledger import put
from tests.jobs.test_worker_health import a_probe
from worker.health import SnapshotCollector

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
METRIC = re.compile(r"\bplatform_\w+")


def dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return board


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.fixture
def served(who: Identity) -> set[str]:
    put(who, 1)
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(a_probe()))
    return set(METRIC.findall(generate_latest(registry).decode()))


def test_every_metric_of_dashboard_and_alerts_is_served(served: set[str]) -> None:
    shown = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    asked = {name for text in (*shown, *(rule["expr"] for rule in rules())) for name in METRIC.findall(text)}
    assert asked <= served, asked - served
    assert {name for name in served if not name.endswith(("_created", "_failures"))} <= asked


def test_panels_do_not_overlap_and_each_has_a_query() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        assert panel["targets"] and panel["title"]
        taken |= cells


def test_every_alert_says_what_happened_and_how_bad_it_is() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"].endswith("."), rule["alert"]
