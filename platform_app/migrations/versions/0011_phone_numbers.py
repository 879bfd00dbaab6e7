"""Phone numbers are looked up in one normal form; imports say what they left out and how people are matched.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from platform_app.errors import Invalid
from platform_app.models.person import Tenant
from platform_app.services.crm import phone_numbers

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ADDED = {
    "tenant": [sa.Column("country", sa.String(length=2), nullable=False, server_default="")],
    "contactimport": [
        sa.Column("match_by", sa.String(length=10), nullable=False, server_default="name"),
        sa.Column("incomplete", sa.Integer(), nullable=False, server_default="0"),
    ],
    "refusedrow": [
        sa.Column("contact_id", sa.String(length=32), nullable=True),
        sa.Column("left_out", sa.JSON(), nullable=False, server_default="[]"),
    ],
}
ADDRESS = sa.table("address", *(sa.column(name, sa.String()) for name in ("id", "tenant_id", "value")))
TENANT = sa.table("tenant", *(sa.column(name, sa.String()) for name in ("id", "language", "time_zone")))


def upgrade() -> None:
    for table, columns in ADDED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.add_column(column)
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.alter_column(column.name, server_default=None)
    normalize_addresses()


def normalize_addresses() -> None:
    """Look numbers up by their digits with the country code, whatever they were written like."""
    connection = op.get_bind()
    regions = {
        row["id"]: phone_numbers.region_for(Tenant(language=row["language"], time_zone=row["time_zone"]))
        for row in connection.execute(sa.select(TENANT)).mappings()
    }
    numbers = sa.select(ADDRESS).where(ADDRESS.c.value.not_like("%@%"))
    for row in connection.execute(numbers).mappings().all():
        try:
            value = phone_numbers.lookup_key(phone_numbers.normalize(row["value"], regions[row["tenant_id"]]))
        except Invalid:
            continue
        if value != row["value"]:
            connection.execute(sa.update(ADDRESS).where(ADDRESS.c.id == row["id"]).values(value=value))


def downgrade() -> None:
    for table, columns in ADDED.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column.name)
