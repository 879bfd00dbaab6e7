"""Exporting: spans are sent as the standard variables say; a collector that is down keeps nobody waiting."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import structlog

from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.tracing import exporting, spans
from tests.conftest import free_port, wait_for
from tests.fake_provider import FakeProvider
from tests.fakes.collector import Collector, collecting
from tests.talking import answered, begin

ROOT = Path(__file__).parents[2]
OFF = """
import sys
import worker.__main__, platform_app.api.hooks_app
from platform_app.tracing import exporting, spans
exporting.start("worker")
with spans.span("a span"):
    pass
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter"))]
assert "platform_app.tracing.tracer" not in sys.modules
"""


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process of its own, without variables of OpenTelemetry but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    own = {"PLATFORM_DATA_DIR": str(tmp_path), "PLATFORM_REDIS_URL": "redis://127.0.0.1:1/0"}
    return kept | own | more


def test_without_the_variables_nothing_is_imported(tmp_path: Path) -> None:
    # the client of Redis imports the metrics of the SDK by itself
    done = subprocess.run([sys.executable, "-c", OFF], cwd=ROOT, env=environment(tmp_path), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("variables", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
    ],
)
def test_the_standard_variables_turn_it_on(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_wanted: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert exporting.is_wanted() is is_wanted


def test_the_service_and_the_sampler_are_those_of_the_environment(env: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        env.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        env.setenv("OTEL_SERVICE_NAME", "shop-console")
        env.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
        env.setenv("OTEL_TRACES_SAMPLER", "")
        exporting.start("hooks")
        with spans.span("kept"):
            pass
        exporting.stop()
        env.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        exporting.start("hooks")
        with spans.span("dropped") as dropped:
            assert dropped.traceparent.endswith("-00")  # what others do within it is dropped too
        exporting.stop()
        told = collector.named("kept").resource
        assert (told["service.name"], told["platform.process"]) == ("shop-console", "hooks")
        assert told["deployment.environment.name"] == "staging" and told["service.version"]
        assert [span.name for span in collector.spans] == ["kept"]


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_BSP_MAX_QUEUE_SIZE", "-1")]
)
def test_a_variable_that_cannot_be_obeyed_is_said_and_ends_nothing(
    env: pytest.MonkeyPatch, name: str, value: str
) -> None:
    env.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    env.setenv(name, value)
    with structlog.testing.capture_logs() as lines:
        exporting.start("worker")
    assert [line["log_level"] for line in lines] == ["error"]
    assert spans.begin("none") is spans.NO_SPAN


async def replied(who: Identity) -> float:
    """Let ten replies be written; return the seconds that they took."""
    opened, started = begin(who, model="fake-1"), time.monotonic()
    for _ in range(10):
        assert (await answered(who, opened)).state == MessageState.COMPLETE
    return time.monotonic() - started


@pytest.mark.parametrize("fault", ["down", "500", "silent"])
async def test_a_collector_that_fails_keeps_no_reply_waiting(
    collector: Collector, provider: FakeProvider, who: Identity, fault: str
) -> None:
    usual = await replied(who)
    if fault == "down":
        collector.server.close()
    elif fault == "500":
        collector.status = 500
    else:
        collector.gate.clear()
    with structlog.testing.capture_logs() as lines:
        assert await replied(who) < usual + 2
        if fault == "500":
            wait_for(lambda: any("traces are lost" in line["event"] for line in lines))
            await replied(who)
        started = time.monotonic()
        exporting.stop(seconds=0.5)
        assert time.monotonic() - started < 1.5
    assert sum("traces are lost" in line["event"] for line in lines) <= 1


def test_a_collector_that_is_back_is_said_once(collector: Collector) -> None:
    collector.status = 500
    with structlog.testing.capture_logs() as lines:
        for name in ("lost", "lost too"):
            with spans.span(name):
                pass
            wait_for(lambda: any("traces are lost" in line["event"] for line in lines))
        collector.status = 200
        with spans.span("sent"):
            pass
        collector.named("sent")
        wait_for(lambda: any("sent again" in line["event"] for line in lines))
    assert [line["event"].partition(":")[0] for line in lines] == ["traces are lost", "traces are sent again"]


def test_log_lines_name_the_trace(collector: Collector) -> None:
    with spans.span("a span") as span:
        entry = spans.add_trace_ids(None, "info", {"event": "said"})
    assert entry == {"event": "said", "trace_id": span.trace_id, "span_id": span.span_id}
    assert spans.add_trace_ids(None, "info", {"event": "said"}) == {"event": "said"}


def test_a_worker_sends_its_last_spans_when_it_is_stopped(tmp_path: Path, database: str) -> None:
    with collecting() as collector:
        own = environment(
            tmp_path,
            PLATFORM_DATABASE_URL=database,
            PLATFORM_WORKER_PORT=str(free_port()),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.address,
            OTEL_BSP_SCHEDULE_DELAY="60000",
        )
        program = (
            "import sys, worker.__main__ as main\n"
            "from platform_app.tracing import spans\n"
            "main._stop_signal, stop = lambda: (spans.begin('last').end(), stop())[1], main._stop_signal\n"
            "sys.exit(main.run({}))"
        )
        worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=own, stderr=subprocess.PIPE)
        assert worker.stderr is not None
        try:
            for line in worker.stderr:
                if b"worker is up" in line:
                    break
            started = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0 and time.monotonic() - started < 15
        finally:
            worker.kill()
            worker.stderr.close()
        assert collector.named("last").resource["platform.process"] == "worker"
