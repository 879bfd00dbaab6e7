"""Uploads: files of a tenant on disk, each under a random name."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from platform_app.config import settings
from platform_app.errors import Invalid, LimitReached


@dataclass(frozen=True)
class StoredFile:
    """A file on disk: its name there, and its size in bytes."""

    stored_as: str
    size: int


def plain_name(file_name: str) -> str:
    """Return a file's bare name, fit to be shown; folders in it are dropped.

    Raises Invalid if nothing is left of the name.
    """
    name = PureWindowsPath(Path(file_name).name).name
    name = "".join(letter for letter in name if letter.isprintable())[-200:].strip()
    if not name or name.startswith("."):
        raise Invalid("The file has no name.")
    return name


@asynccontextmanager
async def store_file(body: AsyncIterator[bytes]) -> AsyncIterator[StoredFile]:
    """Write a body to disk; nothing stays of it when it is too large, empty, or what follows fails.

    Raises LimitReached if the body is larger than the limit for uploads and Invalid if it is empty.
    """
    limit = settings().upload_max_mb * 1_000_000
    settings().uploads.mkdir(parents=True, exist_ok=True)
    stored_as, size = secrets.token_hex(16), 0
    path = settings().uploads / stored_as
    try:
        with path.open("wb") as file:
            async for part in body:
                size += len(part)
                if size > limit:
                    raise LimitReached("The file is larger than {limit} MB.", limit=settings().upload_max_mb)
                await asyncio.to_thread(file.write, part)
        if size == 0:
            raise Invalid("The file is empty.")
        yield StoredFile(stored_as, size)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
