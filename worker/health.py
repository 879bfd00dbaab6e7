"""Health: a bounded probe, and its output as /health, /metrics, /metrics/prometheus and heartbeat."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import redis
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from platform_app import __version__, database_clock, disk_space
from platform_app.broker import QUEUE, list_name
from platform_app.clock import now
from platform_app.config import Settings
from platform_app.db import session_scope
from platform_app.files import store_checks
from platform_app.logs import redact
from platform_app.models.job import ProcessKind
from platform_app.services.jobs import ledger, process_beats
from worker.process_metrics import process_metrics
from worker.runner import Runner

log = structlog.get_logger()
CACHE_SECONDS = 1.0  # seconds for which a snapshot is reused
DATABASE_TIMEOUT = 0.8  # seconds to wait for the database
_NOTHING: dict[str, Any] = {"jobs": {}, "byType": {}, "oldest": 0.0, "processes": {}}


class Probe:
    """Measures Redis, the database and the disk within about a second each; the result is reused for a second."""

    def __init__(self, own: Settings, runner: Runner) -> None:
        self.own, self.runner = own, runner
        self.worker_id = runner.worker_id
        self.checks: list[Callable[[], str]] = [runner.stuck]  # each returns what is stuck, or ""
        self.started = time.monotonic()
        self.reconnects = 0
        self._was_connected = True
        self._snapshot: dict[str, Any] = {}
        self._measured_at = float("-inf")
        self._lock = Lock()
        self._question: Thread | None = None  # the thread that queries the database
        self._answer: dict[str, Any] = {}
        self._counted = _NOTHING
        self._client = redis.Redis.from_url(
            own.redis_url.get_secret_value() or "redis://127.0.0.1:6379/0",
            socket_timeout=0.8,
            socket_connect_timeout=0.8,
            retry=Retry(NoBackoff(), 0),
        )

    def snapshot(self) -> dict[str, Any]:
        """Return the worker's state as JSON values, at most CACHE_SECONDS old."""
        with self._lock:
            if time.monotonic() - self._measured_at > CACHE_SECONDS:
                self._snapshot = self._measure()
                self._measured_at = time.monotonic()
            return self._snapshot

    def write_beat(self) -> None:
        """Store the snapshot as this worker's heartbeat."""
        snapshot = self.snapshot()
        process_beats.write(self.worker_id, ProcessKind.WORKER, snapshot)

    def delete_beat(self) -> None:
        """Delete this worker's heartbeat when it stops."""
        process_beats.delete(self.worker_id)

    def _measure(self) -> dict[str, Any]:
        connected, error, depth = self._ask_redis()
        database = self._ask_database()
        held = len(self.runner.running)
        free, full = disk_space.free_bytes(), disk_space.is_full()
        files_problem = store_checks.problem()
        stuck = " ".join(filter(None, (told() for told in self.checks)))
        ok = connected and database["connected"] and not full and not files_problem and not stuck
        return {
            "status": "ok" if ok else "degraded",
            "service": "worker",
            "timestamp": now().isoformat(),
            "uptime": round(time.monotonic() - self.started, 1),
            "redis": {"connected": connected, "error": error, "reconnectAttempts": self.reconnects},
            "database": {"connected": database["connected"], "error": database["error"]},
            "clock": {
                "machine": socket.gethostname(),
                "aheadSeconds": database_clock.lead_seconds(),
                "error": database_clock.problem() or None,
            },
            "disk": {"freeBytes": free, "error": "The disk is full." if full else None},
            "files": {"error": files_problem or None},
            "worker": {
                "concurrency": self.own.worker_concurrency,
                "queueName": QUEUE,
                "jobsProcessing": held,
                "queueDepth": depth,
                "stuck": stuck or None,
                "version": __version__,
                "pid": os.getpid(),
            },
            "process": process_beats.describe({"jobs": held}),
            "processes": database["processes"],
            "jobs": database["jobs"],
            "byType": database["byType"],
            "oldestJobAge": database["oldest"],
            "seconds": list(self.runner.seconds),
        }

    def _ask_redis(self) -> tuple[bool, str | None, int]:
        try:
            pipe = self._client.pipeline(transaction=False)
            pipe.ping()
            pipe.llen(list_name(QUEUE))
            _, depth = pipe.execute()
        except (redis.RedisError, OSError) as error:
            self._was_connected = False
            self.reconnects += 1
            self._client.connection_pool.disconnect()
            return False, redact(str(error) or type(error).__name__), 0
        self._was_connected = True
        return True, None, int(depth)

    def _ask_database(self) -> dict[str, Any]:
        """Query in a thread, which may outlast the wait; no second one is started meanwhile."""
        if self._question is None or not self._question.is_alive():
            self._answer = {"connected": False, "error": "The database isn’t responding."}
            self._question = Thread(target=self._query_database, args=(self._answer,), name="probe", daemon=True)
            self._question.start()
        self._question.join(DATABASE_TIMEOUT)
        return (self._counted if self._answer["connected"] else _NOTHING) | self._answer

    def _query_database(self, answer: dict[str, Any]) -> None:
        try:
            with session_scope(reason="the worker's probe", read_only=True) as session:
                session.execute(text("SELECT 1"))
            answer.update(connected=True, error=None)
            oldest = round(ledger.oldest_wait_seconds(), 1)
            self._counted = {
                "jobs": ledger.counts_by_state(),
                "byType": ledger.counts_by_kind(),
                "oldest": oldest,
                "processes": process_beats.figures(),
            }
        except Exception as error:  # the probe reports every error
            answer.update(connected=False, error=redact(str(error)[:300]))


