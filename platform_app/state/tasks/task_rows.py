"""Task rows: tasks as the list shows them."""

from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.person import Identity
from platform_app.services.tasks.task_list import TaskLine
from platform_app.services.tasks.task_origins import OriginKind, TaskOrigin
from platform_app.state.tasks.due_times import due_words

_ORIGINS = {
    OriginKind.RULE: "Rule “{name}”",
    OriginKind.SEQUENCE: "Sequence “{name}”",
    OriginKind.AGENT: "Agent “{name}”",
}


@dataclass
class TaskRow:
    """A task in the list; a link is "" if there is nothing to open."""

    id: str
    text: str
    is_done: bool
    overdue: str  # since when, in words; "" if it is not overdue
    due: str
    exact: str
    done: str
    responsible: str
    contact: str
    contact_link: str
    lead: str
    lead_link: str
    conversation_link: str
    origin: str
    origin_link: str


def build_task_row(line: TaskLine, who: Identity, language: str) -> TaskRow:
    """Return the row of a task; its links are addresses of pages."""
    row, home = line.row, f"/manage/{who.slug}"
    is_overdue = row.done_at is None and row.due_at is not None and row.due_at < now()
    return TaskRow(
        id=row.id,
        text=row.text,
        is_done=row.done_at is not None,
        overdue=_overdue_words(line, language, who.time_zone) if is_overdue else "",
        due=due_words(row.due_at, language, who.time_zone) if row.due_at else "",
        exact=exact_time(language, row.due_at, who.time_zone) if row.due_at else "",
        done=due_words(row.done_at, language, who.time_zone) if row.done_at else "",
        responsible=line.responsible,
        contact=line.contact,
        contact_link=f"{home}/contacts/{row.contact_id}" if line.contact else "",
        lead=line.lead,
        lead_link=f"{home}/leads/{row.lead_id}" if line.lead else "",
        conversation_link=f"{home}{line.conversation_link}" if line.conversation_link else "",
        origin=_origin_words(line.origin, language) if line.origin else "",
        origin_link=f"{home}{line.origin.link}" if line.origin else "",
    )


def _origin_words(origin: TaskOrigin, language: str) -> str:
    """Return what made a task: a rule, sequence or agent by its name, or a member; else the event itself."""
    if origin.kind in _ORIGINS:
        return translate(language, _ORIGINS[origin.kind], name=origin.name)
    return origin.name or translate(language, "Event")


def _overdue_words(line: TaskLine, language: str, zone: str) -> str:
    due_at = line.row.due_at
    if due_at is None:
        return ""
    return translate(language, "Overdue · {when}", when=relative_time(language, due_at, now(), zone))
