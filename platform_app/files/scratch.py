"""Scratch files: local files that are being written, before they are stored, or while they are read.

They lie in the folder of uploads, so that a store in that folder takes them over without copying them.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from platform_app.config import settings

PREFIX = "."  # of their names, which no stored file has


def folder() -> Path:
    """Return the folder of scratch files, which is made if it is missing."""
    settings().uploads.mkdir(parents=True, exist_ok=True)
    return settings().uploads


@contextmanager
def new_path() -> Iterator[Path]:
    """Yield a path where a file may be written; what is there after the block is deleted."""
    path = folder() / f"{PREFIX}{secrets.token_hex(16)}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def delete_old(before: datetime) -> None:
    """Delete scratch files that a killed process has left and that were last written before a time."""
    if not settings().uploads.is_dir():
        return
    for path in settings().uploads.glob(f"{PREFIX}*"):
        try:
            if path.is_file() and path.stat().st_mtime < before.timestamp():
                path.unlink()
        except FileNotFoundError:  # deleted by whoever was using it
            continue
