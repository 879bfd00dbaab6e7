"""Audit words: what entries of the audit log say, in the language of who reads them."""

from datetime import datetime
from typing import Any

from platform_app.i18n import clause, exact_time, translate
from platform_app.models.audit import AuditAction, AuditFields, AuditObject
from platform_app.models.budget import BUDGET_FORM
from platform_app.models.http_tool import HTTP_TOOL_FORM
from platform_app.models.integration import ConnectionState
from platform_app.models.mail import MAIL_FORM
from platform_app.models.model_provider import PROVIDER_FORM
from platform_app.models.person import ROLE_WORDS, Role

ACTIONS: dict[str, str] = {
    AuditAction.CREATED: "Created|audit",
    AuditAction.CHANGED: "Changed|audit",
    AuditAction.DELETED: "Moved to the bin",
    AuditAction.RESTORED: "Restored|audit",
    AuditAction.REMOVED: "Deleted|audit",
    AuditAction.PUBLISHED: "Published|audit",
    AuditAction.TURNED_ON: "Turned on|audit",
    AuditAction.TURNED_OFF: "Turned off|audit",
    AuditAction.SECRET_CHANGED: "Secret changed",
    AuditAction.PASSWORD_CHANGED: "Password changed|audit",
    AuditAction.SIGNED_IN: "Signed in|audit",
    AuditAction.SIGN_IN_FAILED: "Sign-in failed",
    AuditAction.SIGNED_OUT: "Signed out|audit",
    AuditAction.EXPORTED: "Exported|audit",
    AuditAction.DOWNLOADED: "Downloaded|audit",
    AuditAction.DELETION_REQUESTED: "Deletion requested",
    AuditAction.DELETION_CANCELED: "Deletion canceled",
}
OBJECTS: dict[str, str] = {
    AuditObject.COMPANY: "Company",
    AuditObject.MEMBER: "Member",
    AuditObject.ACCOUNT: "Account|person",
    AuditObject.SESSION: "Session",
    AuditObject.PASSWORD_RESET: "Password reset link",
    AuditObject.SECOND_FACTOR: "Two-factor authentication",
    AuditObject.RECOVERY_CODES: "Recovery codes",
    AuditObject.INVITATION: "Invitation",
    AuditObject.API_KEY: "API key",
    AuditObject.SECRET: "Saved secret",
    AuditObject.ENCRYPTION_KEYS: "Encryption keys",
    AuditObject.MAIL_SERVER: "Mail server",
    AuditObject.MODEL_PROVIDER: "Model provider",
    AuditObject.EMBEDDING_MODEL: "Embedding model",
    AuditObject.RERANKER: "Reranking model",
    AuditObject.BUDGET: "Budget",
    AuditObject.HTTP_TOOL: "HTTP tool",
    AuditObject.MCP_SERVER: "MCP server",
    AuditObject.CRM_CONNECTION: "Connection to a CRM",
    AuditObject.KOMMO_CHATS: "Chats in Kommo",
    AuditObject.CHANNEL_ACCOUNT: "Channel account",
    AuditObject.WEBHOOK: "Webhook",
    AuditObject.OUTGOING_WEBHOOK: "Outgoing webhook",
    AuditObject.AGENT: "Agent",
    AuditObject.SCRIPT: "Script",
    AuditObject.RULE: "Rule",
    AuditObject.SEQUENCE: "Sequence",
    AuditObject.CONTACT: "Contact",
    AuditObject.LEAD: "Lead",
    AuditObject.TASK: "Task",
    AuditObject.CONVERSATION: "Conversation",
    AuditObject.IMPORT: "Import",
    AuditObject.SOURCE: "Source",
    AuditObject.CATEGORY: "Category",
    AuditObject.SITE: "Web address",
    AuditObject.ANALYTICS: "Analytics",
    AuditObject.AUDIT_LOG: "Audit log",
}
_ACTORS = {
    "api_key": "API key of {name}",
    "command_line": "Command line",
    "platform": "Platform",
    "visitor": "Not signed in",
}
COLUMNS = {
    "address_secret": "Secret part of the URL",
    "base_url": "URL",
    "conflict_rules": "Conflict rules",
    "count": "Count",
    "country": "Country",
    "creates_contact": "Create a contact if none matches",
    "currency": "Currency",
    "deletion_at": "Deletion on",
    "effect": "Effect",
    "email": "Email",
    "hard_limit": "Hard limit",
    "header": "Header of the secret",
    "host": "Server name",
    "input_price": "Price per million input tokens ($)",
    "is_default": "Default",
    "is_shadow": "Shadow mode",
    "kinds": "Events",
    "language": "Language",
    "live_stages": "Stages in which the agent answers",
    "live_tags": "Tags with which the agent answers",
    "method": "Method",
    "model": "Model",
    "name": "Name",
    "output_price": "Price per million output tokens ($)",
    "parameters": "Arguments, a JSON schema",
    "period": "Period",
    "port": "Port",
    "published_number": "Version",
    "require_two_factor": "Require two-factor",
    "role": "Role",
    "run_days": "Days of run history",
    "scope": "Counts replies",
    "scopes": "Scopes",
    "sealed": "Value",
    "secret": "Signing secret",
    "security": "Security",
    "sender_address": "Address of the sender",
    "sender_name": "Sender name",
    "sending": "Sending settings",
    "settings": "Settings",
    "signed": "Signature required",
    "soft_percent": "Soft limit, %",
    "state": "State",
    "stop_on_member_reply": "When a member writes, end the contact’s sequences",
    "time_zone": "Time zone",
    "token": "Token|channel",
    "tools": "Tools",
    "transcription_model": "Transcription model",
    "unit": "Counts",
    "url": "URL",
    "user_name": "User name",
    "wire": "API",
}


