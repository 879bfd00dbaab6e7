"""Own fields of the demo are told from those of the tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('customfield', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_demo', sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table('customfield', schema=None) as batch_op:
        batch_op.alter_column('is_demo', server_default=None)


def downgrade() -> None:
    with op.batch_alter_table('customfield', schema=None) as batch_op:
        batch_op.drop_column('is_demo')
