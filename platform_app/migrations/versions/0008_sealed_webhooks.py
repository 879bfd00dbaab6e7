"""Addresses and secrets of webhooks are sealed.

Revision ID: 0008
Revises: 0007
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from platform_app import encryption


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

USES = {"address_secret": "address", "secret": "signature", "former_secret": "signature"}
NAMES = ("id", "tenant_id", *USES)
TABLE = sa.table("incomingwebhook", *(sa.column(name, sa.String()) for name in NAMES))


def upgrade() -> None:
    each(encryption.encrypt)


def downgrade() -> None:
    each(encryption.decrypt)


def each(change: Callable[[str, str, str], str]) -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(TABLE)).mappings().all():
        values = {
            name: change(row[name], row["tenant_id"], f"webhook {row['id']} {use}")
            for name, use in USES.items()
            if row[name]
        }
        if values:
            connection.execute(sa.update(TABLE).where(TABLE.c.id == row["id"]).values(values))
