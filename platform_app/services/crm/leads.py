"""Leads: create, find, update, move through stages, delete and restore; each change emits an event."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app import custom_fields, notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.events import emit
from platform_app.models.crm import Holder, Lead, Stage
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.person import Identity, Member
from platform_app.services.bin import bin_entries, waiting_reminders
from platform_app.services.crm import contact_links, contacts, crm_changes, crm_values, pipelines, search_text, tags
from platform_app.services.feed import activity

FIELDS = ("title", "budget", "contact_id", "responsible_id", "source", "tags", "fields")
OTHERS = "other_contact_ids"  # further contacts, which are values of a lead too
SORT_KEYS = ("updated", "title", "budget")


def create(
    session: Transaction,
    who: Identity,
    *,
    title: str,
    stage_id: str,
    at: datetime | None = None,
    is_demo: bool = False,
    **values: Any,
) -> Lead:
    """Create a lead in a stage and emit `lead_created` and a `tag_added` for each tag.

    `values` maps names of FIELDS, OTHERS or `field.{key}` of custom fields to values; `at` (aware) is the time of
    creation, None is now. Raises NotFound if the stage, contact or responsible member does not exist, and Invalid at
    the field if a value is not accepted.
    """
    stage = pipelines.get_stage(session, who, stage_id)
    row = Lead(tenant_id=who.tenant_id, title="", stage_id=stage.id, created_at=at or now(), is_demo=is_demo)
    row.in_stage_since = row.created_at
    others = _check_others(session, who, values.pop(OTHERS, []))
    for field, value in ({"title": title} | values).items():
        _set_field(session, who, row, name=field, value=value)
    row.contact_id, others = _main_and_others(row.contact_id, others)
    _mark_updated(session, row, at)
    session.add(row)
    session.flush()
    contact_links.add(session, row, others)
    after = _non_empty(row) | ({OTHERS: others} if others else {}) | _stage_values(stage)
    event = _emit(session, row, EventKind.LEAD_CREATED, before={}, after=after)
    if not is_demo:
        activity.record_crm(session, who, event, "Lead “{title}” created", title=row.title)
    _emit_tags(session, row, row.tags)
    return row


def create_in_first_stage(
    session: Transaction, who: Identity, title: str, pipeline_id: str = "", *, contact_id: str | None = None
) -> Lead:
    """Create a lead in the first stage of a pipeline (without an id: of the first pipeline); the caller is responsible.

    Raises Invalid when there is no such pipeline, or it has no stages.
    """
    shown = pipelines.list_pipelines(session, who)
    stages = [stage for pipeline, stages in shown for stage in stages if pipeline_id in ("", pipeline.id)]
    if not stages:
        raise Invalid("Create a pipeline with stages first.")
    return create(session, who, title=title, stage_id=stages[0].id, responsible_id=who.user_id, contact_id=contact_id)


def save(session: Transaction, who: Identity, lead_id: str, values: dict[str, Any]) -> Lead:
    """Update some values of a lead and emit `lead_updated`; nothing is written if nothing differs.

    The stage is changed by `move_to_stage`. Raises NotFound if the lead, its new contact or responsible member does not
    exist, and Invalid at the field if a value is not accepted.
    """
    return update_row(session, who, get(session, who, lead_id, lock=True), values)


def update_row(session: Transaction, who: Identity, row: Lead, values: dict[str, Any]) -> Lead:
    """Update some values of a lead whose row the caller has locked. Raises as `save` does.

    A main contact whose place another one takes stays as a further one, unless `values` say which those are. Without a
    main contact, the first of the others takes its place.
    """
    before, has_contacts = field_values(row), not {"contact_id", OTHERS}.isdisjoint(values)
    others = contact_links.others_of(session, row) if has_contacts else []
    wanted = _check_others(session, who, values[OTHERS]) if OTHERS in values else others
    for field, value in values.items():
        if field != OTHERS:
            _set_field(session, who, row, name=field, value=value)
    if OTHERS not in values and row.contact_id and before["contact_id"]:
        wanted = [before["contact_id"], *others]
    row.contact_id, wanted = _main_and_others(row.contact_id, wanted)
    before, after = before | {OTHERS: others}, field_values(row) | {OTHERS: wanted}
    changed = [field for field in (*FIELDS, OTHERS) if before[field] != after[field]]
    if changed:
        if OTHERS in changed:
            contact_links.store(session, row, wanted)
        _mark_updated(session, row)
        old, new = ({field: data[field] for field in changed} for data in (before, after))
        _emit(session, row, EventKind.LEAD_UPDATED, before=old, after=new)
        _emit_tags(session, row, tags.new_tags(before["tags"], row.tags))
    return row


def _check_others(session: Transaction, who: Identity, contact_ids: list[str]) -> list[str]:
    if len(contact_ids) > contact_links.MAX_OTHERS:
        raise Invalid("A lead can have up to {count} contacts.", field=OTHERS, count=contact_links.MAX_OTHERS)
    return [contacts.get(session, who, contact_id).id for contact_id in contact_ids]


def _main_and_others(main: str | None, others: list[str]) -> tuple[str | None, list[str]]:
    main = main or next(iter(others), None)
    return main, contact_links.without_main(filter(None, others), main)


def move_to_stage(
    session: Transaction, who: Identity, lead_id: str, stage_id: str, *, at: datetime | None = None
) -> Lead:
    """Move a lead to another stage and emit `stage_changed`; return it unchanged if it is there already.

    With `at` (aware), the change is dated and no activity is recorded. Raises NotFound if the lead or stage does not
    exist.
    """
    row, new = get(session, who, lead_id, lock=True), pipelines.get_stage(session, who, stage_id)
    if row.stage_id == new.id:
        return row
    old = pipelines.get_stage(session, who, row.stage_id)
    row.stage_id, row.in_stage_since = new.id, at or now()
    _mark_updated(session, row, at)
    event = _emit(session, row, EventKind.STAGE_CHANGED, before=_stage_values(old), after=_stage_values(new))
    if at is None:
        activity.record_crm(session, who, event, "Lead “{title}” moved to “{stage}”", title=row.title, stage=new.name)
    return row


def field_values(row: Lead) -> dict[str, Any]:
    """Return the values of a lead by the names of FIELDS, as events store them."""
    return {field: getattr(row, field) for field in FIELDS} | {"budget": str(row.budget)}


def _stage_values(stage: Stage) -> dict[str, str]:
    return {"stage_id": stage.id, "stage": stage.name}


def _non_empty(row: Lead) -> dict[str, Any]:
    return {field: value for field, value in field_values(row).items() if value}


def _set_field(session: Transaction, who: Identity, row: Lead, *, name: str, value: Any) -> None:
    if name.startswith("field."):
        held = custom_fields.list_custom_fields(session, row.tenant_id, Holder.LEAD)
        row.fields = crm_values.set_custom_field(held, row.fields, name, value)
        return
    checks: dict[str, Callable[[], Any]] = {
        "title": lambda: crm_values.clean_line(value, name, required=True),
        "budget": lambda: crm_values.parse_budget(value),
        "contact_id": lambda: contacts.get(session, who, value).id if value else None,
        "responsible_id": lambda: _check_member(session, who, value) if value else None,
        "source": lambda: crm_values.clean_line(value, name, max_length=120),
        "tags": lambda: crm_values.parse_tags(value),
    }
    if name not in checks:
        raise Invalid("This value isn’t allowed.", field=name)
    setattr(row, name, checks[name]())


def _check_member(session: Transaction, who: Identity, user_id: str) -> str:
    query = owned(Member, who.tenant_id).where(Member.user_id == user_id, col(Member.disabled_at).is_(None))
    if session.cached(("member", user_id), lambda: session.exec(query).first()) is None:
        raise NotFound("Member not found.")
    return user_id


def _mark_updated(session: Transaction, row: Lead, at: datetime | None = None) -> None:
    row.updated_at = at or now()
    _fill_search_text(row)
    crm_changes.mark(session, row)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "lead", row.id))


def _fill_search_text(row: Lead) -> None:
    own = [str(value) for value in row.fields.values()]
    row.search_text = search_text.build_search_text(row.title, lines=[row.source, *own], tags=row.tags)


def build_existing(
    session: Transaction, who: Identity, values: dict[str, Any], *, stage_id: str, created_at: datetime, at: datetime
) -> Lead:
    """Return a lead that exists elsewhere since `created_at` and was changed `at`, to be added to the transaction.

    It is no news: no event is emitted. `values` are those of `create`; stage and contact are known to exist, and
    further contacts are for the caller to add. Raises
    Invalid at the field and NotFound as `create` does.
    """
    row = Lead(tenant_id=who.tenant_id, title="", stage_id=stage_id, created_at=created_at)
    row.contact_id = values.get("contact_id") or None
    for field, value in values.items():
        if field not in ("contact_id", OTHERS):
            _set_field(session, who, row, name=field, value=value)
    row.in_stage_since = row.updated_at = at
    _fill_search_text(row)
    return row


def _emit(session: Transaction, row: Lead, kind: EventKind, *, before: dict[str, Any], after: dict[str, Any]) -> Event:
    event = emit(session, row.tenant_id, kind, before=before, after=after, lead_id=row.id, contact_id=row.contact_id)
    event.at = row.updated_at
    return event


def _emit_tags(session: Transaction, row: Lead, added: list[str]) -> None:
    for tag in added:
        _emit(session, row, EventKind.TAG_ADDED, before={}, after={"tag": tag})


def get(session: Transaction, who: Identity, lead_id: str, *, lock: bool = False) -> Lead:
    """Return a lead. Raises NotFound if it does not exist or is deleted."""
    query = owned(Lead, who.tenant_id).where(Lead.id == lead_id)
    row: Lead | None = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    if row is None or row.deleted_at is not None:
        raise NotFound("Lead not found. It may have been deleted.")
    return row


def list_leads(
    session: Transaction,
    who: Identity,
    /,
    *,
    sort: str = "updated",
    descending: bool = True,
    page: int = 1,
    page_size: int = 25,
    **filters: str,
) -> tuple[list[Lead], int]:
    """Return one page of leads and the number of all that match.

    `filters` are search, tag, stage_id, responsible_id and contact_id (main or further).
    `sort` is one of SORT_KEYS; pages count from 1.
    """
    query = _filtered(who, **filters)
    total = session.exec(query.with_only_columns(func.count())).one()
    keys: dict[str, Any] = {"title": Lead.search_text, "budget": Lead.budget}
    key = keys.get(sort, Lead.updated_at)
    order = (key.desc(), col(Lead.id).desc()) if descending else (key, Lead.id)
    shown = query.order_by(*order).offset(max(page - 1, 0) * page_size).limit(page_size)
    return list(session.exec(shown).all()), int(total)


def _filtered(who: Identity, *, search: str = "", tag: str = "", **same: str) -> Any:
    query = owned(Lead, who.tenant_id).where(col(Lead.deleted_at).is_(None))
    for name, value in same.items():
        if value and name == "contact_id":
            query = query.where(contact_links.has_contact(who.tenant_id, value))
        elif value:
            query = query.where(getattr(Lead, name) == value)
    return search_text.filter_rows(query, Lead.search_text, search, tag)


def stage_totals(session: Transaction, who: Identity, **filters: str) -> dict[str, tuple[int, Decimal]]:
    """Return the number of leads and the sum of their budgets by stage id, for stages that have leads."""
    columns = (Lead.stage_id, func.count(), func.coalesce(func.sum(Lead.budget), 0))
    query = _filtered(who, **filters).with_only_columns(*columns).group_by(Lead.stage_id)
    return {stage_id: (count, Decimal(budget)) for stage_id, count, budget in session.execute(query).all()}


def newest_in_stage(
    session: Transaction, who: Identity, stage_id: str, *, limit: int = 30, **filters: str
) -> list[Lead]:
    """Return the leads of a stage by their last change, the latest first; `filters` are those of `list_leads`."""
    query = _filtered(who, stage_id=stage_id, **filters).order_by(col(Lead.updated_at).desc(), col(Lead.id).desc())
    return list(session.exec(query.limit(limit)).all())


def delete(session: Transaction, who: Identity, lead_id: str) -> Lead:
    """Mark a lead as deleted; `restore` brings it back. Raises NotFound if it does not exist."""
    row = get(session, who, lead_id)
    row.deleted_at = now()
    bin_entries.put(session, row, by=who.name)
    activity.record_by(session, who, ActivityKind.PERSON, "Lead “{title}” deleted", link="/leads", title=row.title)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "lead", row.id))
    return row


def restore(session: Transaction, who: Identity, lead_id: str) -> Lead:
    """Restore a deleted lead. Raises NotFound if it does not exist or is not deleted."""
    row: Lead | None = session.exec(owned(Lead, who.tenant_id).where(Lead.id == lead_id)).first()
    if row is None or row.deleted_at is None:
        raise NotFound("Lead not found. It may have been deleted.")
    row.deleted_at = None
    bin_entries.remove_restored(session, who, row)
    waiting_reminders.resume_of(session, who.tenant_id, "lead_id", row.id)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "lead", row.id))
    return row
