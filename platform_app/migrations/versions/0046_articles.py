"""Articles that members write, their versions, and questions that no reply could answer.

Revision ID: 0046
Revises: 0048
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=40), nullable=False, server_default="file"))
        batch_op.add_column(sa.Column("visibility", sa.String(length=40), nullable=False, server_default="visible"))
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.alter_column("kind", server_default=None)
        batch_op.alter_column("visibility", server_default=None)
    op.create_table("article",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("revision", sa.Integer(), nullable=False),
    sa.Column("updated_at", sa.DateTime(), nullable=False),
    sa.Column("updated_by", sa.String(length=200), nullable=False),
    sa.Column("deleted_at", sa.DateTime(), nullable=True),
    sa.Column("draft", sa.JSON(), nullable=False),
    sa.Column("published", sa.JSON(), nullable=False),
    sa.Column("published_number", sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(["id"], ["source.id"], name=op.f("fk_article_id_source"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_article_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_article")),
    )
    op.create_index(op.f("ix_article_tenant_id"), "article", ["tenant_id"])
    op.create_table("articleversion",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("content", sa.JSON(), nullable=False),
    sa.Column("author_name", sa.String(length=200), nullable=False),
    sa.Column("article_id", sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_articleversion_article_id_article"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_articleversion_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_articleversion")),
    sa.UniqueConstraint("article_id", "number", name=op.f("uq_articleversion_article_id_number")),
    )
    op.create_index(op.f("ix_articleversion_tenant_id"), "articleversion", ["tenant_id"])
    op.create_table("unansweredquestion",
    sa.Column("id", sa.String(length=32), nullable=False),
    sa.Column("created_at", sa.DateTime(), nullable=False),
    sa.Column("tenant_id", sa.String(length=32), nullable=False),
    sa.Column("question", sa.String(length=500), nullable=False),
    sa.Column("conversation_id", sa.String(length=32), nullable=False),
    sa.Column("source_id", sa.String(length=32), nullable=True),
    sa.Column("dismissed_at", sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_unansweredquestion_conversation_id_conversation"), ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_unansweredquestion_tenant_id_tenant"), ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_unansweredquestion")),
    )
    op.create_index(op.f("ix_unansweredquestion_tenant_id"), "unansweredquestion", ["tenant_id"])
    op.create_index(op.f("ix_unansweredquestion_conversation_id"), "unansweredquestion", ["conversation_id"])
    op.create_index(op.f("ix_unansweredquestion_source_id"), "unansweredquestion", ["source_id"])
    op.create_index("ix_unansweredquestion_recent", "unansweredquestion", ["tenant_id", "created_at"])
    for table in ("article", "articleversion", "unansweredquestion"):
        op.protect_table(table)


def downgrade() -> None:
    for table in ("unansweredquestion", "articleversion", "article"):
        op.release_table(table)
        op.drop_table(table)
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.drop_column("visibility")
        batch_op.drop_column("kind")