def metrics(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON values of /metrics for a snapshot."""
    jobs, seconds = snapshot["jobs"], snapshot["seconds"]
    return {
        "timestamp": snapshot["timestamp"],
        "redis": {
            "connected": snapshot["redis"]["connected"],
            "lastError": snapshot["redis"]["error"],
            "reconnectAttempts": snapshot["redis"]["reconnectAttempts"],
        },
        "jobs": {
            "total": sum(jobs.values()),
            "completed": jobs.get("done", 0),
            "failed": jobs.get("failed", 0),
            "dead": jobs.get("dead", 0),
            "uncertain": jobs.get("uncertain", 0),
            "queued": jobs.get("queued", 0),
            "processing": jobs.get("running", 0),
            "byType": snapshot["byType"],
        },
        "worker": {**snapshot["worker"], "uptime": snapshot["uptime"]},
        "processes": snapshot["processes"],
        "performance": {
            "oldestJobAgeSeconds": snapshot["oldestJobAge"],
            "averageJobSeconds": round(sum(seconds) / len(seconds), 3) if seconds else 0,
            "slowestJobSeconds": round(max(seconds), 3) if seconds else 0,
        },
    }


class SnapshotCollector:
    """Renders the probe's snapshot as Prometheus metrics."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of one snapshot."""
        shot = self.probe.snapshot()
        plain = {
            "platform_redis_up": ("Whether Redis takes our password and answers.", shot["redis"]["connected"]),
            "platform_database_up": ("Whether the database answers.", shot["database"]["connected"]),
            "platform_disk_free_bytes": ("Room left where data is kept.", shot["disk"]["freeBytes"]),
            "platform_files_up": ("Whether files can be stored.", not shot["files"]["error"]),
            "platform_worker_stuck": ("Whether a part of this worker does not come on.", bool(shot["worker"]["stuck"])),
            "platform_worker_inflight_jobs": ("Jobs that this worker runs.", shot["worker"]["jobsProcessing"]),
            "platform_worker_concurrency": ("Jobs that this worker may run at once.", shot["worker"]["concurrency"]),
            "platform_worker_uptime_seconds": ("How long this worker has run.", shot["uptime"]),
            "platform_clock_ahead_seconds": (
                "By how much this machine's clock is ahead of the database's.",
                shot["clock"]["aheadSeconds"],
            ),
            "platform_queue_depth": ("Wake-ups that wait in Redis.", shot["worker"]["queueDepth"]),
            "platform_oldest_job_age_seconds": ("How long the oldest due job has waited.", shot["oldestJobAge"]),
        }
        for name, (meaning, value) in plain.items():
            yield GaugeMetricFamily(name, meaning, value=float(value))
        jobs = GaugeMetricFamily("platform_jobs", "Jobs in the ledger by state.", labels=["state"])
        for state, count in shot["jobs"].items():
            jobs.add_metric([state], count)
        yield jobs
        yield from process_metrics(shot["processes"])
        yield CounterMetricFamily(
            "platform_redis_connection_failures", "Times that Redis did not answer.", value=self.probe.reconnects
        )


def serve(probe: Probe, host: str, port: int) -> ThreadingHTTPServer:
    """Start the health server in a thread of this process, so that a hung worker fails its probe; return it."""
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(probe))

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # header and body are sent together

        def do_GET(self) -> None:
            path = self.path.split("?")[0].rstrip("/")
            if path == "/healthz":
                self._send(200, json.dumps({"status": "pass"}))
            elif path in ("/health", "/readyz"):
                shot = probe.snapshot()
                shown = {k: v for k, v in shot.items() if k != "seconds"}
                self._send(200 if shot["status"] == "ok" else 503, json.dumps(shown))
            elif path == "/metrics":
                self._send(200, json.dumps(metrics(probe.snapshot())))
            elif path == "/metrics/prometheus":
                self._send(200, generate_latest(registry).decode(), "text/plain; version=0.0.4; charset=utf-8")
            else:
                self._send(404, json.dumps({"status": "not found"}))

        def _send(self, status: int, body: str, kind: str = "application/json") -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer((host, port), Answer)
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
