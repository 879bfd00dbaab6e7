"""Contacts: create, find, update, delete and restore; each change emits an event."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app import custom_fields, notifier
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.events import emit
from platform_app.models.crm import Address, Contact, Holder
from platform_app.models.event import ActivityKind, Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.bin import bin_entries, waiting_reminders
from platform_app.services.crm import crm_changes, crm_values, phone_numbers, search_text, tags
from platform_app.services.crm.person_matching import similar_names
from platform_app.services.feed import activity

FIELDS = ("name", "emails", "phones", "language", "time_zone", "tags", "fields")
SORT_KEYS = ("updated", "name")


def create(
    session: Transaction,
    who: Identity,
    /,
    *,
    name: str,
    at: datetime | None = None,
    is_demo: bool = False,
    in_feed: bool = True,
    source: str = "",
    **values: Any,
) -> Contact:
    """Create a contact and emit `contact_created` and a `tag_added` for each tag.

    `values` maps names of FIELDS or `field.{key}` of custom fields to values; `at` (aware) is the time of creation,
    None is now; `source` is the link by which the contact came. `in_feed` says whether an activity is recorded.
    Raises Invalid at the field if a value is not accepted.
    """
    row = Contact(tenant_id=who.tenant_id, name="", created_at=at or now(), is_demo=is_demo, source=source)
    for field, value in ({"name": name} | values).items():
        _set_field(session, row, field, value)
    _mark_updated(session, row, at)
    session.add(row)
    session.flush()
    session.add_all(
        Address(tenant_id=row.tenant_id, contact_id=row.id, value=value)
        for value in dict.fromkeys(lookup_keys(row.emails, row.phones))
    )
    event = _emit(session, row, EventKind.CONTACT_CREATED, before={}, after=_non_empty(row))
    if in_feed and not is_demo:
        activity.record_crm(session, who, event, "Contact “{name}” created", name=row.name)
    _emit_tags(session, row, row.tags)
    return row


def build_existing(
    session: Transaction, who: Identity, values: dict[str, Any], *, created_at: datetime, at: datetime
) -> Contact:
    """Return a contact that exists elsewhere since `created_at` and was changed `at`, for `add_existing`.

    `values` are those of `create`. Raises Invalid at the field if a value is not accepted.
    """
    row = Contact(tenant_id=who.tenant_id, name="", created_at=created_at, updated_at=at)
    for field, value in values.items():
        _set_field(session, row, field, value)
    _fill_search_text(row)
    return row


def add_existing(session: Transaction, rows: list[Contact]) -> None:
    """Store contacts that exist elsewhere; they are no news: no event is emitted."""
    session.add_all(rows)
    session.flush()
    for row in rows:
        keys = dict.fromkeys(lookup_keys(row.emails, row.phones))
        session.add_all(Address(tenant_id=row.tenant_id, contact_id=row.id, value=value) for value in keys)
    if rows:
        _publish_change(session, rows[0])


def save(session: Transaction, who: Identity, contact_id: str, values: dict[str, Any]) -> Contact:
    """Update some values of a contact and emit `contact_updated`; nothing is written if nothing differs.

    Returns the contact; of a merged one, the contact that it was merged into. Raises NotFound if it does not exist or
    is deleted, and Invalid at the field if a value is not accepted.
    """
    return update_row(session, who, get(session, who, contact_id, lock=True), values)


def update_row(session: Transaction, who: Identity, row: Contact, values: dict[str, Any]) -> Contact:
    """Update some values of a contact whose row the caller has locked. Raises Invalid at the field."""
    before = field_values(row)
    for field, value in values.items():
        _set_field(session, row, field, value)
    after = field_values(row)
    changed = [field for field in FIELDS if before[field] != after[field]]
    if changed:
        _mark_updated(session, row)
        if {"emails", "phones"}.intersection(changed):
            _sync_addresses(session, row)
        old, new = ({field: data[field] for field in changed} for data in (before, after))
        _emit(session, row, EventKind.CONTACT_UPDATED, before=old, after=new)
        _emit_tags(session, row, tags.new_tags(before["tags"], row.tags))
    return row


def field_values(row: Contact) -> dict[str, Any]:
    """Return the values of a contact by the names of FIELDS, as events store them."""
    return {field: getattr(row, field) for field in FIELDS}


def _set_field(session: Transaction, row: Contact, field: str, value: Any) -> None:
    if field.startswith("field."):
        held = custom_fields.list_custom_fields(session, row.tenant_id, Holder.CONTACT)
        row.fields = crm_values.set_custom_field(held, row.fields, field, value)
        return
    setattr(row, field, validate_field(session, row.tenant_id, field, value))


def validate_field(session: Transaction, tenant_id: str, field: str, value: Any) -> Any:
    """Return the value of one of FIELDS (except `fields`) in its stored form. Raises Invalid at the field."""
    if field == "language" and value not in ("", "ru", "en"):
        raise Invalid("This value isn’t allowed.", field=field)
    checks: dict[str, Callable[[], Any]] = {
        "name": lambda: crm_values.clean_line(value, field, required=True),
        "emails": lambda: crm_values.parse_emails(value),
        "phones": lambda: crm_values.parse_phones(value, phone_numbers.tenant_region(session, tenant_id)),
        "language": lambda: value,
        "time_zone": lambda: crm_values.validate_time_zone(value),
        "tags": lambda: crm_values.parse_tags(value),
    }
    if field not in checks:
        raise Invalid("This value isn’t allowed.", field=field)
    return checks[field]()


def _mark_updated(session: Transaction, row: Contact, at: datetime | None = None) -> None:
    row.updated_at = at or now()
    _fill_search_text(row)
    crm_changes.mark(session, row)
    _publish_change(session, row)


def _fill_search_text(row: Contact) -> None:
    own = [str(value) for value in row.fields.values()]
    row.search_text = search_text.build_search_text(
        row.name, lines=[*row.emails, *own], phones=row.phones, tags=row.tags
    )


def _publish_change(session: Transaction, row: Contact) -> None:
    """Notify open pages after the commit, once for all contacts of a transaction."""
    if not session.info.get("contacts announced"):
        session.info["contacts announced"] = True
        session.after_commit.append(lambda: notifier.publish(row.tenant_id, "contact", row.id))


def _non_empty(row: Contact) -> dict[str, Any]:
    return {field: value for field, value in field_values(row).items() if value}


def _emit(
    session: Transaction, row: Contact, kind: EventKind, *, before: dict[str, Any], after: dict[str, Any]
) -> Event:
    event = emit(session, row.tenant_id, kind, before=before, after=after, contact_id=row.id)
    event.at = row.updated_at
    return event


def _emit_tags(session: Transaction, row: Contact, added: Iterable[str]) -> None:
    for tag in added:
        _emit(session, row, EventKind.TAG_ADDED, before={}, after={"tag": tag})


def get(session: Transaction, who: Identity, contact_id: str, *, lock: bool = False) -> Contact:
    """Return a contact; of a merged one, the contact that it was merged into.

    Raises NotFound if it does not exist or is deleted.
    """
    query = owned(Contact, who.tenant_id).where(Contact.id == contact_id)
    row: Contact | None = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    if row is not None and row.merged_into:
        return get(session, who, row.merged_into, lock=lock)
    if row is None or row.deleted_at is not None:
        raise NotFound("Contact not found. It may have been deleted.")
    return row


def list_contacts(
    session: Transaction,
    who: Identity,
    *,
    search: str = "",
    tag: str = "",
    sort: str = "name",
    descending: bool = False,
    page: int = 1,
    page_size: int = 25,
) -> tuple[list[Contact], int]:
    """Return one page of contacts and the number of all that match.

    `search` looks in names, addresses, numbers, custom fields and tags; `sort` is one of SORT_KEYS; pages count from 1.
    """
    query = _filtered(who, search, tag)
    total = session.exec(query.with_only_columns(func.count())).one()
    key: Any = Contact.search_text if sort == "name" else Contact.updated_at
    order = (key.desc(), col(Contact.id).desc()) if descending else (key, Contact.id)
    shown = query.order_by(*order).offset(max(page - 1, 0) * page_size).limit(page_size)
    return list(session.exec(shown).all()), int(total)


def _filtered(who: Identity, search: str, tag: str) -> Any:
    query = owned(Contact, who.tenant_id).where(col(Contact.deleted_at).is_(None))
    return search_text.filter_rows(query, Contact.search_text, search, tag)


def contact_names(session: Transaction, who: Identity, contact_ids: Iterable[str | None]) -> dict[str, str]:
    """Return the names of contacts by id, without deleted ones. None and "" among the ids are ignored."""
    wanted = {contact_id for contact_id in contact_ids if contact_id}
    if not wanted:
        return {}
    query = owned(Contact, who.tenant_id).where(col(Contact.id).in_(wanted), col(Contact.deleted_at).is_(None))
    rows = session.execute(query.with_only_columns(Contact.id, Contact.name))
    return {contact_id: name for contact_id, name in rows}  # noqa: C416


def by_ids(session: Transaction, who: Identity, contact_ids: Iterable[str]) -> dict[str, Contact]:
    """Return contacts by id, without deleted ones."""
    query = owned(Contact, who.tenant_id).where(col(Contact.id).in_(set(contact_ids)))
    return {row.id: row for row in session.exec(query.where(col(Contact.deleted_at).is_(None))).all()}


def find_by_address(
    session: Transaction, who: Identity, *, emails: list[str], phones: list[str], name: str = ""
) -> Contact | None:
    """Return a contact that has one of these e-mail addresses or phone numbers, or None.

    The first one with a name similar to `name` is preferred, else the oldest is returned. Addresses and numbers are in
    their normal form.
    """
    held = [row for rows in contacts_by_address(session, who, lookup_keys(emails, phones)).values() for row in rows]
    if not held:
        return None
    oldest = min(held, key=lambda row: (row.created_at, row.id))
    return next((row for row in held if name and similar_names(name, row.name)), oldest)


def contacts_by_address(session: Transaction, who: Identity, addresses: list[str]) -> dict[str, list[Contact]]:
    """Return contacts by lookup key (see `lookup_keys`), the oldest first, without deleted ones."""
    if not addresses:
        return {}
    query = owned(Address, who.tenant_id).where(col(Address.value).in_(addresses))
    query = query.join(Contact, Contact.id == Address.contact_id).where(col(Contact.deleted_at).is_(None))
    ordered = query.with_only_columns(Address.value, Contact).order_by(Contact.created_at, Contact.id)
    by_address: dict[str, list[Contact]] = {}
    for value, row in session.execute(ordered):
        by_address.setdefault(value, []).append(row)
    return by_address


def lookup_keys(emails: list[str], phones: list[str]) -> list[str]:
    """Return the keys by which e-mail addresses and phone numbers in their normal form are looked up."""
    return [*map(fold, emails), *map(phone_numbers.lookup_key, phones)]


def _sync_addresses(session: Transaction, row: Contact) -> None:
    """Make the Address rows of a contact match its e-mail addresses and phone numbers."""
    query = owned(Address, row.tenant_id).where(Address.contact_id == row.id)
    held = {address.value: address for address in session.exec(query).all()}
    wanted = dict.fromkeys(lookup_keys(row.emails, row.phones))
    for value in wanted.keys() - held.keys():
        session.add(Address(tenant_id=row.tenant_id, contact_id=row.id, value=value))
    for value in held.keys() - wanted.keys():
        session.delete(held[value])


def delete(session: Transaction, who: Identity, contact_id: str) -> Contact:
    """Mark a contact as deleted; `restore` brings it back. Its leads and conversations stay.

    Raises NotFound if it does not exist or is deleted already.
    """
    row = get(session, who, contact_id)
    row.deleted_at = now()
    bin_entries.put(session, row, by=who.name)
    activity.record_by(session, who, ActivityKind.PERSON, "Contact “{name}” deleted", link="/contacts", name=row.name)
    _publish_change(session, row)
    return row


def restore(session: Transaction, who: Identity, contact_id: str) -> Contact:
    """Restore a deleted contact. Raises NotFound if it does not exist, is not deleted, or was merged."""
    row: Contact | None = session.exec(owned(Contact, who.tenant_id).where(Contact.id == contact_id)).first()
    if row is None or row.deleted_at is None or row.merged_into:
        raise NotFound("Contact not found. It may have been deleted.")
    row.deleted_at = None
    bin_entries.remove_restored(session, who, row)
    waiting_reminders.resume_of(session, who.tenant_id, "contact_id", row.id)
    _publish_change(session, row)
    return row
