"""Routes as a process of their own, which a test may kill: `python -m tests.chaos.routes_main`."""

import os
import sys

import uvicorn

from platform_app import logs
from platform_app.api.app import api
from platform_app.api.security import SecurityMiddleware, ServerAddressMiddleware


def main() -> int:
    """Serve the routes on the port of the environment until the process ends."""
    logs.configure()
    port = int(os.environ["PLATFORM_PORT"])
    uvicorn.run(SecurityMiddleware(ServerAddressMiddleware(api)), host="127.0.0.1", port=port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
