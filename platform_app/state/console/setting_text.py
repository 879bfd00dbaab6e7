"""Setting text: values of settings as text, with names in place of ids."""

from typing import Any

from platform_app import custom_fields
from platform_app.db import Transaction
from platform_app.fact_snapshots import entity_names
from platform_app.i18n import translate
from platform_app.models.person import Identity
from platform_app.services.bin.json_references import REMOVED_ID


def names_by_id(session: Transaction, who: Identity) -> dict[str, str]:
    """Return the names of stages, agents and members by id, and the labels of custom fields by fact.

    What was removed for good is called so in the member's language.
    """
    own = custom_fields.custom_field_facts(custom_fields.list_custom_fields(session, who.tenant_id))
    removed = {REMOVED_ID: translate(who.language, "deleted item")}
    return entity_names(session, who.tenant_id) | removed | {fact.name: fact.label for fact in own}


def format_setting(value: Any, names: dict[str, str]) -> str:
    """Return the value of a setting as text, with names in place of ids; "" for None."""
    if isinstance(value, list):
        return ", ".join(names.get(str(one), str(one)) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{names.get(key, key)}: {text}" for key, text in value.items())
    return "" if value is None else str(value)
