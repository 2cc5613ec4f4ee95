"""Reader studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CASE = (["study", "name"], ["study_case.study", "study_case.name"])
SLOT = [f"study_slot.{name}" for name in ("study", "reader", "period", "position")]


def upgrade() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("protocol", sa.Text, nullable=False),
        sa.Column("protocol_sha256", sa.String(64), nullable=False),
        sa.Column("cases_sha256", sa.String(64), nullable=False),
        sa.Column("order_version", sa.String(40), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("closes_at", sa.Float),
    )
    op.create_table(
        "study_case",
        sa.Column(
            "study", sa.String(60), sa.ForeignKey("study.id", name="fk_study_case_study_study"), primary_key=True
        ),
        sa.Column("name", sa.String(12), primary_key=True),
        sa.Column("use", sa.String(10), nullable=False),
        sa.Column("stratum", sa.String(60), nullable=False),
        sa.Column("nodule", sa.String(200), nullable=False),
        sa.Column("image", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
    )
    op.create_table(
        "study_truth",
        sa.Column("study", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(12), primary_key=True),
        sa.Column("label", sa.String(10), nullable=False),
        sa.Column("boxes", sa.Text, nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(*CASE, name="fk_study_truth_study_study_case"),
    )
    op.create_table(
        "study_finding",
        sa.Column("study", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(12), primary_key=True),
        sa.Column("label", sa.String(10), nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("boxes", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(*CASE, name="fk_study_finding_study_study_case"),
    )
    _readers()
    _answers()


def _readers() -> None:
    op.create_table(
        "study_reader",
        sa.Column(
            "study", sa.String(60), sa.ForeignKey("study.id", name="fk_study_reader_study_study"), primary_key=True
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("account", sa.String(200)),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(200), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("years", sa.Float),
        sa.Column("level", sa.String(20)),
        sa.Column("place", sa.Integer),
        sa.Column("sex", sa.String(10)),
        sa.Column("age_band", sa.String(10)),
        sa.Column("panel", sa.String(40)),
        sa.Column("sequence", sa.String(10)),
        sa.Column("period", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("opens_at", sa.Float),
        sa.Column("opened_at", sa.Float),
        sa.Column("last_at", sa.Float),
    )
    op.create_index("ix_study_reader_code", "study_reader", ["code_hash"], unique=True)


def _answers() -> None:
    op.create_table(
        "study_slot",
        sa.Column("study", sa.String(60), primary_key=True),
        sa.Column("reader", sa.Integer, primary_key=True),
        sa.Column("period", sa.Integer, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(12), nullable=False),
        sa.Column("use", sa.String(10), nullable=False),
        sa.Column("arm", sa.String(12), nullable=False),
        sa.ForeignKeyConstraint(
            ["study", "reader"],
            ["study_reader.study", "study_reader.number"],
            name="fk_study_slot_study_study_reader",
        ),
        sa.ForeignKeyConstraint(*CASE, name="fk_study_slot_study_study_case"),
    )
    op.create_table(
        "study_answer",
        *(
            sa.Column(name, sa.Integer, primary_key=True)
            for name in ("reader", "period", "position", "step", "revision")
        ),
        sa.Column("study", sa.String(60), primary_key=True),
        sa.Column("client_key", sa.String(64), nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.UniqueConstraint("study", "reader", "client_key", name="uq_study_answer_study"),
        sa.ForeignKeyConstraint(
            ["study", "reader", "period", "position"], SLOT, name="fk_study_answer_study_study_slot"
        ),
    )
    op.create_table(
        "study_draft",
        sa.Column("study", sa.String(60), primary_key=True),
        sa.Column("reader", sa.Integer, primary_key=True),
        sa.Column("period", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "study_draft",
        "study_answer",
        "study_slot",
        "study_reader",
        "study_finding",
        "study_truth",
        "study_case",
        "study",
    ):
        op.drop_table(table)
