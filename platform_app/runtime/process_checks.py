"""Process checks: what the doctor finds out about the address of webhooks and the running processes."""

from collections import Counter

import httpx
from sqlalchemy.exc import SQLAlchemyError

from platform_app.config import Settings
from platform_app.db import session_scope
from platform_app.models.job import ProcessKind
from platform_app.runtime.finding import Finding
from platform_app.services.jobs import process_beats
from platform_app.services.jobs.process_beats import RunningProcess

_NAMES = {
    ProcessKind.CONSOLE: "consoles",
    ProcessKind.HOOKS: "hooks processes",
    ProcessKind.WORKER: "workers",
}


def webhooks(own: Settings) -> Finding:
    """Check that the platform answers at the address to which webhooks are posted, if that is one of its own."""
    if not own.hooks_url:
        return Finding("webhooks", "posted to the address of the console")
    if receives_webhooks(own.hooks_url):
        return Finding("webhooks", f"{own.hooks_url} answers")
    advice = "Start gpt-agents hooks and its proxy, or correct PLATFORM_HOOKS_URL."
    return Finding("webhooks", f"{own.hooks_url} does not answer", advice)


def receives_webhooks(home: str) -> bool:
    """Return whether this platform looks an address of a webhook up at `home`, where a proxy may pass on only those."""
    try:
        answer = httpx.get(f"{home}/hooks/channels/doctor", timeout=5)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.status_code == 404 and answer.headers.get("content-type") == "application/problem+json"


def processes(own: Settings) -> Finding:
    """Check that all running processes have one version, and that the clocks of their machines are right."""
    try:
        with session_scope(reason="doctor", read_only=True) as session:
            running = process_beats.running_processes(process_beats.recent_beats(session))
    except SQLAlchemyError:  # what is wrong with the database is a finding of its own
        return Finding("processes", "not known: the database does not answer, or has other tables")
    counts = Counter(process.kind for process in running)
    detail = ", ".join(f"{_NAMES[kind]}: {counts[kind]}" for kind in ProcessKind if counts[kind]) or "none runs"
    if versions := process_beats.different_versions(running):
        named = "; ".join(f"{version}: {_places(those)}" for version, those in versions.items())
        return Finding("processes", f"{detail}; different versions: {named}", "Start those of the older version anew.")
    if wrong := [process for process in running if process.has_wrong_clock]:
        clocks = ", ".join(f"{process.machine} by {process.ahead_seconds:+.1f} s" for process in wrong)
        return Finding("processes", f"{detail}; clocks are off: {clocks}", "Synchronize them, with NTP for example.")
    return Finding("processes", detail)


def _places(those: list[RunningProcess]) -> str:
    return ", ".join(f"{process.kind.value} {process.machine} ({process.pid})" for process in those)
