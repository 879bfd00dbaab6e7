"""Exchange view: a synchronization, failed changes and calls of a CRM as its page shows them."""

from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.integration import CrmCall, CrmConnection, CrmSync, SyncState
from platform_app.models.person import Identity
from platform_app.services.integrations import conflict_rules, record_merge, synchronization
from platform_app.services.integrations.failed_changes import FailedChange
from platform_app.state.integrations.mapping import KIND_WORDS

PHASE_WORDS = {
    "pipeline": "Pipelines, members and fields",
    "contact": "Contacts",
    "lead": "Leads",
    "task": "Tasks",
    "note": "Notes",
}


@dataclass
class PhaseLine:
    """A part of a synchronization."""

    name: str
    state: str  # "done", "current" or "coming"
    count: str


@dataclass
class RuleLine:
    """A field for which it is said which side wins."""

    name: str
    label: str
    value: str


@dataclass
class FailedLine:
    """A change that the CRM does not accept."""

    id: str
    kind: str
    title: str
    path: str
    reason: str


@dataclass
class CallLine:
    """A call in the log."""

    id: str
    is_incoming: bool
    what: str
    status: str
    is_bad: bool
    took: str
    reason: str
    when: str
    exact: str


def phase_lines(sync: CrmSync, language: str) -> list[PhaseLine]:
    """Return how far the parts of a synchronization have come."""
    reached, lines = synchronization.PHASES.index(sync.phase), []
    for place, phase in enumerate(synchronization.PHASES):
        is_done = place < reached or sync.state == SyncState.DONE
        is_current = place == reached and sync.state == SyncState.RUNNING
        count = sync.counts.get(phase.value)
        state = "done" if is_done else "current" if is_current else "coming"
        lines.append(PhaseLine(translate(language, PHASE_WORDS[phase.value]), state, str(count) if count else ""))
    return lines


def rule_lines(row: CrmConnection, language: str) -> list[RuleLine]:
    """Return the fields for which a rule can be chosen."""
    return [
        RuleLine(name, translate(language, label), record_merge.rule_of(name, row.conflict_rules).value)
        for name, label in conflict_rules.fields_of(row).items()
    ]


def failed_line(change: FailedChange, language: str) -> FailedLine:
    """Return a change that the CRM does not accept."""
    return FailedLine(
        id=change.link_id,
        kind=translate(language, KIND_WORDS[change.kind]),
        title=change.title,
        path=change.path,
        reason=translate(language, change.error, **change.values),
    )


def call_line(entry: CrmCall, identity: Identity, language: str) -> CallLine:
    """Return a call of the log."""
    status = str(entry.status) if entry.status else translate(language, "No response")
    reason = translate(language, entry.error) if entry.error and "{" not in entry.error else ""
    return CallLine(
        id=entry.id,
        is_incoming=entry.is_incoming,
        what=f"{entry.method} {entry.path}",
        status=status,
        is_bad=entry.status == 0 or entry.status >= 400,
        took=f"{entry.milliseconds} ms" if not entry.is_incoming else "",
        reason=reason,
        when=relative_time(language, entry.created_at, now(), identity.time_zone),
        exact=exact_time(language, entry.created_at, identity.time_zone),
    )
