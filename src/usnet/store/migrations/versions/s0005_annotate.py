"""Annotation projects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _projects()
    _readings()


def _projects() -> None:
    op.create_table(
        "annotation_project",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("folder", sa.Text),
        sa.Column("start", sa.String(10), nullable=False),
        sa.Column("suggestions", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "annotation_member",
        sa.Column(
            "project", sa.String(32), sa.ForeignKey("annotation_project.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("account", sa.String(32), primary_key=True),
        sa.Column("duty", sa.String(12), nullable=False),
    )
    op.create_table(
        "annotation_image",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("project", sa.String(32), sa.ForeignKey("annotation_project.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("picture", sa.String(64)),
        sa.Column("thumb", sa.String(64)),
        sa.Column("suggestions", sa.Text),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("project", "position", name="uq_annotation_image_project"),
    )


def _readings() -> None:
    op.create_table(
        "annotation_reading",
        sa.Column("image", sa.String(32), sa.ForeignKey("annotation_image.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("reader", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("author", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_table(
        "annotation_change",
        sa.Column("image", sa.String(32), sa.ForeignKey("annotation_image.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("reader", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.UniqueConstraint("image", "reader", "key", name="uq_annotation_change_image"),
    )


def downgrade() -> None:
    for table in (
        *("annotation_change", "annotation_reading", "annotation_image"),
        *("annotation_member", "annotation_project"),
    ):
        op.drop_table(table)
