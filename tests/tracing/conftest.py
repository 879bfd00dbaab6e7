"""Fixtures: a collector on a real socket to which this process sends its spans, and a model provider."""

from collections.abc import Iterator

import pytest

from platform_app.tracing import exporting
from tests.fake_provider import FakeProvider, serving
from tests.fakes.collector import Collector, collecting


@pytest.fixture
def collector(env: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that has the spans of this process 20 ms after they end."""
    with collecting() as collector:
        env.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        env.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        exporting.start("console")
        yield collector
        exporting.stop()


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A model provider on a real socket."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env, reply_total_seconds=6, reply_idle_seconds=2, reply_first_token_seconds=3)
