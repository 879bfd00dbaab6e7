"""Message search: the full-text index of messages, which the models cannot describe.

SQLite keeps it in a table of its own, `messagesearch`, PostgreSQL in indexes of messages and of their attachments.
"""

from typing import Any

from sqlalchemy import Connection, column, event, literal_column, table
from sqlmodel import SQLModel

TABLE = "messagesearch"  # its shadow tables begin with this name
CREATE_TABLE = (
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5(scope, body, detail=column, tokenize='unicode61 remove_diacritics 0')"
)
DROP_TABLE = f"DROP TABLE IF EXISTS {TABLE}"
# `scope` holds the ids of tenant, conversation and message as words, `body` the folded text.
messagesearch = table(TABLE, column("scope"), column("body"))
INDEX = "ix_message_words"
CREATE_INDEX = (
    f"CREATE INDEX {INDEX} ON message USING gin (to_tsvector('simple'::regconfig, translate(text, 'Ёё', 'Ее')))"
)
ATTACHED_INDEX = "ix_attachment_words"  # of the texts of recordings and pictures
CREATE_ATTACHED_INDEX = (
    f"CREATE INDEX {ATTACHED_INDEX} ON attachment "
    "USING gin (to_tsvector('simple'::regconfig, translate(text, 'Ёё', 'Ее')))"
)
INDEXES = frozenset((INDEX, ATTACHED_INDEX))
attached_document: Any = literal_column("to_tsvector('simple'::regconfig, translate(attachment.text, 'Ёё', 'Ее'))")
document: Any = literal_column("to_tsvector('simple'::regconfig, translate(message.text, 'Ёё', 'Ее'))")


@event.listens_for(SQLModel.metadata, "after_create")
def _create(target: object, connection: Connection, **options: object) -> None:
    """Create the index together with all tables, as tests do; migrations create it themselves."""
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in (CREATE_TABLE,) if is_sqlite else (CREATE_INDEX, CREATE_ATTACHED_INDEX):
        connection.exec_driver_sql(statement)


@event.listens_for(SQLModel.metadata, "before_drop")
def _drop(target: object, connection: Connection, **options: object) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(DROP_TABLE)
