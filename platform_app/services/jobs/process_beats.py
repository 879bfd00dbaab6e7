"""Process beats: the heartbeats of consoles, hooks processes and workers, and what is wrong among those that run."""

import asyncio
import os
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlmodel import col

from platform_app import __version__, database_clock
from platform_app.clock import new_id, now
from platform_app.db import Transaction, session_scope, unscoped, unscoped_delete
from platform_app.models.job import ProcessBeat, ProcessKind

log = structlog.get_logger()
BEAT_TIMEOUT = 10.0  # seconds without a heartbeat after which a process counts as down
BEAT_SECONDS = 3.0  # between two heartbeats of a process
STOP_SECONDS = 2.0  # that a process which ends waits for its last heartbeat to be deleted
KEPT = timedelta(days=1)  # heartbeats of processes that were killed; jobs that they ran refer to them
_BEGUN = time.monotonic()


@dataclass(frozen=True)
class RunningProcess:
    """A process with a recent heartbeat. `doing` counts: jobs that run, open sockets, requests of the last minute."""

    kind: ProcessKind
    machine: str
    pid: int
    version: str
    since: datetime | None
    ahead_seconds: float = 0.0  # of its machine's clock, against the database's
    memory_bytes: int = 0
    doing: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_wrong_clock(self) -> bool:
        """Whether the clock of its machine is off by more than is tolerated."""
        return abs(self.ahead_seconds) > database_clock.MAX_LEAD.total_seconds()


def describe(doing: Mapping[str, int]) -> dict[str, Any]:
    """Return what the heartbeat of this process says of it, as JSON values."""
    since = now() - timedelta(seconds=time.monotonic() - _BEGUN)
    return {
        "machine": socket.gethostname(),
        "pid": os.getpid(),
        "version": __version__,
        "since": since.isoformat(timespec="seconds"),
        "aheadSeconds": database_clock.lead_seconds(),
        "memoryBytes": memory_bytes(),
        "doing": dict(doing),
    }


def memory_bytes() -> int:
    """Return the memory that this process has now; where the system has no /proc, the most that it has had."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of macOS: in bytes
    return pages * os.sysconf("SC_PAGE_SIZE")


def write(beat_id: str, kind: ProcessKind, snapshot: dict[str, Any]) -> None:
    """Store a heartbeat; `snapshot` has what `describe` returns under "process"."""
    with session_scope(reason="a process's sign of life") as session:
        held = session.exec(unscoped(ProcessBeat).where(ProcessBeat.id == beat_id)).first()
        row = held or ProcessBeat(id=beat_id, kind=kind, beat_at=now())
        row.beat_at, row.snapshot = now(), snapshot
        session.add(row)


def delete(beat_id: str) -> None:
    """Delete the heartbeat of a process that ends."""
    with session_scope(reason="a process stops") as session:
        session.execute(unscoped_delete(ProcessBeat).where(col(ProcessBeat.id) == beat_id))


def delete_old() -> None:
    """Delete the heartbeats of processes that were killed long ago."""
    with session_scope(reason="heartbeats of processes that are gone") as session:
        session.execute(unscoped_delete(ProcessBeat).where(col(ProcessBeat.beat_at) < now() - KEPT))


@asynccontextmanager
async def beating(kind: ProcessKind, doing: Callable[[], Mapping[str, int]]) -> AsyncIterator[None]:
    """Store heartbeats of this process, for the lifespan of an application; `doing` returns what it does."""
    stopping = asyncio.Event()
    task = asyncio.create_task(_beat(kind, doing, stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait([task], timeout=STOP_SECONDS)


async def _beat(kind: ProcessKind, doing: Callable[[], Mapping[str, int]], stopping: asyncio.Event) -> None:
    beat_id, is_stored = new_id(), True
    while not stopping.is_set():
        try:
            await asyncio.to_thread(write, beat_id, kind, {"status": "ok", "process": describe(doing())})
            is_stored = True
        except Exception as error:  # the next one is stored once the database answers
            if is_stored:
                log.warning("heartbeat not stored", error=type(error).__name__)
            is_stored = False
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), BEAT_SECONDS)
    with suppress(Exception):  # it counts as down soon
        await asyncio.to_thread(delete, beat_id)


def recent_beats(session: Transaction) -> list[ProcessBeat]:
    """Return the heartbeats of all processes that run."""
    recent = now() - timedelta(seconds=BEAT_TIMEOUT)
    return list(session.exec(unscoped(ProcessBeat).where(col(ProcessBeat.beat_at) > recent)).all())


def running_processes(beats: Sequence[ProcessBeat]) -> list[RunningProcess]:
    """Return the processes of heartbeats, ordered by kind, machine and process id."""
    found = [_read(beat) for beat in beats]
    return sorted(found, key=lambda process: (process.kind, process.machine, process.pid))


def _read(beat: ProcessBeat) -> RunningProcess:
    """Read a heartbeat; that of a worker of the previous release has fewer values, at other places."""
    said = beat.snapshot.get("process") or {}
    clock, worker = beat.snapshot.get("clock") or {}, beat.snapshot.get("worker") or {}
    return RunningProcess(
        beat.kind,
        str(said.get("machine") or clock.get("machine") or "")[:100],
        int(said.get("pid") or worker.get("pid") or 0),
        str(said.get("version") or worker.get("version") or "")[:40],
        datetime.fromisoformat(said["since"]) if said.get("since") else None,
        float(said.get("aheadSeconds", clock.get("aheadSeconds") or 0.0)),
        int(said.get("memoryBytes", 0)),
        dict(said.get("doing") or {}),
    )


def different_versions(processes: Sequence[RunningProcess]) -> dict[str, list[RunningProcess]]:
    """Return the processes of each version if they differ, else nothing."""
    found: dict[str, list[RunningProcess]] = {}
    for process in processes:
        found.setdefault(process.version, []).append(process)
    return dict(sorted(found.items())) if len(found) > 1 else {}


def figures() -> dict[str, Any]:
    """Return the figures of all processes that run, as JSON values, for the metrics."""
    with session_scope(reason="metrics of processes", read_only=True) as session:
        processes = running_processes(recent_beats(session))
    return {
        "counts": {kind.value: sum(process.kind == kind for process in processes) for kind in ProcessKind},
        "memoryBytes": {
            kind.value: sum(process.memory_bytes for process in processes if process.kind == kind)
            for kind in ProcessKind
        },
        "versions": sorted({process.version for process in processes}),
        "clockOffSeconds": max((abs(process.ahead_seconds) for process in processes), default=0.0),
        "openSockets": sum(process.doing.get("sockets", 0) for process in processes),
        "requests": sum(process.doing.get("requests", 0) for process in processes),
    }
