"""Tenant files: stores, reads, checks and deletes files of a tenant, in the place that the settings name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog

from platform_app.config import Settings, settings
from platform_app.errors import NotFound, PlatformError
from platform_app.files import scratch
from platform_app.files.file_keys import check_key, is_key_of, new_key
from platform_app.files.file_store import PART_BYTES, FileStore
from platform_app.files.local_folder import LocalFolder
from platform_app.files.object_storage import ObjectStorage
from platform_app.files_address import parse_files_url

DAMAGED = "The file is damaged: it isn’t what was stored. Upload it again, or restore it from a backup."

log = structlog.get_logger()


@dataclass(frozen=True)
class StoredFile:
    """A stored file: its key, its size in bytes and the SHA-256 of its content in hexadecimal."""

    stored_as: str
    size: int
    sha256: str


def open_store(own: Settings | None = None) -> FileStore:
    """Return the place that settings name, those of this process by default."""
    own = own or settings()
    url = own.files_url.get_secret_value()
    return _object_storage(url) if url else LocalFolder(own.uploads)


@lru_cache
def _object_storage(url: str) -> ObjectStorage:
    return ObjectStorage(parse_files_url(url))


def save_file(tenant_id: str, path: Path) -> StoredFile:
    """Store a scratch file, which may be moved. Raises Unavailable if the store does not take it."""
    stored = StoredFile(new_key(tenant_id), path.stat().st_size, _hash(path))
    open_store().put(stored.stored_as, path)
    return stored


def save_bytes(tenant_id: str, content: bytes) -> StoredFile:
    """Store a content. Raises Unavailable if the store does not take it."""
    with scratch.new_path() as path:
        path.write_bytes(content)
        return save_file(tenant_id, path)


def read_parts(tenant_id: str, key: str, sha256: str = "") -> Iterator[bytes]:
    """Yield a file in parts, the last one only if the hash of all of them is right; "": it is not known.

    Raises NotFound in words if there is no such file, or it is not what was stored.
    """
    check_key(tenant_id, key)
    digest, last = hashlib.sha256(), b""
    for part in open_store().read_parts(key):
        digest.update(part)
        if last:
            yield last
        last = part
    _check_hash(digest.hexdigest(), sha256)
    yield last


def read_range(tenant_id: str, key: str, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` to before `end` in parts, whose hash nobody can check.

    Raises NotFound if there is no such file.
    """
    check_key(tenant_id, key)
    for first in range(start, end, PART_BYTES):
        yield open_store().read(key, first, min(PART_BYTES, end - first))


def read_bytes(tenant_id: str, key: str, sha256: str = "") -> bytes:
    """Return the content of a file. Raises NotFound as `read_parts` does."""
    return b"".join(read_parts(tenant_id, key, sha256))


def read_start(tenant_id: str, file: StoredFile, length: int) -> bytes:
    """Return the first bytes of a stored file. Raises NotFound if it is not there."""
    check_key(tenant_id, file.stored_as)
    return open_store().read(file.stored_as, 0, min(length, file.size))


@contextmanager
def local_copy(tenant_id: str, key: str, sha256: str = "") -> Iterator[Path]:
    """Yield the path of a file on this machine: the file itself, or a copy for the time of the block.

    Raises NotFound in words if there is no such file, or it is not what was stored.
    """
    check_key(tenant_id, key)
    with open_store().local_copy(key) as path:
        if sha256:
            _check_hash(_hash(path), sha256)
        yield path


def local_path(tenant_id: str, key: str, sha256: str = "") -> Path | None:
    """Return where a file is on this machine, None if it has to be copied. Raises NotFound as `local_copy` does."""
    check_key(tenant_id, key)
    path = open_store().local_path(key)
    if path is not None and sha256:
        _check_hash(_hash(path), sha256)
    return path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_hash(actual: str, expected: str) -> None:
    if expected and actual != expected:
        raise NotFound(DAMAGED)


def delete(tenant_id: str, *keys: str) -> int:
    """Delete files; return how many there were, as far as the store tells. Raises Unavailable if it refuses.

    What is no key of the tenant is left alone.
    """
    own = [key for key in keys if is_key_of(tenant_id, key)]
    return open_store().delete(own) if own else 0


def delete_all(tenant_id: str) -> int:
    """Delete every file of a tenant, whether a row names it or not; return how many there were."""
    keys = [info.key for info in open_store().list(tenant_id)]
    return delete(tenant_id, *keys)


def discard(tenant_id: str, *keys: str) -> None:
    """Delete files that no row names any more; those that cannot be deleted now are left for `unused_uploads`."""
    try:
        delete(tenant_id, *keys)
    except (PlatformError, OSError) as error:
        log.warning("a file is not deleted yet", tenant=tenant_id, files=len(keys), reason=str(error))
