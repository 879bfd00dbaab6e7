"""Rules: written as drafts, published, switched, ordered, copied, deleted and brought back, within their tenant."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from pydantic import ValidationError
from sqlalchemy import func

from platform_app import bell
from platform_app.automation import checks
from platform_app.automation.conditions import read
from platform_app.automation.rules import Definition, definition
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine import drafts
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.events import emit
from platform_app.i18n import translate
from platform_app.models.agent import Agent
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun, RuleVersion
from platform_app.services import activity, leads, ordering, webhooks

MOST = 1_000  # of a tenant
FIELDS = tuple(Definition.model_fields)


def of_tenant(session: Transaction, who: Identity, *, agent_id: str = "", search: str = "") -> list[Rule]:
    """Return the rules in the order in which they run; those that concern an agent, where one is named."""
    query = owned(Rule, who.tenant_id).where(Rule.deleted_at.is_(None))  # type: ignore[union-attr]
    rows: list[Rule] = list(session.exec(query.order_by(Rule.position, Rule.id)).all())
    wanted = search.strip().casefold()
    return [row for row in rows if wanted in row.name.casefold() and (not agent_id or row.agent_id in (None, agent_id))]


def runs_of(session: Transaction, who: Identity) -> dict[str, tuple[int, datetime]]:
    """Return for each rule how often it ran, and when last, also what the log no longer holds."""
    columns = (RuleRun.rule_id, func.count(), func.max(RuleRun.at))
    query = owned(RuleRun, who.tenant_id).where(RuleRun.fired.is_(True))  # type: ignore[attr-defined]
    found = session.execute(query.with_only_columns(*columns).group_by(RuleRun.rule_id)).all()
    counted = {rule_id: (count, last) for rule_id, count, last in found}
    gone = owned(Rule, who.tenant_id).where(Rule.runs_forgotten > 0)
    for row_id, count, last in session.execute(
        gone.with_only_columns(Rule.id, Rule.runs_forgotten, Rule.last_forgotten)
    ):
        more, latest = counted.get(row_id, (0, last))
        counted[row_id] = (count + more, max(last, latest))
    return counted


def get(session: Transaction, who: Identity, rule_id: str, *, lock: bool = False) -> Rule:
    """Return a rule that is not deleted."""
    query = owned(Rule, who.tenant_id).where(Rule.id == rule_id)
    row: Rule | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None or row.deleted_at is not None:
        raise NotFound("There is no such rule.")
    return row


def create(
    session: Transaction,
    who: Identity,
    *,
    name: str,
    agent_id: str | None = None,
    draft: dict[str, Any] | None = None,
    is_demo: bool = False,
) -> Rule:
    """Add a rule at the end: a draft, switched off."""
    rows = of_tenant(session, who)
    if len(rows) >= MOST:
        raise LimitReached("There can be {count} rules at most.", count=MOST)
    row = Rule(tenant_id=who.tenant_id, name="", draft_saved_by=who.name, is_demo=is_demo)
    row.position = max((other.position for other in rows), default=0) + 1
    row.name, row.agent_id = _name(name), _agent(session, who, agent_id)
    row.draft = definition(draft or {}).model_dump(mode="json")
    session.add(row)
    session.flush()
    _record(session, who, row, "Rule “{name}” created")
    return row


def save(session: Transaction, who: Identity, rule_id: str, changes: dict[str, Any], *, revision: int) -> Rule:
    """Change the draft, the name or the agent. Raises Conflict when it was changed since `revision`."""
    row = get(session, who, rule_id, lock=True)
    if row.revision != revision:
        raise Conflict("{name} changed this meanwhile.", name=row.draft_saved_by)
    rest = dict(changes)
    if "name" in rest:
        row.name = _name(rest.pop("name"))
    if "agent_id" in rest:
        row.agent_id = _agent(session, who, rest.pop("agent_id"))
    write(row, who, row.draft | _checked(rest))
    return row


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    unknown = changes.keys() - set(FIELDS)
    try:
        if unknown or ("trigger" in changes and changes["trigger"] not in list(EventKind)):
            raise Invalid("This value cannot be taken.", field=next(iter(changes)))
        whole = Definition.model_validate(changes).model_dump(mode="json")
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise Invalid("This value cannot be taken.", field=field) from error
    if "condition" in changes:
        whole["condition"] = read(whole["condition"]).model_dump(mode="json")
    return {name: whole[name] for name in changes}


def write(row: Rule, who: Identity, draft: dict[str, Any]) -> None:
    """Put a definition into the draft of a rule that is locked."""
    row.draft, row.revision = draft, row.revision + 1
    row.updated_at, row.draft_saved_by = now(), who.name


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or "\x00" in name:
        raise Invalid("Enter a name.", field="name")
    return " ".join(name.split())


def _agent(session: Transaction, who: Identity, agent_id: Any) -> str | None:
    if not agent_id:
        return None
    if session.exec(owned(Agent, who.tenant_id).where(Agent.id == agent_id)).first() is None:
        raise NotFound("There is no such agent.")
    return str(agent_id)


def problems(session: Transaction, who: Identity, row: Rule) -> dict[str, str]:
    """Return what keeps a draft from being published: a sentence in the person's language by field."""
    draft, house = definition(row.draft), drafts.house(session, who)
    found = drafts.problems(draft.actions, house, who.language) | drafts.lacking(session, who, draft.actions)
    if checks.problems(read(draft.condition), house.known, house.choices):
        found["condition"] = translate(who.language, "Complete the conditions.")
    if draft.trigger == EventKind.SCHEDULE and not draft.weekdays:
        found["weekdays"] = translate(who.language, "Choose at least one day.")
    if not webhooks.is_known(session, who, draft.webhook_id):
        found["webhook_id"] = translate(who.language, "There is no such webhook any more. Choose another.")
    return found


