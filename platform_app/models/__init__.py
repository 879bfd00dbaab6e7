"""Models: imports every table, so that the metadata is complete."""

from platform_app.models import (
    agent,
    conversation,
    crm,
    event,
    invitation,
    job,
    knowledge,
    mail,
    message_search,
    person,
    rule,
    script,
    secret,
    sending,
    sequence,
    webhook,
)

__all__ = [
    "agent",
    "conversation",
    "crm",
    "event",
    "invitation",
    "job",
    "knowledge",
    "mail",
    "message_search",
    "person",
    "rule",
    "script",
    "secret",
    "sending",
    "sequence",
    "webhook",
]
