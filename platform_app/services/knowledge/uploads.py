"""Uploads: files of tenants on disk, each under a random name."""

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
    """A stored file: its name on disk, and its size in bytes."""

    stored_as: str
    size: int


def plain_name(file_name: str) -> str:
    """Return a file's name without folders and unprintable characters. Raises Invalid if nothing is left."""
    name = PureWindowsPath(Path(file_name).name).name
    name = "".join(letter for letter in name if letter.isprintable())[-200:].strip()
    if not name or name.startswith("."):
        raise Invalid("The file has no name.")
    return name


@asynccontextmanager
async def store_file(body: AsyncIterator[bytes]) -> AsyncIterator[StoredFile]:
    """Write a body to disk and yield the stored file, which is deleted if the block raises.

    Raises Invalid if the body is empty, LimitReached if it is larger than `upload_max_mb`.
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


def store_text(text: str) -> StoredFile:
    """Write a text to disk in UTF-8, under a random name."""
    return store_bytes(text.encode())


def store_bytes(content: bytes) -> StoredFile:
    """Write a file to disk under a random name."""
    settings().uploads.mkdir(parents=True, exist_ok=True)
    stored_as = secrets.token_hex(16)
    (settings().uploads / stored_as).write_bytes(content)
    return StoredFile(stored_as, len(content))


def remove(file: StoredFile) -> None:
    """Delete a stored file, if it is there."""
    (settings().uploads / file.stored_as).unlink(missing_ok=True)
