"""Scripts: create, change, order, version, delete and restore scripts of a tenant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.automation import guided_steps
from platform_app.automation.conditions import parse_conditions
from platform_app.channels.quick_replies import parse_titles
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.models.agent import Agent
from platform_app.models.crm import Stage
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.models.script import MAX_TEXT_CHARS, SCRIPT_FORM, Script, ScriptKind, ScriptUse, ScriptVersion
from platform_app.services.crm import row_order
from platform_app.services.feed import activity
from platform_app.services.versions.versioned_rows import VersionedRows

MAX_SCRIPTS = 500  # of a tenant
MAX_EXAMPLES = 200  # lines
FIELDS = tuple(SCRIPT_FORM)
VERSION_WINDOW = timedelta(minutes=10)  # changes by one person within this time share a version


@dataclass
class ScriptUsage:
    """How many replies used a script, and when it was last used."""

    count: int = 0
    last: datetime | None = None


def list_scripts(
    session: Transaction, who: Identity, agent_id: str, *, search: str = "", kind: str = "", stage_id: str = ""
) -> list[Script]:
    """Return the scripts of an agent and those for all agents, in order.

    `search` is looked for in title and text; `stage_id` "none" returns scripts for any stage.
    """
    wanted = search.strip().casefold()
    return [
        row
        for row in _all(session, who)
        if row.agent_id in (None, agent_id)
        and kind in ("", row.kind)
        and stage_id in ("", row.stage_id or "none")
        and wanted in f"{row.title}\n{row.text}".casefold()
    ]


def _all(session: Transaction, who: Identity) -> list[Script]:
    query = owned(Script, who.tenant_id).where(col(Script.deleted_at).is_(None))
    return list(session.exec(query.order_by(Script.position, Script.id)).all())


def usage_by_script(session: Transaction, who: Identity) -> dict[str, ScriptUsage]:
    """Return by script id how many replies used a script; being offered to the model does not count."""
    columns = (ScriptUse.script_id, func.count(), func.max(ScriptUse.created_at))
    query = owned(ScriptUse, who.tenant_id).with_only_columns(*columns).group_by(ScriptUse.script_id)
    return {script_id: ScriptUsage(count, last) for script_id, count, last in session.execute(query).all()}


def conversations_using(session: Transaction, who: Identity, script_id: str, *, limit: int = 20) -> list[str]:
    """Return the ids of conversations in which a reply used a script, latest first."""
    query = owned(ScriptUse, who.tenant_id).where(ScriptUse.script_id == script_id)
    newest = query.order_by(col(ScriptUse.created_at).desc()).limit(500)
    ids = dict.fromkeys(use.conversation_id for use in session.exec(newest).all())
    return list(ids)[:limit]


def create(session: Transaction, who: Identity, /, *, title: str, agent_id: str | None = None, **fields: Any) -> Script:
    """Create a script at the end of the list.

    Raises LimitReached at MAX_SCRIPTS, Invalid with the field's name for a wrong value, and NotFound for an unknown
    agent or stage.
    """
    rows = _all(session, who)
    if len(rows) >= MAX_SCRIPTS:
        raise LimitReached("You can add up to {count} scripts.", count=MAX_SCRIPTS)
    row = Script(tenant_id=who.tenant_id, title="-", updated_by=who.name)
    row.position = max((other.position for other in rows), default=0) + 1
    _set_fields(session, who, row, {"title": title, "agent_id": agent_id, "condition": {}} | fields)
    session.add(row)
    session.flush()
    _record(session, who, row, "Script “{title}” created")
    return row


def save(session: Transaction, who: Identity, script_id: str, fields: dict[str, Any], *, revision: int) -> Script:
    """Change some fields of a script and store its former state as a version.

    Raises Conflict if it was changed since `revision`, and otherwise what `create` raises for fields.
    """
    row = SCRIPTS.get_for_update(session, who, script_id, revision)
    SCRIPTS.replace_state(session, who, row, fields)
    return row


def _set_fields(session: Transaction, who: Identity, row: Script, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if name not in FIELDS:
            raise Invalid("This value isn’t allowed.", field=name)
        setattr(row, name, _validate_field(session, who, name, value))


def _validate_field(session: Transaction, who: Identity, name: str, value: Any) -> Any:
    if name == "condition":
        return parse_conditions(value).model_dump(mode="json")
    if name == "steps":
        return [step.model_dump(mode="json") for step in guided_steps.parse_steps(value)]
    if name == "kind":
        if value not in list(ScriptKind):
            raise Invalid("This value isn’t allowed.", field=name)
        return ScriptKind(value)
    if name in ("agent_id", "stage_id"):
        model: Any = Agent if name == "agent_id" else Stage
        if value and session.exec(owned(model, who.tenant_id).where(model.id == value)).first() is None:
            raise NotFound("Agent not found. It may have been deleted." if name == "agent_id" else "Stage not found.")
        return value or None
    if not isinstance(value, str) or "\x00" in value or len(value) > (200 if name == "title" else MAX_TEXT_CHARS):
        raise Invalid("This value isn’t allowed.", field=name)
    if name == "quick_replies":
        return "\n".join(parse_titles(value.splitlines()))
    if name == "examples" and len(value.splitlines()) > MAX_EXAMPLES:
        raise Invalid("You can add up to {count} examples.", field=name, count=MAX_EXAMPLES)
    if name == "title" and not value.strip():
        raise Invalid("Enter a name.", field=name)
    return value.strip() if name == "title" else value


@dataclass(frozen=True, kw_only=True)
class _ScriptRows(VersionedRows[Script, ScriptVersion]):
    """Scripts, whose state is FIELDS. A change takes effect at once and stores the former state as a version."""

    def state_in(self, version: ScriptVersion) -> dict[str, Any]:
        return dict(version.content)

    def state_of(self, row: Script) -> dict[str, Any]:
        return {name: getattr(row, name) for name in FIELDS}

    def replace_state(self, session: Transaction, who: Identity, row: Script, state: dict[str, Any]) -> None:
        before = self.state_of(row)
        _set_fields(session, who, row, state)
        if self.state_of(row) == before:
            return
        last = next(iter(self.versions_of(session, row.tenant_id, row.id, limit=1)), None)
        if last is None or last.author_name != who.name or now() - last.created_at >= VERSION_WINDOW:
            self.add_version(session, who, row, before)
        row.revision, row.updated_at, row.updated_by = row.revision + 1, now(), who.name


SCRIPTS: VersionedRows[Script, ScriptVersion] = _ScriptRows(
    model=Script,
    version=ScriptVersion,
    parent="script_id",
    missing="Script not found.",
    max_rows=MAX_SCRIPTS,
    limit_reached="You can add up to {count} scripts.",
)
get = SCRIPTS.get
restore = SCRIPTS.restore
compare_versions = SCRIPTS.compare_versions
restore_version = SCRIPTS.restore_version


def list_versions(session: Transaction, who: Identity, script_id: str) -> list[ScriptVersion]:
    """Return the former states of a script, newest first; [] if there is no such script."""
    return SCRIPTS.versions_of(session, who.tenant_id, script_id)


def set_enabled(session: Transaction, who: Identity, script_id: str, *, enabled: bool) -> Script:
    """Switch a script on or off, with effect from the next reply. Raises NotFound if there is none."""
    row = get(session, who, script_id)
    row.enabled = enabled
    return row


def duplicate(session: Transaction, who: Identity, script_id: str) -> Script:
    """Create a copy of a script at the end of the list, switched off."""
    row = get(session, who, script_id)
    fields = {name: value for name, value in SCRIPTS.state_of(row).items() if name != "title"}
    copied = create(session, who, title=f"{row.title[:190]} (2)", **fields)
    copied.enabled = False
    return copied


def move(session: Transaction, who: Identity, script_id: str, *, up: bool, among: list[str]) -> None:
    """Swap a script with the one before or after it among the shown ones, whose ids `among` gives in order."""
    row_order.move(_all(session, who), get(session, who, script_id).id, up=up, among=among)


def place_at(session: Transaction, who: Identity, script_id: str, before_id: str) -> None:
    """Move a script to the position of another, which follows it."""
    moved, other = get(session, who, script_id), get(session, who, before_id)
    row_order.place_at(_all(session, who), moved.id, other.id)


def delete(session: Transaction, who: Identity, script_id: str) -> Script:
    """Delete a script; it can be restored."""
    row = SCRIPTS.delete(session, who, script_id)
    _record(session, who, row, "Script “{title}” deleted")
    return row


def _record(session: Transaction, who: Identity, row: Script, sentence: str) -> None:
    activity.record_by(
        session,
        who,
        ActivityKind.AGENT,
        sentence,
        agent_id=row.agent_id,
        link=f"/agents/{row.agent_id}/scripts/{row.id}" if row.agent_id and row.deleted_at is None else "",
        title=row.title,
    )
