"""Worker watch: one look every few seconds, for all dashboards of this process, at the processes that run."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from platform_app.db import session_scope
from platform_app.errors import PlatformError
from platform_app.hub import Update, hub
from platform_app.models.job import ProcessBeat, ProcessKind
from platform_app.services.jobs import process_beats
from platform_app.services.jobs.job_list import is_well
from platform_app.services.jobs.process_beats import RunningProcess
from platform_app.tracing import spans

log = structlog.get_logger()
TOPIC = "worker"
SECONDS = 2.0  # between two looks


@dataclass(frozen=True)
class _Seen:
    """What a look found that dashboards show without being opened further."""

    processes: tuple[tuple[ProcessKind, str, int, str, bool], ...]
    is_well: bool  # a worker runs, and all that run are well


class WorkerWatch:
    """Tells the dashboards that are open in this process when processes come, go, or are not well."""

    def __init__(self) -> None:
        self._followers = 0
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def following(self) -> Iterator[None]:
        """Look as long as the block runs; subscribers of TOPIC are told."""
        self._followers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), context=spans.NO_SPAN.context())  # it outlasts the event
        try:
            yield
        finally:
            self._followers -= 1

    async def _run(self) -> None:
        seen: _Seen | None = None
        while self._followers:
            try:
                found = await asyncio.to_thread(_read_processes)
            except PlatformError as error:  # the database is busy or away; the next look may succeed
                log.info("the processes could not be read", reason=error.sentence)
            else:
                if found != seen or not found.is_well:  # at first too: a page may have read before
                    hub.tell_all(Update(TOPIC, ""))
                seen = found
            await asyncio.sleep(SECONDS)


def _read_processes() -> _Seen:
    with session_scope(reason="the processes that run", read_only=True) as session:
        beats: list[ProcessBeat] = process_beats.recent_beats(session)
        processes = tuple(_essence(process) for process in process_beats.running_processes(beats))
        workers = [beat.snapshot for beat in beats if beat.kind == ProcessKind.WORKER]
        return _Seen(processes, bool(workers) and all(map(is_well, workers)))


def _essence(process: RunningProcess) -> tuple[ProcessKind, str, int, str, bool]:
    return process.kind, process.machine, process.pid, process.version, process.has_wrong_clock


watch = WorkerWatch()
