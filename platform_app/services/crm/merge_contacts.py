"""Merge contacts: combines two contacts that are the same person."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app import custom_fields, notifier, sequence_exits
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update
from platform_app.errors import Invalid
from platform_app.models.channel import ChannelIdentity
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Address, Contact, Holder, Lead, Note, RefusedRow, Task
from platform_app.models.event import ActivityKind, Event
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun
from platform_app.models.sending import Dispatch
from platform_app.services.crm import contact_links, contacts, crm_values
from platform_app.services.feed import activity

_LINKED: tuple[Any, ...] = (Lead, Task, Note, Conversation, ChannelIdentity, Event, Address, Dispatch, RefusedRow)


@dataclass
class MergePreview:
    """What a merge would change."""

    other: str  # name of the contact that goes
    values: dict[str, Any]  # that change, by field; custom fields by field.{key}
    left: dict[str, str]  # values of the other contact that are dropped
    moved: dict[str, int]  # number of leads, tasks, notes and conversations
    opts_out: bool  # the other contact does not want messages, and the one that stays did not say so


def preview(session: Transaction, who: Identity, kept_id: str, other_id: str) -> MergePreview:
    """Return what merging `other_id` into `kept_id` would change. Raises NotFound if one of them does not exist."""
    kept, other = contacts.get(session, who, kept_id), contacts.get(session, who, other_id)
    after = _merged_values(kept, other) | _missing_fields(session, who, kept, other)
    values = {name: value for name, value in after.items() if value != getattr(kept, name, None)}
    named = ("name", "language", "time_zone")
    left = {name: getattr(other, name) for name in named if getattr(other, name) not in ("", getattr(kept, name))}
    left = {name: value for name, value in left.items() if name not in values}
    moved = {}
    for model, name in ((Lead, "leads"), (Task, "tasks"), (Note, "notes"), (Conversation, "conversations")):
        is_linked = contact_links.has_contact(who.tenant_id, other.id) if model is Lead else None
        query = owned(model, who.tenant_id).where(model.contact_id == other.id if is_linked is None else is_linked)
        moved[name] = int(session.exec(query.with_only_columns(func.count())).one())
    opts_out = kept.opted_out_at is None and other.opted_out_at is not None
    return MergePreview(other.name, values, left, moved, opts_out)


def _missing_fields(session: Transaction, who: Identity, kept: Contact, other: Contact) -> dict[str, Any]:
    """Return the custom fields that `other` has and `kept` has not, as `field.{key}`."""
    known = {row.key for row in custom_fields.list_custom_fields(session, who.tenant_id, Holder.CONTACT)}
    return {f"field.{key}": value for key, value in other.fields.items() if key in known and not kept.fields.get(key)}


def merge(session: Transaction, who: Identity, kept_id: str, other_id: str) -> Contact:
    """Merge a contact into another: its values where the other has none, and all rows that belong to it.

    Returns the contact that stays; it is opted out of messages if one of them was. Raises NotFound if one of them does
    not exist, and Invalid if they are the same.
    """
    talks = owned(Conversation, who.tenant_id).where(col(Conversation.contact_id).in_((kept_id, other_id)))
    locked = talks.order_by(Conversation.id).with_for_update(key_share=True)
    session.exec(locked.with_only_columns(Conversation.id)).all()  # before the contacts, as when a message is sent
    both = owned(Contact, who.tenant_id).where(col(Contact.id).in_((kept_id, other_id))).order_by(Contact.id)
    session.exec(both.with_for_update()).all()  # also waits for transactions that write related rows
    kept, other = contacts.get(session, who, kept_id), contacts.get(session, who, other_id)
    if kept.id == other.id:
        raise Invalid("A contact can’t be merged with itself.", field="other")
    contacts.save(session, who, kept.id, _merged_values(kept, other))
    contacts.save(session, who, kept.id, _missing_fields(session, who, kept, other))
    _keep_opt_out(kept, other)
    _move_rule_runs(session, who.tenant_id, kept.id, other.id)
    for model in _LINKED:
        session.execute(
            owned_update(model, who.tenant_id).where(model.contact_id == other.id).values(contact_id=kept.id)
        )
    contact_links.merge(session, who.tenant_id, kept.id, other.id)
    sequence_exits.merge_enrollments(session, who.tenant_id, kept.id, other.id)
    other.deleted_at, other.merged_into = now(), kept.id
    activity.record_by(
        session,
        who,
        ActivityKind.PERSON,
        "Contact “{other}” merged into “{title}”",
        link=f"/contacts/{kept.id}",
        title=kept.name,
        other=other.name,
    )
    session.after_commit.append(lambda: notifier.publish(who.tenant_id, "contact", kept.id))
    return kept


def _move_rule_runs(session: Transaction, tenant_id: str, kept_id: str, other_id: str) -> None:
    """Let the cooldowns of rules go on for the contact that stays; its events are still those of the other one."""
    events = owned(Event, tenant_id).where(Event.contact_id == other_id).with_only_columns(Event.id)
    runs = owned_update(RuleRun, tenant_id).where(
        col(RuleRun.subject_id) == other_id, col(RuleRun.event_id).in_(events)
    )
    session.execute(runs.values(subject_id=kept_id).execution_options(synchronize_session=False))


def _keep_opt_out(kept: Contact, other: Contact) -> None:
    if kept.opted_out_at is None:
        kept.opted_out_at, kept.opt_out_cause = other.opted_out_at, other.opt_out_cause
        kept.opt_out_by = other.opt_out_by


def _merged_values(kept: Contact, other: Contact) -> dict[str, Any]:
    """Return the values of the contact that stays after the merge."""
    joined: dict[str, Any] = {
        "emails": _union(kept.emails, other.emails)[: crm_values.MAX_ADDRESSES],
        "phones": _union(kept.phones, other.phones)[: crm_values.MAX_ADDRESSES],
        "tags": _union(kept.tags, other.tags)[: crm_values.MAX_TAGS],
    }
    for name in ("language", "time_zone"):
        joined[name] = getattr(kept, name) or getattr(other, name)
    return joined


def _union(mine: list[str], theirs: list[str]) -> list[str]:
    held = {fold(value) for value in mine}
    return [*mine, *(value for value in theirs if fold(value) not in held)]


def merge_candidates(session: Transaction, who: Identity, contact_id: str, search: str) -> list[Contact]:
    """Return up to 8 contacts to merge with: those that a search finds, else those with the same name.

    Raises NotFound if the contact does not exist.
    """
    row = contacts.get(session, who, contact_id)
    contacts_like, _ = contacts.list_contacts(session, who, search=search.strip() or row.name, page_size=9)
    return [contact for contact in contacts_like if contact.id != row.id][:8]
