"""Tables of annotation projects. What was written is kept in the signed log (:mod:`usnet.store.chain`); ``annotation_change`` says
where in it. Ids are random hex."""

from __future__ import annotations

from sqlalchemy import Boolean, Float, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from usnet.store.tables import Base

FINAL = "final"
"""The ``reader`` of what adjudication decided; account ids are hex or ``local``."""


class Project(Base):
    """A dataset to annotate. ``folder`` is where its ``dataset.json`` lies on the server (``None`` until an upload was unpacked),
    ``source`` is disk or upload, ``state`` open (waits for an upload), queued, running, ready or failed. ``start`` says what a
    reader finds on an untouched image: the boxes that the dataset ``given``, or nothing (``empty``)."""

    __tablename__ = "annotation_project"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(32))
    source: Mapped[str] = mapped_column(String(10))
    folder: Mapped[str | None] = mapped_column(Text)
    start: Mapped[str] = mapped_column(String(10))
    suggestions: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)
    done: Mapped[int] = mapped_column(Integer)
    total: Mapped[int | None] = mapped_column(Integer)
    info: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)


class Member(Base):
    """Who works on a project: ``duty`` is reader or adjudicator. Administrators may do everything without being one."""

    __tablename__ = "annotation_member"

    project: Mapped[str] = mapped_column(ForeignKey("annotation_project.id", ondelete="CASCADE"), primary_key=True)
    account: Mapped[str] = mapped_column(String(32), primary_key=True)
    duty: Mapped[str] = mapped_column(String(12))


class Image(Base):
    """An image: ``record`` is its row in the dataset as JSON, ``picture`` and ``thumb`` name files in the project's folder, and
    ``suggestions`` is what the model says, once it was asked. ``reason`` says why the file could not be read."""

    __tablename__ = "annotation_image"
    __table_args__ = (UniqueConstraint("project", "position"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project: Mapped[str] = mapped_column(ForeignKey("annotation_project.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    file_name: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    record: Mapped[str] = mapped_column(Text)
    picture: Mapped[str | None] = mapped_column(String(64))
    thumb: Mapped[str | None] = mapped_column(String(64))
    suggestions: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)


class Reading(Base):
    """What one reader (an account, or :data:`FINAL`) says of an image now: the newest version."""

    __tablename__ = "annotation_reading"

    image: Mapped[str] = mapped_column(ForeignKey("annotation_image.id", ondelete="CASCADE"), primary_key=True)
    reader: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    finished: Mapped[bool] = mapped_column(Boolean)
    body: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(32))
    updated_at: Mapped[float] = mapped_column(Float)


class Change(Base):
    """A save: ``key`` is the page's own, so that a save sent twice is made once; ``position`` is its row in the project's log."""

    __tablename__ = "annotation_change"
    __table_args__ = (UniqueConstraint("image", "reader", "key"),)

    image: Mapped[str] = mapped_column(ForeignKey("annotation_image.id", ondelete="CASCADE"), primary_key=True)
    reader: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(Integer)
