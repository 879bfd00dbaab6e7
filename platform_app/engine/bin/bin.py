"""Bin: lists what was deleted, restores it, and deletes it for good at once or after a month."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func
from sqlmodel import col

from platform_app import notifier
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.engine.bin import agent_deletion
from platform_app.engine.rules import rules
from platform_app.engine.sequences import sequences
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.models.agent import Agent
from platform_app.models.bin import BinEntry, BinKind
from platform_app.models.person import Identity, Role
from platform_app.services.bin import bin_entries, row_removal
from platform_app.services.bin.bin_kinds import KINDS
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads, tasks
from platform_app.services.knowledge import categories, sites, sources
from platform_app.services.scripts import scripts
from platform_app.services.webhooks import incoming_webhooks, outgoing_webhooks

log = structlog.get_logger()
MAX_REMOVALS = 50  # entries that one call of `remove_expired` handles
RESTORERS: dict[BinKind, Callable[[Transaction, Identity, str], Any]] = {
    BinKind.AGENT: agent_deletion.restore,
    BinKind.SCRIPT: scripts.restore,
    BinKind.RULE: rules.DEFINITIONS.restore,
    BinKind.SEQUENCE: sequences.DEFINITIONS.restore,
    BinKind.CONTACT: contacts.restore,
    BinKind.LEAD: leads.restore,
    BinKind.TASK: tasks.restore,
    BinKind.CONVERSATION: conversations.restore,
    BinKind.SOURCE: sources.restore,
    BinKind.CATEGORY: categories.restore,
    BinKind.SITE: sites.restore,
    BinKind.WEBHOOK: incoming_webhooks.restore,
    BinKind.OUTGOING_WEBHOOK: outgoing_webhooks.restore,
    BinKind.CHANNEL_ACCOUNT: channel_accounts.restore,
}
_OF_AGENTS = (BinKind.SCRIPT, BinKind.RULE, BinKind.SEQUENCE)


@dataclass
class BinPage:
    """A page of the bin, the latest deletion first."""

    entries: list[BinEntry]
    total: int  # matching entries
    page: int  # from 1; the last page if a later one was requested
    with_counts: dict[str, dict[BinKind, int]] = field(default_factory=dict)  # by id: what was deleted with it


def visible_kinds(who: Identity) -> list[BinKind]:
    """Return the kinds that a member sees: those that a member of this role may edit."""
    return [kind for kind in BinKind if not KINDS[kind].is_for_admins or who.role.includes(Role.ADMIN)]


def list_entries(
    session: Transaction, who: Identity, *, search: str = "", kind: str = "", page: int = 1, page_size: int = 25
) -> BinPage:
    """Return a page of what the member may see, without what was deleted together with an agent or web address.

    `search` is looked for in names; `kind` is a BinKind, or "" for all; pages count from 1.
    """
    query = _visible(who).where(BinEntry.with_id == "")
    if kind:
        query = query.where(BinEntry.kind == kind)
    if wanted := fold(search):
        query = query.where(col(BinEntry.name_key).contains(wanted, autoescape=True))
    total = int(session.exec(query.with_only_columns(func.count())).one())
    page = max(1, min(page, -(-total // page_size)))
    newest = query.order_by(col(BinEntry.deleted_at).desc(), col(BinEntry.id).desc())
    entries = list(session.exec(newest.offset((page - 1) * page_size).limit(page_size)).all())
    return BinPage(entries, total, page, _with_counts(session, who, (row.row_id for row in entries)))


def _visible(who: Identity) -> Any:
    return owned(BinEntry, who.tenant_id).where(col(BinEntry.kind).in_(visible_kinds(who)), BinEntry.expires_at > now())


def _with_counts(session: Transaction, who: Identity, ids: Iterable[str]) -> dict[str, dict[BinKind, int]]:
    query = owned(BinEntry, who.tenant_id).where(col(BinEntry.with_id).in_(list(ids)))
    counted = query.with_only_columns(BinEntry.with_id, BinEntry.kind, func.count())
    found: dict[str, dict[BinKind, int]] = {}
    for agent_id, kind, count in session.execute(counted.group_by(BinEntry.with_id, BinEntry.kind)).all():
        found.setdefault(agent_id, {})[kind] = count
    return found


def get(session: Transaction, who: Identity, entry_id: str) -> BinEntry:
    """Return an entry that the member may see, locked. Raises NotFound if there is none."""
    query = _visible(who).where(BinEntry.id == entry_id, BinEntry.with_id == "")
    entry: BinEntry | None = session.exec(query.with_for_update()).first()
    if entry is None:
        raise NotFound("This item is no longer in the bin. It may have been restored or deleted.")
    return entry


def restore(session: Transaction, who: Identity, entry_id: str) -> BinEntry:
    """Restore what an entry stands for, with what was deleted with it; return the entry.

    Raises NotFound if it is no longer in the bin, Conflict if its agent is in the bin, and LimitReached if there is no
    room for it.
    """
    entry = get(session, who, entry_id)
    if entry.kind in _OF_AGENTS:
        _check_agent(session, who, entry)
    RESTORERS[entry.kind](session, who, entry.row_id)
    return entry


def _check_agent(session: Transaction, who: Identity, entry: BinEntry) -> None:
    model = row_removal.model_of(entry.kind)
    query = owned(Agent, who.tenant_id).join(model, model.agent_id == Agent.id).where(model.id == entry.row_id)
    agent: Agent | None = session.exec(query).first()
    if agent is not None and agent.deleted_at is not None:
        raise Conflict("Its agent “{name}” is in the bin. Restore the agent first.", name=agent.name)


def delete_for_good(session: Transaction, who: Identity, entry_id: str, *, name: str) -> BinEntry:
    """Let an entry expire now, so that the worker removes what it stands for; nobody can restore it any more.

    `name` confirms it. Raises Forbidden unless `who` is an owner or admin, NotFound if it is no longer in the bin, and
    Invalid at the field `name` for another name.
    """
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only owners and admins can delete permanently.")
    entry = get(session, who, entry_id)
    bin_entries.check_name(name, entry.name)
    entry.expires_at = now()
    bin_entries.record(session, who, entry, is_restored=False)
    bin_entries.publish_change(session, entry)
    return entry


def remove_expired() -> bool:
    """Remove for good what has expired, some of it; return whether more is left.

    What cannot be removed is logged, and tried again by the next call.
    """
    with session_scope(reason="expired entries of the bin", read_only=True) as session:
        query = unscoped(BinEntry).where(BinEntry.expires_at <= now(), BinEntry.with_id == "")
        due = query.with_only_columns(BinEntry.tenant_id, BinEntry.id).order_by(BinEntry.expires_at)
        found = session.execute(due.limit(MAX_REMOVALS)).all()
    left = [_try_to_remove(tenant_id, entry_id) for tenant_id, entry_id in found]
    return any(left) or (len(found) == MAX_REMOVALS and None not in left)


def _try_to_remove(tenant_id: str, entry_id: str) -> bool | None:
    """Return whether a part is left; None if it failed."""
    try:
        with session_scope(tenant_id) as session:
            return _remove(session, tenant_id, entry_id)
    except Exception:
        log.exception("an entry of the bin was not removed", entry=entry_id)
        return None


def _remove(session: Transaction, tenant_id: str, entry_id: str) -> bool:
    """Remove what an entry stands for; return whether a part is left, for conversations of an agent may be many."""
    query = owned(BinEntry, tenant_id).where(BinEntry.id == entry_id, BinEntry.expires_at <= now())
    entry: BinEntry | None = session.exec(query.with_for_update(skip_locked=True)).first()
    if entry is None:  # another worker removes it
        return False
    if entry.kind == BinKind.AGENT:
        count = row_removal.remove_some_conversations(session, tenant_id, entry.row_id)
        if count == row_removal.BATCH_SIZE:
            return True
    row_removal.remove(session, tenant_id, entry.kind, [entry.row_id])
    for topic in ("bin", "activity"):
        session.after_commit.append(partial(notifier.publish, tenant_id, topic, ""))
    return False
