"""JSON references: ids of rows that JSON of other rows holds, and what stands there once a row is removed for good."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import String, cast, or_
from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned, owned_tables
from platform_app.models.bin import BinKind
from platform_app.models.saved_view import SavedView

REMOVED_ID = "0" * 32  # in place of the id of a removed row; editors name it, and publishing refuses it
LISTED = frozenset({"categories", "sources", "sites"})  # keys of lists of ids, from which an id is left out

# Columns that say what is to happen, by table; a removed id is replaced there.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "agent": ("draft", "published"),
    "agentversion": ("content",),
    "binentry": ("details",),
    "channelaccount": ("settings",),
    "rule": ("draft", "published"),
    "ruleversion": ("content",),
    "script": ("condition", "steps"),
    "scriptversion": ("content",),
    "sequence": ("draft", "published"),
    "sequenceversion": ("content",),
}
# Columns that tell what has happened, by table; what they name may have been removed since.
RECORDS: Mapping[str, tuple[str, ...]] = {
    "activity": ("values",),
    "auditentry": ("changes",),
    "effect": ("outcome",),
    "enrollment": ("proof",),
    "enrollmentstep": ("proof", "values", "error_values", "gate"),
    "event": ("before", "after", "facts"),
    "job": ("error_values",),
    "message": ("sources", "template", "gate", "review"),
    "notification": ("values",),
    "outgoingdelivery": ("error_values", "history"),
    "rulerun": ("proof", "change", "actions"),
    "toolcall": ("values",),
    "trace": ("data",),
}
# Kinds of rows whose ids are in settings. Contacts, leads, tasks and conversations are in records alone.
_KINDS = frozenset(BinKind) - {BinKind.CONTACT, BinKind.LEAD, BinKind.TASK, BinKind.CONVERSATION}


def clear(session: Transaction, tenant_id: str, kind: BinKind, ids: Collection[str]) -> None:
    """Replace the ids of removed rows in settings, and take them out of saved views; a view without filters goes.

    Rows with a revision get a new one, so that an open editor does not write the ids back.
    """
    if kind not in _KINDS or not ids:
        return
    for table, names in SETTINGS.items():
        model: Any = owned_tables()[table]
        named = [cast(getattr(model, name), String).contains(row_id) for name in names for row_id in ids]
        for row in session.exec(owned(model, tenant_id).where(or_(*named))).all():
            _clear_row(session, row, names, ids)
    in_query = [col(SavedView.query).contains(row_id) for row_id in ids]
    for view in session.exec(owned(SavedView, tenant_id).where(or_(*in_query))).all():
        _clear_view(session, view, ids)


def _clear_row(session: Transaction, row: Any, names: tuple[str, ...], ids: Collection[str]) -> None:
    before = {name: getattr(row, name) for name in names}
    after = {name: replaced(value, ids) for name, value in before.items()}
    if after == before:
        return
    for name, value in after.items():
        setattr(row, name, value)
    if hasattr(row, "revision"):
        row.revision += 1
        session.after_commit.append(partial(notifier.publish, row.tenant_id, row.__tablename__, row.id))


def replaced(value: Any, ids: Collection[str], *, key: str = "") -> Any:
    """Return a JSON value with REMOVED_ID in place of ids; lists under a key of LISTED are without them."""
    if isinstance(value, dict):
        return {name: replaced(inner, ids, key=name) for name, inner in value.items()}
    if isinstance(value, list):
        kept = [inner for inner in value if inner not in ids] if key in LISTED else value
        return [replaced(inner, ids) for inner in kept]
    return REMOVED_ID if isinstance(value, str) and value in ids else value


def _clear_view(session: Transaction, view: SavedView, ids: Collection[str]) -> None:
    kept = [(name, value) for name, value in parse_qsl(view.query) if value not in ids]
    if kept:
        view.query = urlencode(kept)
    else:
        session.delete(view)
