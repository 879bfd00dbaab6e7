"""Install paths: the locations of the program's files, in a clone or an installed package."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
CLONE = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None  # None if installed from a wheel
FRONTEND = CLONE or PACKAGE / "frontend"  # contains assets and reflex.lock


def default_data_dir() -> Path:
    """Return the data directory that is used unless PLATFORM_DATA_DIR names one.

    It is `data`, relative to the working directory, in a clone; an installed package uses `gpt-agents` in the user's
    data directory, whatever directory it is started from.
    """
    if CLONE:
        return Path("data")
    home = os.environ.get("XDG_DATA_HOME")
    return Path(home or Path.home() / ".local" / "share") / "gpt-agents"


def import_path() -> str:
    """Return the PYTHONPATH for child processes, which import this program and what this process may import."""
    return os.pathsep.join(filter(None, [str(CLONE or ""), os.environ.get("PYTHONPATH", "")]))
