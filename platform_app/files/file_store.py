"""File store: the interface of the places where files of tenants are stored."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from platform_app.files import scratch

PART_BYTES = 8 << 20  # of a file in memory at a time


@dataclass(frozen=True)
class FileInfo:
    """A file as a store lists it."""

    key: str
    size: int  # bytes
    modified_at: datetime


class FileStore(ABC):
    """A place where files are stored under keys.

    Its methods block. They raise Unavailable in words if the store does not answer or refuses; a local folder raises
    OSError for what is wrong with the disk.
    """

    is_shared: bool  # whether other machines, and perhaps other installations, use it too

    @abstractmethod
    def put(self, key: str, path: Path) -> None:
        """Store a local file, which may be moved; nothing is there under the key before the whole file is."""

    @abstractmethod
    def get_size(self, key: str) -> int:
        """Return the bytes of a file. Raises NotFound if there is none."""

    @abstractmethod
    def read(self, key: str, start: int, length: int) -> bytes:
        """Return up to `length` bytes of a file from `start`. Raises NotFound if there is none."""

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """Return where a file is on this machine, None if it has to be copied. Raises NotFound if there is none."""

    @abstractmethod
    def delete(self, keys: Sequence[str]) -> int:
        """Delete files; return how many there were, as far as the store tells. What is not there is no error."""

    @abstractmethod
    def list(self, tenant_id: str = "") -> Iterator[FileInfo]:
        """Yield the files of a tenant, or all; what has no key is left out."""

    @abstractmethod
    def check(self) -> None:
        """Raise Unavailable if files cannot be stored."""

    def read_parts(self, key: str) -> Iterator[bytes]:
        """Yield a file in parts of PART_BYTES. Raises NotFound if there is none."""
        size = self.get_size(key)
        for start in range(0, size, PART_BYTES):
            yield self.read(key, start, min(PART_BYTES, size - start))

    @contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """Yield the path of a file on this machine: the file itself, or a copy for the time of the block.

        Raises NotFound if there is none.
        """
        path = self.local_path(key)
        if path is not None:
            yield path
            return
        with scratch.new_path() as copied:
            copied.touch(0o600)
            with copied.open("wb") as file:
                for part in self.read_parts(key):
                    file.write(part)
            yield copied
