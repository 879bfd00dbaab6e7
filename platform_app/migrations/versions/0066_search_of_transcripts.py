"""The search of messages finds the texts of recordings and pictures, also those that were read before.

Revision ID: 0066
Revises: 0065
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

DOCUMENT = "to_tsvector('simple'::regconfig, translate(text, 'Ёё', 'Ее'))"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.execute(f"CREATE INDEX ix_attachment_words ON attachment USING gin ({DOCUMENT})")
        return
    texts = connection.execute(sa.text("SELECT message_id, text FROM attachment WHERE text <> ''")).all()
    find = sa.text("SELECT rowid, body FROM messagesearch WHERE messagesearch MATCH :wanted")
    change = sa.text("UPDATE messagesearch SET body = :body WHERE rowid = :rowid")
    for message_id, text in texts:
        for rowid, body in connection.execute(find, {"wanted": f'scope : "{message_id}"'}).all():
            connection.execute(change, {"body": f"{body} {_folded(text)}", "rowid": rowid})


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_index("ix_attachment_words", table_name="attachment")
