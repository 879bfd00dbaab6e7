"""Local folder: files stored in a folder of this machine."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from platform_app.errors import NotFound
from platform_app.files.file_keys import MISSING, is_key
from platform_app.files.file_store import FileInfo, FileStore

_ATTEMPTS = 5  # at a file whose folder another process deletes because it is empty


class LocalFolder(FileStore):
    """Files in a folder; those of a tenant are in a subfolder that has its id."""

    is_shared = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, key: str, path: Path) -> None:
        """Move a file of the same disk here."""
        with path.open("rb") as file:
            os.fsync(file.fileno())
        for attempt in range(_ATTEMPTS):
            (self.path / key).parent.mkdir(parents=True, exist_ok=True)
            try:
                path.replace(self.path / key)
                return
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise

    def get_size(self, key: str) -> int:
        """Return the bytes of a file. Raises NotFound if there is none."""
        return self.local_path(key).stat().st_size

    def read(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes of a file from `start`. Raises NotFound if there is none."""
        with self.local_path(key).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def local_path(self, key: str) -> Path:
        """Return where a file is. Raises NotFound if there is none."""
        path = self.path / key
        if not path.is_file():
            raise NotFound(MISSING)
        return path

    def delete(self, keys: Sequence[str]) -> int:
        """Delete files, and folders of tenants that become empty; return how many files there were."""
        count = 0
        for key in keys:
            with suppress(FileNotFoundError, IsADirectoryError):  # a folder's name may look like the key of an old file
                (self.path / key).unlink()
                count += 1
        for folder in {(self.path / key).parent for key in keys} - {self.path}:
            with suppress(OSError):  # not empty, or not there
                folder.rmdir()
        return count

    def list(self, tenant_id: str = "") -> Iterator[FileInfo]:
        """Yield the files of a tenant, or all."""
        if not (self.path / tenant_id).is_dir():
            return
        for path in sorted((self.path / tenant_id).rglob("*")):
            key = path.relative_to(self.path).as_posix()
            with suppress(FileNotFoundError):  # deleted since it was listed
                if is_key(key) and path.is_file():
                    status = path.stat()
                    yield FileInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def check(self) -> None:
        """Check nothing: doctor and the health checks look at the disk anyway."""
