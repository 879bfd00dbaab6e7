"""Tenants choose an embedding model and a reranking model of their own providers, and the weight of words.

Revision ID: 0067
Revises: 0066
"""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    state = sa.Enum("building", "live", "failed", name="embeddingstate", native_enum=False, length=40)
    op.create_table(
        "embeddingmodel",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("provider_id", sa.String(length=32), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("state", state, nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("related", sa.Float(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("dollars", sa.Float(), nullable=False),
        sa.Column("is_priced", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["modelprovider.id"],
            name=op.f("fk_embeddingmodel_provider_id_modelprovider"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_embeddingmodel_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embeddingmodel")),
    )
    with op.batch_alter_table("embeddingmodel", schema=None) as batch_op:
        for column in ("provider_id", "tenant_id"):
            batch_op.create_index(batch_op.f(f"ix_embeddingmodel_{column}"), [column], unique=False)
    op.protect_table("embeddingmodel")
    op.create_table(
        "reranker",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("tenant_id", sa.String(length=32), nullable=False),
        sa.Column("provider_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["modelprovider.id"], name=op.f("fk_reranker_provider_id_modelprovider"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_reranker_tenant_id_tenant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reranker")),
        sa.UniqueConstraint("tenant_id", name=op.f("uq_reranker_tenant_id")),
    )
    with op.batch_alter_table("reranker", schema=None) as batch_op:
        for column in ("provider_id", "tenant_id"):
            batch_op.create_index(batch_op.f(f"ix_reranker_{column}"), [column], unique=False)
    op.protect_table("reranker")
    with op.batch_alter_table("knowledgestate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("word_share", sa.Float(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("knowledgestate", schema=None) as batch_op:
        batch_op.drop_column("word_share")
    op.release_table("reranker")
    op.drop_table("reranker")
    op.release_table("embeddingmodel")
    op.drop_table("embeddingmodel")
