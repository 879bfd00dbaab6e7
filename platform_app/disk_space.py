"""Disk space: the free space for the platform's data."""

import shutil

from platform_app.config import settings


def free_bytes() -> int:
    """Return the free bytes of the data folder's disk, 0 if the folder does not exist."""
    try:
        return shutil.disk_usage(settings().data_dir).free
    except OSError:
        return 0


def is_full() -> bool:
    """Return whether less than `disk_reserve_mb` is free, so that writes may fail."""
    return free_bytes() < settings().disk_reserve_mb * 1_000_000
