"""The DICOM node."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pacs_instance",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("study_uid", sa.String(64)),
        sa.Column("series_uid", sa.String(64)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("round", sa.Integer),
        sa.Column("reason", sa.Text),
        sa.Column("stored", sa.Boolean, nullable=False),
        sa.UniqueConstraint("sha256", name="uq_pacs_instance_sha256"),
    )
    op.create_index("ix_pacs_instance_state", "pacs_instance", ["state"])
    op.create_index("ix_pacs_instance_study", "pacs_instance", ["study_uid", "round"])
    op.create_table(
        "pacs_study",
        sa.Column("study_uid", sa.String(64), primary_key=True),
        sa.Column("last_at", sa.Float, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
    )
    op.create_index("ix_pacs_study_open", "pacs_study", ["open", "last_at"])
    op.create_table(
        "pacs_result",
        sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
        sa.Column("instance_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("verified_at", sa.Float),
        sa.Column("stored", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["pacs_instance.id"], name="fk_pacs_result_instance_id_pacs_instance"),
    )
    op.create_index("ix_pacs_result_instance", "pacs_result", ["instance_id"])


def downgrade() -> None:
    for table in ("pacs_result", "pacs_study", "pacs_instance"):
        op.drop_table(table)
