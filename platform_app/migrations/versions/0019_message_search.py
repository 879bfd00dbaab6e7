"""The full-text index of messages, filled with those that were sent or received.

Revision ID: 0019
Revises: 0018
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CREATE_TABLE = (
    "CREATE VIRTUAL TABLE messagesearch USING fts5(scope, body, detail=column, tokenize='unicode61 remove_diacritics 0')"
)
DOCUMENT = "to_tsvector('simple'::regconfig, translate(text, 'Ёё', 'Ее'))"
SEARCHED = "state IN ('complete', 'note') AND text <> ''"
BATCH = 1_000


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.execute(f"CREATE INDEX ix_message_words ON message USING gin ({DOCUMENT})")
        return
    op.execute(CREATE_TABLE)
    rows = connection.execution_options(stream_results=True).execute(
        sa.text(f"SELECT tenant_id, conversation_id, id, text FROM message WHERE {SEARCHED} ORDER BY id")
    )
    insert = sa.text("INSERT INTO messagesearch (scope, body) VALUES (:scope, :body)")
    for found in rows.partitions(BATCH):
        connection.execute(
            insert,
            [{"scope": f"{tenant} {talk} {one}", "body": _folded(text)} for tenant, talk, one, text in found],
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE messagesearch")
    else:
        op.drop_index("ix_message_words", table_name="message")
