"""Process metrics: what heartbeats say of all processes of the platform, as Prometheus metrics."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from platform_app.models.job import ProcessKind


def process_metrics(figures: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the metrics of all processes of the platform, which each worker reads from their heartbeats."""
    counts = GaugeMetricFamily("platform_processes", "Processes that run, by kind.", labels=["kind"])
    memory = GaugeMetricFamily("platform_process_memory_bytes", "Memory of processes, by kind.", labels=["kind"])
    for kind in ProcessKind:
        counts.add_metric([kind.value], figures.get("counts", {}).get(kind.value, 0))
        memory.add_metric([kind.value], figures.get("memoryBytes", {}).get(kind.value, 0))
    yield counts
    yield memory
    plain = {
        "platform_process_versions": ("Versions of the platform that run.", len(figures.get("versions", []))),
        "platform_process_clock_off_seconds": (
            "By how much the clock of a process's machine is off at most.",
            figures.get("clockOffSeconds", 0.0),
        ),
        "platform_open_sockets": ("Open sockets of all consoles.", figures.get("openSockets", 0)),
        "platform_requests_per_minute": ("Requests to all consoles and hooks processes.", figures.get("requests", 0)),
    }
    for name, (meaning, value) in plain.items():
        yield GaugeMetricFamily(name, meaning, value=float(value))
