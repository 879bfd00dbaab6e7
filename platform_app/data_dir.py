"""Data folder: the folder of a platform's data, its lock and its secrets."""

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from platform_app.errors import Conflict, Unavailable

_WAIT_SECONDS = 8.0  # for the supervisor of a platform that was killed


class DataDir:
    """A data folder, locked by this process as a context manager.

    Entering raises Conflict if another platform runs on it, and Unavailable if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.lock = -1  # file descriptor

    def __enter__(self) -> "DataDir":
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(f"The data folder {self.path} cannot be written: {error.strerror}.") from error
        end = time.monotonic() + _WAIT_SECONDS
        while not self._try_lock():
            holder = os.pread(self.lock, 20, 0).decode().strip()
            if _is_alive(holder) or time.monotonic() > end:
                os.close(self.lock)
                raise Conflict(f"The platform runs already on {self.path} (process {holder}). Stop it first.")
            time.sleep(0.1)
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.lock)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def secret(self, name: str) -> str:
        """Return a secret of this folder, created once and readable only by its owner."""
        return read_or_create_secret(self.path / "secrets" / name, 12)


def read_or_create_secret(path: Path, size: int) -> str:
    """Return the secret in a file, created atomically from `size` random bytes if missing."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        file = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, secrets.token_urlsafe(size).encode())
        os.close(file)
        with suppress(FileExistsError):  # another process was first
            os.link(mine, path)
        mine.unlink()
    return path.read_text().strip()


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
