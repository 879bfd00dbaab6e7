"""Disk: how much room is left where the platform keeps its data."""

import shutil

from platform_app.config import settings


def free_bytes() -> int:
    """Return how many bytes can still be written to the data folder; 0 when it is not there."""
    try:
        return shutil.disk_usage(settings().data_dir).free
    except OSError:
        return 0


def is_full() -> bool:
    """Tell whether less room is left than is kept in reserve: writes may fail at any moment."""
    return free_bytes() < settings().disk_reserve_mb * 1_000_000
