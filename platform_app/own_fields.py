"""Own fields: those that a tenant added to its contacts and leads, as facts."""

from typing import Any

from platform_app.automation.facts import Fact, FactType, Value
from platform_app.automation.values import moment, number
from platform_app.db import Transaction, owned
from platform_app.models.crm import CustomField, FieldKind, Holder

_TYPES = {
    FieldKind.TEXT: FactType.TEXT,
    FieldKind.NUMBER: FactType.NUMBER,
    FieldKind.MONEY: FactType.NUMBER,
    FieldKind.DATE: FactType.MOMENT,
    FieldKind.CHOICE: FactType.TEXT,
    FieldKind.YES_NO: FactType.FLAG,
}


def of_tenant(session: Transaction, tenant_id: str, holder: Holder | None = None) -> list[CustomField]:
    """Return the fields in their order, of contacts or leads alone where asked."""
    return session.keep(("own fields", holder), lambda: _of_tenant(session, tenant_id, holder))


def _of_tenant(session: Transaction, tenant_id: str, holder: Holder | None) -> list[CustomField]:
    query = owned(CustomField, tenant_id)
    if holder is not None:
        query = query.where(CustomField.holder == holder)
    return list(session.exec(query.order_by(CustomField.holder, CustomField.position, CustomField.id)).all())


def facts(held: list[CustomField]) -> list[Fact]:
    """Return the fields as facts."""
    return [
        Fact(f"{row.holder}.field.{row.key}", row.name, _TYPES[row.kind], options=tuple(row.options), own=True)
        for row in held
    ]


def typed(held: list[CustomField], kept: dict[str, Any], holder: Holder, zone: str) -> dict[str, Value]:
    """Return what stands in a row's fields as facts."""
    return {
        f"{holder}.field.{row.key}": _typed(row.kind, str(kept.get(row.key) or ""), zone)
        for row in held
        if row.holder == holder
    }


def _typed(kind: FieldKind, text: str, zone: str) -> Value:
    if not text:
        return None
    if kind in (FieldKind.NUMBER, FieldKind.MONEY):
        return number(text)
    if kind == FieldKind.DATE:
        return moment(text, zone)
    return text == "yes" if kind == FieldKind.YES_NO else text
