"""Message templates: those of a channel account that can be sent, and messages that are sent as one."""

import re
from collections.abc import Sequence
from typing import Any

from sqlmodel import col

from platform_app.channels.outbound_content import TemplateUse
from platform_app.db import Transaction, owned
from platform_app.llm.reply_text import to_storable
from platform_app.models.channel import ChannelAccount, MessageTemplate
from platform_app.models.conversation import Conversation

MAX_VALUE_CHARS = 1_000
APPROVED = "APPROVED"
_PARAMETER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def key_of(row: MessageTemplate) -> str:
    """Return by what forms and actions know a template: accounts may have the same one."""
    return f"{row.name}/{row.language}"


def use_of(key: str, values: Sequence[str]) -> dict[str, Any]:
    """Return what is stored with a message that may be sent as a template; {} without a key."""
    name, _, language = key.rpartition("/")
    if not name:
        return {}
    filled = tuple(" ".join(to_storable(value).split())[:MAX_VALUE_CHARS] for value in values)
    return TemplateUse(name[:512], language[:20], filled).as_json()


def list_usable(session: Transaction, tenant_id: str, account_id: str | None = None) -> list[MessageTemplate]:
    """Return the templates that can be sent, of an account or of all that are not deleted, sorted by name."""
    query = owned(MessageTemplate, tenant_id).where(MessageTemplate.status == APPROVED, MessageTemplate.problem == "")
    if account_id is not None:
        query = query.where(MessageTemplate.account_id == account_id)
    else:
        live = owned(ChannelAccount, tenant_id).where(col(ChannelAccount.deleted_at).is_(None))
        query = query.where(col(MessageTemplate.account_id).in_(live.with_only_columns(ChannelAccount.id)))
    return list(session.exec(query.order_by(MessageTemplate.name, MessageTemplate.language)).all())


def find(session: Transaction, row: Conversation, use: dict[str, Any]) -> MessageTemplate | None:
    """Return the template of a message if it can be sent in a conversation with its values, else None."""
    if not use or not row.account_id:
        return None
    wanted = TemplateUse.from_json(use)
    query = owned(MessageTemplate, row.tenant_id).where(
        MessageTemplate.account_id == row.account_id,
        MessageTemplate.name == wanted.name,
        MessageTemplate.language == wanted.language,
        MessageTemplate.status == APPROVED,
        MessageTemplate.problem == "",
    )
    template: MessageTemplate | None = session.exec(query).first()
    fits = template is not None and len(template.parameters) == len(wanted.values) and all(wanted.values)
    return template if fits else None


def with_names(template: MessageTemplate, use: dict[str, Any]) -> dict[str, Any]:
    """Return a use of a template with the names of its parameters, if they are named."""
    is_named = any(not name.isdecimal() for name in template.parameters)
    return use | {"names": list(template.parameters) if is_named else []}


def fill(template: MessageTemplate, values: Sequence[str]) -> str:
    """Return the text that a contact gets."""
    known = dict(zip(template.parameters, values, strict=False))
    body = _PARAMETER.sub(lambda match: known.get(match[1], match[0]), template.body)
    return "\n\n".join(part for part in (template.header, body, template.footer) if part.strip())
