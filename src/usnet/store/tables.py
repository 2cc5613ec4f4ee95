"""The base that every table stands on, and the store's own tables."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Float, Index, Integer, MetaData, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Declarative base of all rooms: constraint names are fixed, so that migrations can name them on either database."""

    metadata = MetaData(naming_convention=NAMES)


def table_of(kind: type[Base]) -> Table:
    """The plain table of a class, for statements that are built once and run without the object mapper."""
    return cast(Table, kind.__table__)


class Link(Base):
    """A row of a signed log; see :mod:`usnet.store.chain`."""

    __tablename__ = "chain"

    stream: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    time: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(64))


class Head(Base):
    """The last row of each stream: the row that appending locks, and what shows that a log's end was cut off."""

    __tablename__ = "chain_head"

    stream: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    signature: Mapped[str] = mapped_column(String(64))


class JobRow(Base):
    """A durable job; see :mod:`usnet.store.jobs`."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("kind", "key"),
        Index("ix_job_claim", "state", "available_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(50))
    key: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    payload: Mapped[str] = mapped_column(Text)
    result: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    most_attempts: Mapped[int] = mapped_column(Integer)
    available_at: Mapped[float] = mapped_column(Float)
    worker: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[float] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
