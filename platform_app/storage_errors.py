"""Storage errors: translates errors of the database or disk into sentences."""

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from platform_app.errors import Unavailable

_LOCK_CONFLICT_STATES = ("55P03", "40P01")  # PostgreSQL: lock timeout, deadlock
_FULL = ("53100", "53200")  # PostgreSQL: the disk is full, memory is
_UNAVAILABLE = ("08", "53", "57", "58")  # PostgreSQL's classes: connection, resources, operator intervention, system


def as_unavailable(error: BaseException) -> Unavailable | None:
    """Return the Unavailable error for an error of storage, or None for any other error."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full()
    if isinstance(error, PoolTimeout):
        return Unavailable("The database is busy. Try again.")
    if not isinstance(error, DBAPIError):
        return None
    code = str(getattr(error.orig, "sqlstate", "") or "")
    if code in _FULL or _sqlite_code(error) == sqlite3.SQLITE_FULL:
        return _disk_full()
    if isinstance(error, (OperationalError, InterfaceError)) and (not code or code.startswith(_UNAVAILABLE)):
        return Unavailable("Nothing was saved because the database isn’t accepting changes. Try again in a moment.")
    return None


def is_lock_conflict(error: OperationalError) -> bool:
    """Return whether a transaction ended by a lock timeout or deadlock and may be retried at once."""
    return getattr(error.orig, "sqlstate", "") in _LOCK_CONFLICT_STATES


def _disk_full() -> Unavailable:
    return Unavailable("Nothing was saved because the disk is full. Free up space on the server and try again.")


def _sqlite_code(error: DBAPIError) -> int:
    return int(getattr(error.orig, "sqlite_errorcode", 0) or 0) & 0xFF
