"""Bench: runs every measurement in turn, goes on after one that breaks off, and says at the end which did."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def modules(folder: Path = Path(__file__).parent) -> list[str]:
    """Return the modules that measure, by name."""
    return [f"tests.bench.{path.stem}" for path in sorted(folder.glob("bench_*.py"))]


def main(names: Sequence[str]) -> int:
    """Run modules in turn; return 1 when one of them failed."""
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        if subprocess.call([sys.executable, "-m", name]):
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(modules()))
