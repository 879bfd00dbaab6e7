"""Recordings and pictures of contacts have a text that a model made; what older ones are, their labels say.

Revision ID: 0061
Revises: 0060
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

COLUMNS = ("kind", "text", "text_model", "text_at", "text_problem")
_KINDS = {"Photo": "picture", "Voice message": "recording", "Audio": "recording"}


def upgrade() -> None:
    kind = sa.Enum("file", "picture", "recording", name="attachmentkind", native_enum=False, length=40)
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", kind, server_default="file", nullable=False))
        batch_op.add_column(sa.Column("text", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("text_model", sa.String(length=200), server_default="", nullable=False))
        batch_op.add_column(sa.Column("text_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("text_problem", sa.String(length=500), server_default="", nullable=False))
    name = sa.Column("transcription_model", sa.String(length=200), server_default="", nullable=False)
    op.add_column("modelprovider", name)
    rows = sa.table("attachment", sa.column("label", sa.String()), sa.column("kind", sa.String()))
    for label, is_kind in _KINDS.items():
        op.execute(rows.update().where(rows.c.label == label).values(kind=is_kind))


def downgrade() -> None:
    op.drop_column("modelprovider", "transcription_model")
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        for name in reversed(COLUMNS):
            batch_op.drop_column(name)
