"""Main: `python -m worker`: broker, threads, ticker, leases and health server in one process."""

import signal
import sys
import time
from collections.abc import Mapping
from threading import Event
from types import FrameType

import dramatiq
import structlog

from platform_app import job_queue, logs, notifier, table_statistics
from platform_app.broker import WakeupBroker
from platform_app.config import settings
from platform_app.engine.bin import bin
from platform_app.engine.rules import retention, timers
from platform_app.runtime import database_roles, gc_tuning
from platform_app.services.api_keys import idempotency
from platform_app.services.channels import chat_answer_mail, typing_status
from platform_app.services.chat import approvals, hand_off, held_messages, replies, triage
from platform_app.services.integrations import call_log, exchange
from platform_app.services.jobs import job_counts, job_limits, process_beats
from platform_app.services.knowledge import index_rebuild, site_jobs, unused_uploads
from platform_app.services.kommo import shown_messages
from platform_app.services.notifications import digests, notification_retention
from platform_app.services.tasks import task_reminders
from platform_app.services.tenants import tenant_exports, tenant_removal
from platform_app.services.webhooks import outgoing_log
from platform_app.tracing import exporting
from worker import health
from worker.channel_poller import ChannelPoller
from worker.runner import Handler, Runner
from worker.schedule import Periodic, SequenceTicker, Ticker
from worker.tasks import HANDLERS, declare

log = structlog.get_logger()
FIVE_SECONDS = 5
HOUR_SECONDS = 3_600
MERGE_SECONDS = 10  # seconds between two merges of tallies
DIGEST_SECONDS = 30  # seconds between two looks for digests that are due

EVERY_SECOND = (
    typing_status.show_typing,
    exchange.queue_due,
    shown_messages.show_due,
    timers.emit_due_schedules,
    outgoing_log.enqueue_due,
)
EVERY_FIVE_SECONDS = (  # each looks into the database, which a worker without work should leave alone
    job_queue.unblock_forgotten,
    replies.mark_interrupted,
    bin.remove_expired,
    held_messages.release_due,
    hand_off.hand_back_due,
    approvals.handle_overdue,
    triage.end_snoozes,
    timers.emit_no_replies,
    task_reminders.remind_due,
)
EVERY_THIRTY_SECONDS = (
    digests.enqueue_due,
    chat_answer_mail.enqueue_due,
    tenant_removal.remove_due,
    site_jobs.start_due,
)
EVERY_HOUR = (
    retention.delete_old_runs,
    retention.delete_old_jobs,
    call_log.delete_old,
    notification_retention.delete_old,
    idempotency.delete_old,
    outgoing_log.delete_old,
    unused_uploads.delete_unused,
    tenant_exports.delete_expired,
    index_rebuild.request_outdated,
    table_statistics.update_statistics,
    process_beats.delete_old,
)


def run(handlers: Mapping[str, Handler]) -> int:
    """Run a worker until SIGTERM or SIGINT; return the process's exit code, 2 for a setting that cannot be obeyed."""
    logs.configure()
    own = settings()
    if unknown := job_limits.unknown_kinds():
        print(f"PLATFORM_JOB_LIMITS: there are no jobs of the kind {', '.join(unknown)}.", file=sys.stderr)
        return 2
    database_roles.warn()
    exporting.start("worker")
    stop = _stop_signal()
    runner = Runner(handlers, own.lease_seconds)
    probe = health.Probe(own, runner)
    server = health.serve(probe, own.worker_host, own.worker_port)
    broker = WakeupBroker(notifier.waiting_connection())
    dramatiq.set_broker(broker)
    declare(broker, runner)
    ticker = Ticker(runner, own.worker_concurrency, [*EVERY_SECOND, *periodic_duties(probe)])
    stepper, poller = SequenceTicker(), ChannelPoller(runner.worker_id)
    probe.checks = [runner.stuck, ticker.stuck, stepper.stuck, poller.stuck]
    runner.start()
    ticker.start()
    stepper.start()
    poller.start()
    threads = worker_threads(broker, own.worker_concurrency)
    threads.start()
    gc_tuning.settle()
    log.info("worker is up", concurrency=own.worker_concurrency, port=own.worker_port)
    stop.wait()
    log.info("worker stops", running=len(runner.running))
    ticker.stop()
    stepper.stop()
    poller.stop()
    _stop(threads, runner, own.stop_seconds)
    server.shutdown()
    probe.delete_beat()
    exporting.stop()
    return 0


def _stop_signal() -> Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def periodic_duties(probe: health.Probe) -> list[Periodic]:
    """Return the duties that run less often than each second."""
    beat = Periodic(probe.write_beat, process_beats.BEAT_SECONDS)
    often = [Periodic(duty, FIVE_SECONDS) for duty in EVERY_FIVE_SECONDS]
    digest = [Periodic(duty, DIGEST_SECONDS) for duty in EVERY_THIRTY_SECONDS]
    hourly = [Periodic(duty, HOUR_SECONDS) for duty in EVERY_HOUR]
    return [beat, *often, Periodic(job_counts.merge_tallies, MERGE_SECONDS), *digest, *hourly]


def worker_threads(broker: WakeupBroker, concurrency: int) -> dramatiq.Worker:
    """Return the Dramatiq worker whose threads run jobs.

    It prefetches at most one wake-up per thread, so that none waits behind a long job while another worker is idle.
    """
    made = dramatiq.Worker(broker, worker_threads=concurrency, worker_timeout=100)
    made.queue_prefetch = concurrency
    return made


def _stop(threads: dramatiq.Worker, runner: Runner, seconds: float) -> None:
    """Stop taking jobs, wait up to `seconds` for running ones, and release the rest."""
    end = time.monotonic() + seconds
    runner.close()
    for consumer in threads.consumers.values():
        consumer.stop()
    while runner.running and time.monotonic() < end:
        Event().wait(0.05)
    runner.stop()


if __name__ == "__main__":
    sys.exit(run(HANDLERS))
