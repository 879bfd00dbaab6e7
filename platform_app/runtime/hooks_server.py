"""Hooks server: the command of the process that serves webhooks alone."""

import sys
from pathlib import Path

STOP_SECONDS = 28  # that requests under way have after SIGTERM, so that the process has ended within 30


def server(host: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of the process."""
    granian = str(Path(sys.executable).parent / "granian")
    command = [granian, "--interface", "asgi", "--host", host, "--port", str(port), "--workers", "1", "--no-ws"]
    command += ["--workers-kill-timeout", str(STOP_SECONDS), "platform_app.api.hooks_app:app"]
    return command, {"REFLEX_ENV_MODE": "prod"}  # else Host headers are not checked, as in development
