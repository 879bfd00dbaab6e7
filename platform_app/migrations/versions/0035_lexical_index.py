"""Revision 0035: which sources the lexical index has yet to take up, and an index for chunks by id."""

import sqlalchemy as sa
from alembic import op

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('source', schema=None) as batch_op:
        batch_op.add_column(sa.Column('index_revision', sa.Integer(), nullable=False, server_default='0'))
    with op.batch_alter_table('source', schema=None) as batch_op:
        batch_op.alter_column('index_revision', server_default=None)
        batch_op.create_index('ix_source_index_revision', ['tenant_id', 'index_revision'], unique=False)
    with op.batch_alter_table('chunk', schema=None) as batch_op:
        batch_op.drop_index('ix_chunk_source_generation')
        batch_op.create_index('ix_chunk_source_generation', ['source_id', 'generation', 'number'], unique=False)
        batch_op.create_index('ix_chunk_of_tenant', ['tenant_id', 'id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('chunk', schema=None) as batch_op:
        batch_op.drop_index('ix_chunk_of_tenant')
        batch_op.drop_index('ix_chunk_source_generation')
        batch_op.create_index('ix_chunk_source_generation', ['source_id', 'generation'], unique=False)
    with op.batch_alter_table('source', schema=None) as batch_op:
        batch_op.drop_index('ix_source_index_revision')
        batch_op.drop_column('index_revision')
