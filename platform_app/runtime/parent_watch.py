"""Parent watch: ends a serving process whose starting process is gone, which would serve an old version for ever."""

import asyncio
import os
import signal

CHECK_SECONDS = 1.0


async def end_with_parent() -> None:
    """Wait until the parent process has ended, then tell this one to end as SIGTERM does."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
