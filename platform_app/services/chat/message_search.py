"""Message search: adds messages to the full-text index and finds them by words, also those of their recordings."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, union
from sqlmodel import col

from platform_app import attached_texts
from platform_app.automation.values import fold
from platform_app.db import Transaction, owned
from platform_app.models.channel import Attachment
from platform_app.models.conversation import Message
from platform_app.models.message_search import TABLE, attached_document, document, messagesearch

MAX_WORDS = 8
MAX_HITS = 300  # messages that a search reads, the newest
_MESSAGE_ID_PLACE = 67  # in the scope: after two ids of 32 characters, each with a space
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Hit:
    """The newest message of a conversation that a search found, with its text around the first word."""

    conversation_id: str
    text: str


def add(session: Transaction, message: Message) -> None:
    """Add a message that was received, sent or noted to the index, once, at the end of the transaction.

    So are the texts of its recordings and pictures. PostgreSQL does so itself.
    """

    def insert() -> None:
        scope = f"{message.tenant_id} {message.conversation_id} {message.id}"
        (text,) = attached_texts.readable(session, message.tenant_id, {message.id: message.text}).values()
        session.execute(messagesearch.insert().values(scope=scope, body=fold(text)))

    if session.get_bind().dialect.name == "sqlite":
        session.before_commit.append(insert)


def replace(session: Transaction, message: Message) -> None:
    """Index a message anew whose text has changed, at the end of the transaction."""

    def remove() -> None:
        matches = literal_column(TABLE).op("MATCH")(f'scope : "{message.id}"')
        session.execute(messagesearch.delete().where(matches))

    if session.get_bind().dialect.name == "sqlite":
        session.before_commit.append(remove)
    add(session, message)


def find(session: Transaction, tenant_id: str, search: str) -> list[Hit]:
    """Return conversations with a message that has every word of a search, or begins with it, the newest first.

    At most MAX_HITS messages are read, so that a frequent word finds the newest conversations only.
    """
    words = _WORD.findall(fold(search))[:MAX_WORDS]
    if not words:
        return []
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    query = _find_on_sqlite(tenant_id, words) if is_sqlite else _find_on_postgres(tenant_id, words)
    query = query.where(col(Message.replaced).is_(False)).limit(MAX_HITS)
    newest: dict[str, tuple[str, str]] = {}
    columns = query.with_only_columns(Message.conversation_id, Message.id, Message.text)
    for conversation_id, message_id, text in session.execute(columns).all():
        newest.setdefault(conversation_id, (message_id, text))
    texts = attached_texts.readable(session, tenant_id, dict(newest.values()))
    return [Hit(talk_id, _excerpt(texts[message_id], words)) for talk_id, (message_id, _) in newest.items()]


def _find_on_sqlite(tenant_id: str, words: list[str]) -> Any:
    """Return the query of the newest messages with these words; the index holds the tenant's id as a word, too."""
    terms = [f'scope : "{tenant_id}"', *(f'body : "{word}" *' for word in words)]
    query = owned(Message, tenant_id).join(
        messagesearch, Message.id == func.substr(messagesearch.c.scope, _MESSAGE_ID_PLACE)
    )
    matches = literal_column(TABLE).op("MATCH")(" AND ".join(terms))
    return query.where(matches).order_by(literal_column(f"{TABLE}.rowid").desc())


def _find_on_postgres(tenant_id: str, words: list[str]) -> Any:
    """Return the query of the newest messages with these words in their text or in that of one of their files."""
    wanted = func.to_tsquery(literal_column("'simple'::regconfig"), " & ".join(f"{word}:*" for word in words))
    is_sent: ColumnElement[bool] = literal_column("message.state IN ('complete', 'note', 'briefing')")
    said = owned(Message, tenant_id).where(document.op("@@")(wanted), is_sent).with_only_columns(Message.id)
    read = owned(Attachment, tenant_id).where(attached_document.op("@@")(wanted))
    found = union(said, read.with_only_columns(Attachment.message_id))  # each uses its own index
    return owned(Message, tenant_id).where(col(Message.id).in_(found)).order_by(col(Message.id).desc())


def _excerpt(text: str, words: list[str]) -> str:
    """Return the line in which the first word is found, from a little before it."""
    for line in text.splitlines():
        place = fold(line).find(words[0])
        if place >= 0:
            start = max(0, place - 30)
            return ("… " if start else "") + line[start : start + 160].strip()
    return next(iter(text.splitlines()), "")[:160]
