"""Uploads: files and texts that become files of a tenant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PureWindowsPath

from platform_app.config import settings
from platform_app.errors import Invalid, LimitReached
from platform_app.files import scratch, tenant_files
from platform_app.files.tenant_files import StoredFile


def plain_name(file_name: str) -> str:
    """Return a file's name without folders and unprintable characters. Raises Invalid if nothing is left."""
    name = PureWindowsPath(Path(file_name).name).name
    name = "".join(letter for letter in name if letter.isprintable())[-200:].strip()
    if not name or name.startswith("."):
        raise Invalid("The file has no name.")
    return name


@asynccontextmanager
async def store_file(tenant_id: str, body: AsyncIterator[bytes]) -> AsyncIterator[StoredFile]:
    """Store a body as a file of a tenant and yield it; the file is deleted if the block raises.

    Raises Invalid if the body is empty, LimitReached if it is larger than `upload_max_mb`, Unavailable if it cannot be
    stored.
    """
    with scratch.new_path() as path:
        await _write(path, body)
        file = await asyncio.to_thread(tenant_files.save_file, tenant_id, path)
    try:
        yield file
    except BaseException:
        await asyncio.to_thread(tenant_files.discard, tenant_id, file.stored_as)
        raise


async def _write(path: Path, body: AsyncIterator[bytes]) -> None:
    limit, size = settings().upload_max_mb * 1_000_000, 0
    with path.open("wb") as file:
        async for part in body:
            size += len(part)
            if size > limit:
                raise LimitReached("The file is larger than {limit} MB.", limit=settings().upload_max_mb)
            await asyncio.to_thread(file.write, part)
    if size == 0:
        raise Invalid("The file is empty.")


def store_text(tenant_id: str, text: str) -> StoredFile:
    """Store a text in UTF-8 as a file of a tenant. Raises Unavailable if it cannot be stored."""
    return tenant_files.save_bytes(tenant_id, text.encode())
