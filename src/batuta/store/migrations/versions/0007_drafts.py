"""Revisions of flows that are saved unfinished."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Say of each revision whether it is a draft; none has been."""
    op.add_column("flows", sa.Column("draft", sa.Boolean, nullable=False, server_default=sa.text("0")))
