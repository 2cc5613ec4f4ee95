"""Tables of reader studies. What readers answered lies in the signed log alone; here are its keys, and all that is not an answer.

Streams of the log: ``study/ID`` for what the organiser and the system do, ``study/ID/NUMBER`` for one reader.
"""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from usnet.store.tables import Base


class StudyRow(Base):
    """A study. ``state`` is running, paused or ended; ``closes_at`` (seconds since 1970) ends the reading by itself."""

    __tablename__ = "study"

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    protocol: Mapped[str] = mapped_column(Text)
    protocol_sha256: Mapped[str] = mapped_column(String(64))
    cases_sha256: Mapped[str] = mapped_column(String(64))
    order_version: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[float] = mapped_column(Float)
    closes_at: Mapped[float | None] = mapped_column(Float)


class CaseRow(Base):
    """A case as readers may see it: ``image`` is the sha256 of its bare PNG among the blobs."""

    __tablename__ = "study_case"

    study: Mapped[str] = mapped_column(ForeignKey("study.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(12), primary_key=True)
    use: Mapped[str] = mapped_column(String(10))
    stratum: Mapped[str] = mapped_column(String(60))
    nodule: Mapped[str] = mapped_column(String(200))
    image: Mapped[str] = mapped_column(String(64))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)


class TruthRow(Base):
    """Truth of a case, apart from the case so that no page can show it by accident. ``boxes`` is JSON, one entry a nodule."""

    __tablename__ = "study_truth"
    __table_args__ = (ForeignKeyConstraint(["study", "name"], ["study_case.study", "study_case.name"]),)

    study: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(12), primary_key=True)
    label: Mapped[str] = mapped_column(String(10))
    boxes: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(400))
    source_sha256: Mapped[str] = mapped_column(String(64))


class FindingRow(Base):
    """What the frozen model says of a case, entered by the system before the first reader."""

    __tablename__ = "study_finding"
    __table_args__ = (ForeignKeyConstraint(["study", "name"], ["study_case.study", "study_case.name"]),)

    study: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(12), primary_key=True)
    label: Mapped[str] = mapped_column(String(10))
    probability: Mapped[float] = mapped_column(Float)
    boxes: Mapped[str] = mapped_column(Text)


class ReaderRow(Base):
    """A reader. ``state``: invited, consented, reading, finished, excluded. ``sequence`` is the order of arms as digits.

    ``period``, ``position`` and ``step`` say what comes next; they follow from the answers and are kept to find it at once;
    ``opens_at`` ends a washout, ``opened_at`` is when the open case was first shown.
    """

    __tablename__ = "study_reader"
    __table_args__ = (Index("ix_study_reader_code", "code_hash", unique=True),)

    study: Mapped[str] = mapped_column(ForeignKey("study.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    account: Mapped[str | None] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)
    years: Mapped[float | None] = mapped_column(Float)
    level: Mapped[str | None] = mapped_column(String(20))
    place: Mapped[int | None] = mapped_column(Integer)
    sex: Mapped[str | None] = mapped_column(String(10))
    age_band: Mapped[str | None] = mapped_column(String(10))
    panel: Mapped[str | None] = mapped_column(String(40))
    sequence: Mapped[str | None] = mapped_column(String(10))
    period: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(Integer)
    opens_at: Mapped[float | None] = mapped_column(Float)
    opened_at: Mapped[float | None] = mapped_column(Float)
    last_at: Mapped[float | None] = mapped_column(Float)


class SlotRow(Base):
    """The order of reading, row by row: what a reader sees at a position of a period."""

    __tablename__ = "study_slot"
    __table_args__ = (
        ForeignKeyConstraint(["study", "reader"], ["study_reader.study", "study_reader.number"]),
        ForeignKeyConstraint(["study", "name"], ["study_case.study", "study_case.name"]),
    )

    study: Mapped[str] = mapped_column(String(60), primary_key=True)
    reader: Mapped[int] = mapped_column(Integer, primary_key=True)
    period: Mapped[int] = mapped_column(Integer, primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(12))
    use: Mapped[str] = mapped_column(String(10))
    arm: Mapped[str] = mapped_column(String(12))


class AnswerRow(Base):
    """That an answer was committed: at most one a slot, step and revision, at most one a client's key. ``entry`` is its row in the
    reader's stream, where the answer itself stands."""

    __tablename__ = "study_answer"
    __table_args__ = (
        UniqueConstraint("study", "reader", "client_key"),
        ForeignKeyConstraint(
            ["study", "reader", "period", "position"],
            ["study_slot.study", "study_slot.reader", "study_slot.period", "study_slot.position"],
        ),
    )

    study: Mapped[str] = mapped_column(String(60), primary_key=True)
    reader: Mapped[int] = mapped_column(Integer, primary_key=True)
    period: Mapped[int] = mapped_column(Integer, primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    step: Mapped[int] = mapped_column(Integer, primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True)
    client_key: Mapped[str] = mapped_column(String(64))
    entry: Mapped[int] = mapped_column(Integer)


class DraftRow(Base):
    """What a reader has filled in and not committed, for the next machine to show. One a reader: of the case that is open."""

    __tablename__ = "study_draft"

    study: Mapped[str] = mapped_column(String(60), primary_key=True)
    reader: Mapped[int] = mapped_column(Integer, primary_key=True)
    period: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text)
