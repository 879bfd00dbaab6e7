"""Clock: the only place that reads the wall clock, and ids that sort by time."""

import secrets
from datetime import UTC, datetime
from threading import Lock


def now() -> datetime:
    """Return this instant in UTC."""
    return datetime.now(UTC)


_lock = Lock()
_last = (0, 0)  # milliseconds and sequence of the id made last


def new_id() -> str:
    """Return 32 hexadecimal digits: 48 bits of milliseconds, 16 of a sequence, 64 random ones.

    Ids of one process sort in the order they were made, also within a millisecond and when the clock goes back.
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
