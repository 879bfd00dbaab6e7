"""Process rows: the running processes as the dashboard shows them, and what is wrong among them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from babel.numbers import format_decimal

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.job import ProcessKind
from platform_app.services.jobs.process_beats import RunningProcess, different_versions

MAX_NAMED = 5  # processes named in a sentence
KIND_LABELS = {
    ProcessKind.CONSOLE: "Console|process",
    ProcessKind.HOOKS: "Webhook server",
    ProcessKind.WORKER: "Worker|process",
}


@dataclass
class ProcessRow:
    """A running process in the table."""

    id: str
    kind: str
    machine: str
    pid: str
    version: str
    since: str
    since_exact: str
    clock: str
    has_wrong_clock: bool
    memory: str
    doing: str


def process_rows(processes: Sequence[RunningProcess], language: str, zone: str) -> list[ProcessRow]:
    """Return the rows of the table."""
    return [_row(process, language, zone) for process in processes]


def _row(process: RunningProcess, language: str, zone: str) -> ProcessRow:
    since = process.since
    megabytes = round(process.memory_bytes / 1_000_000)
    return ProcessRow(
        f"{process.machine}/{process.pid}",
        translate(language, KIND_LABELS[process.kind]),
        process.machine,
        str(process.pid),
        process.version,
        relative_time(language, since, now(), zone) if since else "",
        exact_time(language, since, zone) if since else "",
        _clock(process, language),
        process.has_wrong_clock,
        translate(language, "{count} MB", count=megabytes) if megabytes else "",
        _doing(process, language),
    )


def _clock(process: RunningProcess, language: str) -> str:
    """Return by how much the clock of a process's machine is ahead (+) of the database's, or behind (−)."""
    seconds = format_decimal(abs(process.ahead_seconds), "0.0", locale=language)
    sign = "+" if process.ahead_seconds > 0 else "−" if process.ahead_seconds < 0 else ""
    return translate(language, "{count} s", count=f"{sign}{seconds}")


def _doing(process: RunningProcess, language: str) -> str:
    """Return the counts of what a process does, in words."""
    forms = {
        "jobs": ("{count} job running", "{count} jobs running"),
        "sockets": ("{count} open tab", "{count} open tabs"),
        "requests": ("{shown} request a minute", "{shown} requests a minute"),
    }
    counts = {name: process.doing[name] for name in forms if name in process.doing}
    if process.kind == ProcessKind.HOOKS:
        counts.pop("sockets", None)  # it has none
    return ", ".join(
        plural(language, *forms[name], count, shown=str(format_decimal(count, locale=language)))
        for name, count in counts.items()
    )


def other_processes(processes: Sequence[RunningProcess], language: str) -> list[str]:
    """Return how many consoles and webhook servers run, in words."""
    counts = Counter(process.kind for process in processes)
    consoles, hooks = counts[ProcessKind.CONSOLE], counts[ProcessKind.HOOKS]
    words = [plural(language, "{count} console", "{count} consoles", consoles)] if consoles else []
    return words + ([plural(language, "{count} webhook server", "{count} webhook servers", hooks)] if hooks else [])


def process_problems(processes: Sequence[RunningProcess], language: str) -> list[str]:
    """Return a sentence for what is wrong among processes: versions that differ, machines with a wrong clock."""
    sentences = []
    if versions := different_versions(processes):
        named = "; ".join(f"{version}: {_places(running)}" for version, running in versions.items())
        sentences.append(
            translate(language, "Processes of different versions are running. {versions}.", versions=named)
        )
    wrong = {process.machine: process for process in processes if process.has_wrong_clock}
    for machine, process in wrong.items():
        seconds = format_decimal(abs(process.ahead_seconds), "0.0", locale=language)
        sentence = (
            "The clock of “{machine}” is {seconds} s ahead of the database’s. Synchronize it, with NTP for example."
            if process.ahead_seconds > 0
            else "The clock of “{machine}” is {seconds} s behind the database’s. Synchronize it, with NTP for example."
        )
        sentences.append(translate(language, sentence, machine=machine, seconds=seconds))
    return sentences


def _places(processes: Sequence[RunningProcess]) -> str:
    """Return the machines and process ids of processes, a few of many."""
    named = [f"{process.machine} ({process.pid})" for process in processes]
    return ", ".join(named[:MAX_NAMED]) + ("…" if len(named) > MAX_NAMED else "")
