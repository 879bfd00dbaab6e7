"""Provider process: the fake provider in a process of its own, so that its work is not that of what is measured."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running_provider() -> Iterator[str]:
    """Run the fake provider; yield its address."""
    command = [sys.executable, "-m", "tests.fake_provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
