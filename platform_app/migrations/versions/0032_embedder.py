"""Revision 0032: the embedder of a tenant's vectors."""

import sqlalchemy as sa
from alembic import op

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('knowledgestate', schema=None) as batch_op:
        # until now there was this one; its vectors answer until others are written
        batch_op.add_column(sa.Column('embedder', sa.String(length=64), nullable=False, server_default='lexhash1'))
    with op.batch_alter_table('knowledgestate', schema=None) as batch_op:
        batch_op.alter_column('embedder', server_default=None)


def downgrade() -> None:
    with op.batch_alter_table('knowledgestate', schema=None) as batch_op:
        batch_op.drop_column('embedder')
