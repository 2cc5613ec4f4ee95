"""What the node knows: each object received, each study, each result."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from usnet.store.tables import Base


class InstanceRow(Base):
    """One object as it came, known by its bytes.

    ``state``: ``new`` (its header has not been read), ``sorted`` (belongs to a study), ``answered``, ``failed`` (see ``reason``).
    ``round`` numbers the jobs of its study; ``stored`` is false once the bytes were removed.
    """

    __tablename__ = "pacs_instance"
    __table_args__ = (
        Index("ix_pacs_instance_state", "state"),
        Index("ix_pacs_instance_study", "study_uid", "round"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    sop_instance_uid: Mapped[str] = mapped_column(String(64))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    sender: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[float] = mapped_column(Float)
    study_uid: Mapped[str | None] = mapped_column(String(64))
    series_uid: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    round: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(Text)
    stored: Mapped[bool] = mapped_column(Boolean)


class StudyRow(Base):
    """A study; ``open`` while objects come, closed when it was quiet and its job of number ``round`` was made."""

    __tablename__ = "pacs_study"
    __table_args__ = (Index("ix_pacs_study_open", "open", "last_at"),)

    study_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_at: Mapped[float] = mapped_column(Float)
    round: Mapped[int] = mapped_column(Integer)
    open: Mapped[bool] = mapped_column(Boolean)


class ResultRow(Base):
    """An object made for an instance; ``verified_at`` is when the archive said that it has it."""

    __tablename__ = "pacs_result"
    __table_args__ = (Index("ix_pacs_result_instance", "instance_id"),)

    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("pacs_instance.id"))
    kind: Mapped[str] = mapped_column(String(8))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    series_uid: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    verified_at: Mapped[float | None] = mapped_column(Float)
    stored: Mapped[bool] = mapped_column(Boolean)
