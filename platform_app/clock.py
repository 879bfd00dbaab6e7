"""Clock: the only place that reads the wall clock, and ids that sort by time."""

import secrets
from datetime import UTC, datetime


def now() -> datetime:
    """Return this instant in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return 32 hexadecimal digits: 48 bits of milliseconds, 80 random bits. Sorts by time."""
    return f"{int(now().timestamp() * 1000):012x}{secrets.token_hex(10)}"
