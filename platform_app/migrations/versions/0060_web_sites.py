"""Web addresses are read as knowledge: sites, their pages, and the source of each page.

Revision ID: 0060
Revises: 0059
"""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def _words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=40)


def upgrade() -> None:
    op.create_table(
        "website",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=2_000), nullable=False),
        sa.Column("scope", _words("sitescope", "page", "site"), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("page_limit", sa.Integer(), nullable=False),
        sa.Column("path_prefix", sa.String(length=300), nullable=False),
        sa.Column("interval", _words("readinterval", "never", "day", "week", "month"), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("category_id", sa.String(length=32), nullable=True),
        sa.Column("state", _words("sitestate", "queued", "reading", "ready", "failed"), nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("remark", sa.String(length=500), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("robots", sa.Text(), nullable=False),
        sa.Column("robots_reading", sa.Integer(), nullable=False),
        sa.Column("sitemaps", sa.JSON(), nullable=False),
        sa.Column("sitemaps_read", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("fetch_ms", sa.BigInteger(), nullable=False),
        sa.Column("failures_in_row", sa.Integer(), nullable=False),
        sa.Column("is_cut", sa.Boolean(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
        sa.Column("next_read_at", sa.DateTime(), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_website_category_id_category")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_website_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_website")),
    )
    with op.batch_alter_table("website", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_website_category_id"), ["category_id"], unique=False)
        batch_op.create_index("ix_website_next_read_at", ["next_read_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_website_tenant_id"), ["tenant_id"], unique=False)
    op.protect_table("website")
    _create_pages()
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.add_column(sa.Column("site_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("address", sa.String(length=2_000), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_source_site_id"), ["site_id"], unique=False)
    # Processes of the previous release write such rows during an update.
    op.add_column("knowledgestate", sa.Column("web_day", sa.String(length=10), nullable=False, server_default=""))
    op.add_column(
        "knowledgestate", sa.Column("web_requests", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )


def _create_pages() -> None:
    outcomes = ("waiting", "added", "changed", "unchanged", "double", "refused", "gone", "skipped", "failed", "excluded")
    op.create_table(
        "webpage",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("site_id", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=2_000), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("outcome", _words("pageoutcome", *outcomes), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("etag", sa.String(length=300), nullable=False),
        sa.Column("last_modified", sa.String(length=100), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("source_id", sa.String(length=32), nullable=True),
        sa.Column("is_excluded", sa.Boolean(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"], ["website.id"], name=op.f("fk_webpage_site_id_website"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_webpage_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webpage")),
        sa.UniqueConstraint("site_id", "address_hash", name=op.f("uq_webpage_site_id_address_hash")),
    )
    with op.batch_alter_table("webpage", schema=None) as batch_op:
        batch_op.create_index("ix_webpage_order", ["tenant_id", "site_id", "outcome", "depth", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_webpage_source_id"), ["source_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_webpage_tenant_id"), ["tenant_id"], unique=False)
    op.protect_table("webpage")


def downgrade() -> None:
    op.drop_column("knowledgestate", "web_requests")
    op.drop_column("knowledgestate", "web_day")
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_source_site_id"))
        batch_op.drop_column("address")
        batch_op.drop_column("site_id")
    op.release_table("webpage")
    op.drop_table("webpage")
    op.release_table("website")
    op.drop_table("website")
