"""Conflict rules: which side wins when a field was changed on both before they were exchanged."""

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.integration import ConflictRule, CrmConnection
from platform_app.models.person import Identity
from platform_app.services.integrations import connections

CONFLICT_FIELDS = {  # for which a rule can be chosen, with their labels
    "stage": "Stage of a lead",
    "title": "Title of a lead",
    "budget": "Budget of a lead",
    "responsible": "Who is responsible",
    "contact": "Contact of a lead",
    "name": "Name of a contact",
    "phones": "Phone numbers",
    "emails": "E-mail addresses",
    "tags": "Tags",
    "fields": "Custom fields",
    "text": "Text of a task",
    "due_at": "When a task is due",
    "is_done": "Whether a task is done",
}


def set_rule(
    session: Transaction, who: Identity, connection_id: str, *, name: str, rule: ConflictRule
) -> CrmConnection:
    """Set which side wins when a field was changed on both. Raises NotFound if there is no such connection or field."""
    row = connections.get(session, who, connection_id, lock=True)
    if name not in CONFLICT_FIELDS:
        raise NotFound("Field not found.")
    row.conflict_rules = row.conflict_rules | {name: rule.value}
    connections.publish_change(session, row)
    return row
