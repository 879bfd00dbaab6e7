"""Scopes: what an API key may be allowed to do, as resource:access."""

from enum import StrEnum


class Scope(StrEnum):
    """What a request needs; a key may do only what its scopes name."""

    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    CHAT_WRITE = "chat:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    LEADS_READ = "leads:read"
    LEADS_WRITE = "leads:write"
    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    KNOWLEDGE_READ = "knowledge:read"
    KNOWLEDGE_WRITE = "knowledge:write"
    SCRIPTS_READ = "scripts:read"
    SCRIPTS_WRITE = "scripts:write"
    RULES_READ = "rules:read"
    RULES_WRITE = "rules:write"
    SEQUENCES_READ = "sequences:read"
    SEQUENCES_WRITE = "sequences:write"
    EVENTS_READ = "events:read"
    ACTIVITY_READ = "activity:read"
    ANALYTICS_READ = "analytics:read"


RESOURCES = {  # names as message ids, by the part of a scope before the colon
    "conversations": "Conversations and messages",
    "chat": "Chat with agents (OpenAI-compatible)",
    "contacts": "Contacts",
    "leads": "Leads",
    "tasks": "Tasks",
    "agents": "Agents",
    "knowledge": "Knowledge",
    "scripts": "Scripts",
    "rules": "Rules",
    "sequences": "Sequences and enrollments",
    "events": "Events",
    "activity": "Activity",
    "analytics": "Analytics",
}


def accesses(resource: str) -> list[str]:
    """Return which of "read" and "write" a resource has."""
    return [access for access in ("read", "write") if f"{resource}:{access}" in list(Scope)]