def publish(session: Transaction, who: Identity, rule_id: str) -> RuleVersion:
    """Make the draft the version that runs. Raises Invalid when it is not complete."""
    row = get(session, who, rule_id, lock=True)
    if row.published_number and row.published == row.draft:
        raise Conflict("Nothing has changed since it was published.")
    if problems(session, who, row):
        raise Invalid("Complete the rule first.", field="actions")
    row.published_number += 1
    row.published, row.trigger = dict(row.draft), row.draft["trigger"]
    version = RuleVersion(tenant_id=row.tenant_id, rule_id=row.id, number=row.published_number)
    version.definition, version.published_by = row.published, who.name
    session.add(version)
    _plan_next(row, who.time_zone)
    _record(session, who, row, "Rule “{name}” published")
    return version


def _plan_next(row: Rule, zone: str) -> None:
    rule = definition(row.published) if row.published else None
    is_planned = rule is not None and row.enabled and rule.trigger == EventKind.SCHEDULE
    row.next_at = next_time(rule, zone, now()) if rule and is_planned else None


def next_time(rule: Definition, zone: str, after: datetime) -> datetime:
    """Return when a schedule is due next, after a moment."""
    hour, minute = rule.time.split(":")
    days = ",".join(str(day % 7) for day in rule.weekdays)
    found: datetime = croniter(f"{minute} {hour} * * {days}", after.astimezone(ZoneInfo(zone))).get_next(datetime)
    return found.astimezone(UTC)


def switch(session: Transaction, who: Identity, rule_id: str, *, enabled: bool) -> Rule:
    """Switch a rule on or off; it has to be published first. What waits is not done any more when it is off."""
    row = get(session, who, rule_id, lock=True)
    if enabled and not row.published_number:
        raise Conflict("Publish the rule first.")
    if row.enabled != enabled:
        row.enabled = enabled
        _plan_next(row, who.time_zone)
        _record(session, who, row, "Rule “{name}” switched on" if enabled else "Rule “{name}” switched off")
    return row


def run_by_hand(session: Transaction, who: Identity, rule_id: str, lead_id: str) -> None:
    """Let a rule that waits for it run for a lead."""
    row, lead = get(session, who, rule_id), leads.get(session, who, lead_id)
    if row.trigger != EventKind.MANUAL or not row.enabled:
        raise Conflict("Publish the rule with “By hand” and switch it on first.")
    links: dict[str, Any] = {"lead_id": lead.id, "contact_id": lead.contact_id, "agent_id": row.agent_id}
    emit(session, who.tenant_id, EventKind.MANUAL, after={"rule_id": row.id, "by": who.name}, **links)


def duplicate(session: Transaction, who: Identity, rule_id: str, *, agent_id: str | None = "same") -> Rule:
    """Make a copy at the end, for the same agent or another: a draft, switched off."""
    row = get(session, who, rule_id)
    name = translate(who.language, "{name} (copy)", name=row.name[:180])
    return create(session, who, name=name, agent_id=row.agent_id if agent_id == "same" else agent_id, draft=row.draft)


def move(session: Transaction, who: Identity, rule_id: str, *, up: bool, among: list[str]) -> None:
    """Let a rule run before or after its neighbour; `among` are the ids that are shown, in order."""
    ordering.move(of_tenant(session, who), get(session, who, rule_id).id, up=up, among=among)


def place(session: Transaction, who: Identity, rule_id: str, other_id: str) -> None:
    """Put a rule where another stands."""
    moved, other = get(session, who, rule_id), get(session, who, other_id)
    ordering.put(of_tenant(session, who), moved.id, other.id)


def delete(session: Transaction, who: Identity, rule_id: str) -> Rule:
    """Take a rule away: it does not run any more. It can be brought back."""
    row = get(session, who, rule_id, lock=True)
    row.deleted_at, row.enabled, row.next_at = now(), False, None
    _record(session, who, row, "Rule “{name}” deleted")
    return row


def restore(session: Transaction, who: Identity, rule_id: str) -> Rule:
    """Bring back a rule that was deleted, switched off."""
    row: Rule | None = session.exec(owned(Rule, who.tenant_id).where(Rule.id == rule_id)).first()
    if row is None or row.deleted_at is None:
        raise NotFound("There is no such rule.")
    row.deleted_at = None
    return row


def _record(session: Transaction, who: Identity, row: Rule, sentence: str) -> None:
    link = f"/rules/{row.id}" if row.deleted_at is None else ""
    activity.by(session, who, ActivityKind.RULE, sentence, agent_id=row.agent_id, link=link, name=row.name)
    session.after_commit.append(lambda: bell.announce(row.tenant_id, "rule", row.id))
