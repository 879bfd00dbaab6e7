"""Conflict rules: which side wins when a field was changed on both before they were exchanged."""

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.integration import ConflictRule, CrmConnection
from platform_app.models.person import Identity
from platform_app.services.integrations import connections

CONFLICT_FIELDS = {  # for which a rule can be chosen, with their labels: see `fields_of`
    "stage": "Lead stage|crm",
    "title": "Lead title|crm",
    "budget": "Lead budget|crm",
    "responsible": "Owner|lead",
    "contact": "Lead contact",
    "name": "Contact name|crm",
    "phones": "Phone numbers",
    "emails": "Email addresses",
    "tags": "Tags",
    "fields": "Custom fields",
    "text": "Task text",
    "due_at": "Task due date",
    "is_done": "Task completion",
}


def fields_of(row: CrmConnection) -> dict[str, str]:
    """Return the fields for which a rule can be chosen, with their labels: those that records of the CRM have."""
    lacking = connections.type_of(row.kind).lacking
    return {name: label for name, label in CONFLICT_FIELDS.items() if name not in lacking}


def set_rule(
    session: Transaction, who: Identity, connection_id: str, *, name: str, rule: ConflictRule
) -> CrmConnection:
    """Set which side wins when a field was changed on both. Raises NotFound if there is no such connection or field."""
    row = connections.get(session, who, connection_id, lock=True)
    if name not in fields_of(row):
        raise NotFound("Field not found.")
    row.conflict_rules = row.conflict_rules | {name: rule.value}
    connections.publish_change(session, row)
    return row
