"""Database clock: measures the clock of PostgreSQL, which every process of the platform follows.

It is measured with each connection that is made, and at the first use of a connection each minute. SQLite has no clock:
its is that of the machine.
"""

import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from platform_app import clock

log = structlog.get_logger()
MEASURE_SECONDS = 60.0
STEP_SECONDS = 1.0  # a clock of the machine that was set by more is a reason to measure again
MAX_LEAD = timedelta(seconds=2)  # ahead or behind; more is reported
_QUERY = "SELECT extract(epoch FROM clock_timestamp())"
is_enabled = True  # tests that move the time of the machine turn it off
_lock = Lock()
_measured: tuple[float, float] | None = None  # the monotonic clock and that of the machine at the last measurement
_warned_at = float("-inf")


def follow(engine: Engine) -> Engine:
    """Let this process follow the clock of an engine's PostgreSQL, which is measured at once; return the engine."""
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "checkout", _on_checkout)
    if is_enabled:
        with suppress(SQLAlchemyError):  # which the first transaction raises too
            engine.connect().close()  # before that one asks for the time
    return engine


def stop_following() -> None:
    """Let this process follow the clock of its machine again."""
    global _measured
    _measured = None
    clock.follow(None)


def lead_seconds() -> float:
    """Return by how many seconds the clock of this machine is ahead of the database's; negative if it is behind."""
    return round(clock.host_lead().total_seconds(), 1)


def problem() -> str:
    """Return a sentence that names this machine and the seconds by which its clock is off, or ""."""
    lead = clock.host_lead()
    if abs(lead) <= MAX_LEAD:
        return ""
    direction = "ahead of" if lead > timedelta(0) else "behind"
    seconds = abs(lead.total_seconds())
    return f"The clock of “{socket.gethostname()}” is {seconds:.1f} s {direction} the database’s."


def _on_connect(connection: Any, record: object) -> None:
    if is_enabled:
        _measure(connection)


def _on_checkout(connection: Any, record: object, proxy: object) -> None:
    if is_enabled and _is_due() and _lock.acquire(blocking=False):
        try:
            _measure(connection)
        finally:
            _lock.release()


def _is_due() -> bool:
    if _measured is None:
        return True
    passed = time.monotonic() - _measured[0]
    stepped = clock.host_time().timestamp() - _measured[1] - passed
    return passed >= MEASURE_SECONDS or abs(stepped) > STEP_SECONDS


def _measure(connection: Any) -> None:
    """Compare the clocks; what fails is left to the statements for which the connection is used."""
    global _measured
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_QUERY)
            (seconds,) = cursor.fetchone()
        ended = time.monotonic()
        connection.rollback()
    except Exception as error:
        log.warning("the clock of the database was not measured", error=type(error).__name__)
        return
    clock.follow(datetime.fromtimestamp(float(seconds), UTC), (began + ended) / 2, within=(ended - began) / 2)
    _measured = (time.monotonic(), clock.host_time().timestamp())
    _warn()


def _warn() -> None:
    """Log once a minute that this machine is off; commands, which have not configured the log, print nothing."""
    global _warned_at
    if not structlog.is_configured():
        return
    if (sentence := problem()) and time.monotonic() - _warned_at >= MEASURE_SECONDS:
        _warned_at = time.monotonic()
        log.warning(sentence, machine=socket.gethostname(), seconds=lead_seconds())
