"""Row removal: deletes rows for good, with what belongs to them, and unlinks what stays."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, owned_tables, owned_update
from platform_app.jobs import RemoveSource, enqueue
from platform_app.models.bin import BinEntry, BinKind
from platform_app.models.conversation import Conversation, Message
from platform_app.models.crm import Contact, Note, Task
from platform_app.models.event import Event
from platform_app.models.integration import CrmLink
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source
from platform_app.models.message_search import messagesearch
from platform_app.models.notification import Notification
from platform_app.models.oauth_grant import OAuthGrant
from platform_app.models.rule import Rule
from platform_app.models.script import Script
from platform_app.models.secret import Secret
from platform_app.models.sequence import Enrollment, Sequence
from platform_app.services.bin import json_references, waiting_reminders
from platform_app.services.bin.bin_kinds import KINDS

BATCH_SIZE = 200  # rows removed by one statement
_ID_LENGTH = 32
_OWN_SECRETS = (BinKind.WEBHOOK, BinKind.CHANNEL_ACCOUNT)


def model_of(kind: BinKind) -> Any:
    """Return the model whose rows are of a kind."""
    return owned_tables()[kind.value]


def remove(session: Transaction, tenant_id: str, kind: BinKind, row_ids: list[str]) -> None:
    """Delete rows for good, with what cannot exist without them and their bin entries; what stays is unlinked.

    A job deletes the vectors, chunks, file and row of a source.
    """
    for ids in _batches(row_ids):
        _remove_dependents(session, tenant_id, kind, ids)
        _unlink(session, tenant_id, kind, ids)
        json_references.clear(session, tenant_id, kind, ids)
        _forget_crm_values(session, tenant_id, ids)
        entries = owned_delete(BinEntry, tenant_id).where(col(BinEntry.kind) == kind, col(BinEntry.row_id).in_(ids))
        session.execute(entries)
        if kind == BinKind.SOURCE:
            for source_id in ids:
                _remove_source(session, tenant_id, source_id)
        else:
            model = model_of(kind)
            session.execute(owned_delete(model, tenant_id).where(model.id.in_(ids)))


def _forget_crm_values(session: Transaction, tenant_id: str, ids: list[str]) -> None:
    """Delete what is kept of the records of rows in a CRM, but not that they were here: they do not come in again."""
    links = owned_update(CrmLink, tenant_id).where(col(CrmLink.row_id).in_(ids))
    blank: dict[str, Any] = {"external_values": {}, "own_values": {}}
    session.execute(links.values(**blank).execution_options(synchronize_session=False))


def _remove_source(session: Transaction, tenant_id: str, source_id: str) -> None:
    """Let the job that waits to delete the chunks of a source run now, or enqueue one."""
    payload, lock_key = RemoveSource(source_id=source_id), f"source:{source_id}"
    query = owned(Job, tenant_id).where(Job.lock_key == lock_key, Job.kind == payload.kind)
    waiting: Job | None = session.exec(query.where(Job.state == JobState.QUEUED).with_for_update()).first()
    if waiting is None:
        enqueue(session, tenant_id, payload, lock_key=lock_key)
    else:
        waiting.run_at = now()


def remove_some_conversations(session: Transaction, tenant_id: str, agent_id: str) -> int:
    """Delete up to BATCH_SIZE conversations of an agent for good; return how many."""
    ids = _ids(session, owned(Conversation, tenant_id).where(Conversation.agent_id == agent_id).limit(BATCH_SIZE))
    remove(session, tenant_id, BinKind.CONVERSATION, ids)
    return len(ids)


def forget_missing(session: Transaction, tenant_id: str) -> None:
    """Delete the bin entries whose rows no longer exist."""
    for kind in BinKind:
        model = model_of(kind)
        left = owned(model, tenant_id).with_only_columns(model.id)
        gone = owned_delete(BinEntry, tenant_id).where(col(BinEntry.kind) == kind, col(BinEntry.row_id).not_in(left))
        session.execute(gone.execution_options(synchronize_session=False))


def _batches(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), BATCH_SIZE):
        yield ids[start : start + BATCH_SIZE]


def _ids(session: Transaction, query: Any) -> list[str]:
    model = query.column_descriptions[0]["entity"]
    return list(session.exec(query.with_only_columns(model.id)).all())


def _remove_dependents(session: Transaction, tenant_id: str, kind: BinKind, ids: list[str]) -> None:
    if kind == BinKind.AGENT:
        own: tuple[tuple[BinKind, Any], ...] = (
            (BinKind.SCRIPT, Script),
            (BinKind.RULE, Rule),
            (BinKind.SEQUENCE, Sequence),
            (BinKind.CONVERSATION, Conversation),
        )
        for other, model in own:
            remove(session, tenant_id, other, _ids(session, owned(model, tenant_id).where(model.agent_id.in_(ids))))
    elif kind == BinKind.SITE:
        pages = _ids(session, owned(Source, tenant_id).where(col(Source.site_id).in_(ids)))
        remove(session, tenant_id, BinKind.SOURCE, pages)
    elif kind == BinKind.CONTACT:
        merged = _ids(session, owned(Contact, tenant_id).where(col(Contact.merged_into).in_(ids)))
        remove(session, tenant_id, BinKind.CONTACT, merged)
        _remove_history(session, tenant_id, ids, "contact_id", others=("lead_id", "conversation_id"))
    elif kind == BinKind.LEAD:
        _remove_history(session, tenant_id, ids, "lead_id", others=("conversation_id",))
    elif kind == BinKind.CONVERSATION:
        _remove_history(session, tenant_id, ids, "conversation_id", others=())
        _remove_messages(session, tenant_id, ids)


def _remove_history(
    session: Transaction, tenant_id: str, ids: list[str], column: str, *, others: tuple[str, ...]
) -> None:
    """Delete events, notes, tasks and enrollments of these rows that concern none of the `others` as well."""
    for model in (Event, Note):
        if hasattr(model, column):
            alone = (getattr(model, other).is_(None) for other in others if hasattr(model, other))
            session.execute(owned_delete(model, tenant_id).where(getattr(model, column).in_(ids), *alone))
    own_tasks = owned(Task, tenant_id).where(getattr(Task, column).in_(ids))
    remove(
        session,
        tenant_id,
        BinKind.TASK,
        _ids(session, own_tasks.where(*(getattr(Task, other).is_(None) for other in others))),
    )
    if column in waiting_reminders.COLUMNS:
        waiting_reminders.drop(session, tenant_id, column, ids)
    session.execute(owned_delete(Enrollment, tenant_id).where(col(Enrollment.subject_id).in_(ids)))
    locks = [f"event:{row_id}" for row_id in ids]
    waiting = owned_delete(Job, tenant_id).where(col(Job.lock_key).in_(locks), col(Job.state) != JobState.RUNNING)
    session.execute(waiting)


def _remove_messages(session: Transaction, tenant_id: str, ids: list[str]) -> None:
    """Delete the messages of conversations, with the jobs that write them and their words in the search index."""
    messages = _ids(session, owned(Message, tenant_id).where(col(Message.conversation_id).in_(ids)))
    for some in _batches(messages):
        keys = [f"reply:{message_id}" for message_id in some]
        session.execute(owned_delete(Job, tenant_id).where(col(Job.dedupe_key).in_(keys)))
        told = (
            owned_update(Notification, tenant_id).where(col(Notification.message_id).in_(some)).values(message_id=None)
        )
        session.execute(told.execution_options(synchronize_session=False))
        session.execute(owned_delete(Message, tenant_id).where(col(Message.id).in_(some)))
    if session.get_bind().dialect.name == "sqlite":
        for row_id in ids:
            own = messagesearch.c.scope.op("MATCH")(f'"{row_id}"')
            session.execute(messagesearch.delete().where(own))


def _unlink(session: Transaction, tenant_id: str, kind: BinKind, ids: list[str]) -> None:
    """Empty the columns of other tables with these ids, unless their rows are deleted with the row by the database."""
    for model in owned_tables().values():
        for name in set(KINDS[kind].columns) & model.model_fields.keys():
            (column,) = getattr(model, name).property.columns
            if any(key.ondelete == "CASCADE" for key in column.foreign_keys):
                continue
            linked = owned_update(model, tenant_id).where(getattr(model, name).in_(ids))
            emptied = linked.values({name: None if column.nullable else ""})
            session.execute(emptied.execution_options(synchronize_session=False))
        if "link" in model.model_fields:
            columns: Any = model
            ending = func.substr(columns.link, func.length(columns.link) - (_ID_LENGTH - 1))
            told = owned_update(model, tenant_id).where(ending.in_(ids)).values(link="")
            session.execute(told.execution_options(synchronize_session=False))
    if kind in _OWN_SECRETS:
        named = or_(*(col(Secret.purpose).contains(row_id, autoescape=True) for row_id in ids))
        session.execute(owned_delete(Secret, tenant_id).where(named))
        session.execute(owned_delete(OAuthGrant, tenant_id).where(col(OAuthGrant.connection_id).in_(ids)))