# What the codes of columns mean: the options of forms, and the states of connections.
_CODES: dict[str, dict[str, str]] = {
    column: dict(form[column].options)
    for form, columns in (
        (BUDGET_FORM, ("scope", "unit", "period")),
        (PROVIDER_FORM, ("wire",)),
        (HTTP_TOOL_FORM, ("effect",)),
        (MAIL_FORM, ("security",)),
    )
    for column in columns
} | {
    "state": {
        ConnectionState.CONNECTED: "Connected",
        ConnectionState.REFUSED: "Access denied",
        ConnectionState.DISCONNECTED: "Disconnected",
    }
}
# Beginnings of the purposes of saved secrets; the rest is an id.
_PURPOSES = {
    "smtp password": "Password of the mail server",
    "model provider key": "Key of a model provider",
    "channel": "Secret of a channel",
    "crm": "Access to a CRM",
    "http tool secret": "Secret of an HTTP tool",
    "mcp server secret": "Secret of an MCP server",
}


def actor(language: str, row: AuditFields) -> str:
    """Return who acted: a member by name, else what kind of actor it was."""
    if row.actor_kind == "member":
        return row.actor_name
    return translate(language, _ACTORS.get(row.actor_kind, row.actor_kind), name=row.actor_name)


def action(language: str, code: str) -> str:
    """Return what was done, in words; an unknown code as it is."""
    return translate(language, ACTIONS.get(code, code))


def subject(language: str, row: AuditFields) -> str:
    """Return what it was done to: the kind, and the name in quotation marks if it has one."""
    kind = translate(language, OBJECTS.get(row.object_kind, row.object_kind))
    if row.object_kind == AuditObject.SECRET:
        purposes = [words for beginning, words in _PURPOSES.items() if row.object_name.startswith(beginning)]
        return translate(language, purposes[0]) if purposes else kind
    return translate(language, "{kind} “{name}”", kind=kind, name=row.object_name) if row.object_name else kind


def changes(language: str, said: dict[str, Any], zone: str) -> str:
    """Return what changed, as "Role: viewer → admin"; "" if the action says it all. Times are those of `zone`."""
    return "; ".join(_change(language, column, change, zone) for column, change in said.items())


def _change(language: str, column: str, change: Any, zone: str) -> str:
    label = translate(language, COLUMNS.get(column, column))
    if not isinstance(change, dict) or "to" not in change:
        return translate(language, "{field}: changed", field=label)
    before, after = (_own(language, column, change.get(part), zone) for part in ("from", "to"))
    return f"{label}: {before} → {after}" if "from" in change else f"{label}: {after}"


def _own(language: str, column: str, value: Any, zone: str) -> str:
    """Return a value of a column: roles, other codes and times in words, others as they are."""
    if column == "role" and value in list(Role):
        return clause(translate(language, ROLE_WORDS[Role(value)]))
    if isinstance(value, str) and value in _CODES.get(column, {}):
        return clause(translate(language, _CODES[column][value]))
    if column.endswith("_at") and value:
        return exact_time(language, datetime.fromisoformat(value), zone)
    return _value(language, value)


def _value(language: str, value: Any) -> str:
    if isinstance(value, bool):
        return clause(translate(language, "Yes" if value else "No"))
    if value is None or value == "" or value == {} or value == []:
        return "—"
    if isinstance(value, list):
        return ", ".join(_value(language, item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(language, item)}" for key, item in value.items())
    return str(value)
