"""Clock: the only place that reads the wall clock, and ids that sort by time.

Every process follows the clock of its database, as `database_clock` measures it: machines need not agree on the time.
With PLATFORM_TEST_CLOCK a developer may shift it: a file in the data folder tells every process by how much.
"""

import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from platform_app.config import settings

_REREAD_SECONDS = 0.2  # seconds until other processes notice a shift
_lock = Lock()
_reference: tuple[datetime, float] | None = None  # time of the database, and the monotonic clock then
_cached_offset: tuple[float, timedelta] = (-1.0, timedelta(0))  # when it was read, by the monotonic clock


def host_time() -> datetime:
    """Return the time of this machine's own clock in UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """Return the current time in UTC by the database's clock, shifted if a developer has shifted the clock."""
    real = _real_time()
    return real + offset() if settings().test_clock else real


def follow(instant: datetime | None, at: float = 0.0, *, within: float = 0.0) -> None:
    """Take `instant` as the time at which the monotonic clock was `at`; with None follow this machine's clock.

    A difference of at most `within` seconds from what is followed already is left, since it may be the measurement's.
    """
    global _reference
    if instant is not None and _reference is not None:
        known = _reference[0] + timedelta(seconds=at - _reference[1])
        if abs((instant - known).total_seconds()) <= within:
            return
    _reference = (instant, at) if instant is not None else None


def host_lead() -> timedelta:
    """Return by how much this machine's clock is ahead of the database's; negative if it is behind."""
    return host_time() - _real_time()


def _real_time() -> datetime:
    reference = _reference
    if reference is None:
        return host_time()
    return reference[0] + timedelta(seconds=time.monotonic() - reference[1])


def offset() -> timedelta:
    """Return by how much the clock is shifted."""
    global _cached_offset
    if not settings().test_clock:
        return timedelta(0)
    read_at, by = _cached_offset
    if not 0 <= time.monotonic() - read_at < _REREAD_SECONDS:
        by = _read()
        _cached_offset = (time.monotonic(), by)
    return by


def shift(by: timedelta) -> timedelta:
    """Shift the clock further by `by`, or back to the real time if that is zero; return the whole offset."""
    global _cached_offset
    there = offset() + by if by else timedelta(0)
    part = _file().with_suffix(".part")
    part.write_text(str(there.total_seconds()))
    part.replace(_file())
    _cached_offset = (time.monotonic(), there)
    return there


def _file() -> Path:
    return settings().data_dir / "clock"


def _read() -> timedelta:
    try:
        return timedelta(seconds=float(_file().read_text()))
    except (OSError, ValueError, OverflowError):
        return timedelta(0)


_last = (0, 0)  # milliseconds and sequence of the last id


def new_id() -> str:
    """Return 32 hexadecimal digits: 48 bits of milliseconds, 16 of a sequence, 64 random ones.

    Ids of one process sort by creation, also within a millisecond and when the clock goes back.
    """
    global _last
    with _lock:
        at, (before, sequence) = int(now().timestamp() * 1000), _last
        if at > before:
            _last = (at, secrets.randbelow(0x8000))
        else:
            _last = (before, sequence + 1) if sequence < 0xFFFF else (before + 1, 0)
        at, sequence = _last
    return f"{at:012x}{sequence:04x}{secrets.token_hex(8)}"
