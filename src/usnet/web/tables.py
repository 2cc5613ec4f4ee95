"""Tables of the workplace: accounts, exams with their views, and what doctors wrote about them. Ids are random hex."""

from __future__ import annotations

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from usnet.store.tables import Base


class Account(Base):
    """Somebody who may sign in. ``name_key`` is the name as it is compared: without case, spaces at the ends, accents' forms."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(100), unique=True)
    password: Mapped[str] = mapped_column(String(200))  # argon2id, or accounts.NO_PASSWORD
    role: Mapped[str] = mapped_column(String(20))
    disabled: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[float] = mapped_column(Float)


class Identity(Base):
    """Somebody whom an identity provider sent: issuer and subject are who it is, ``name`` is what it says about them. Without an
    ``account``, they wait for an administrator."""

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(100))
    account: Mapped[str | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float] = mapped_column(Float)
    seen_at: Mapped[float] = mapped_column(Float)


class WebSession(Base):
    """A browser that signed in; ``token`` is the sha256 of its cookie."""

    __tablename__ = "web_session"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)


class ApiToken(Base):
    """A program's key: ``secret`` is the sha256 of what the user was shown once, ``scopes`` are joined by spaces."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(String(32), index=True)
    label: Mapped[str] = mapped_column(String(100))
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float] = mapped_column(Float)


class LoginFailure(Base):
    """Wrong passwords in a row, by a keyed hash of account name or address; no try is taken before ``until``."""

    __tablename__ = "login_failure"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    until: Mapped[float] = mapped_column(Float)


class Exam(Base):
    """One upload: files, and the job that reads them. ``state`` is open, queued, running, done or failed."""

    __tablename__ = "exam"
    __table_args__ = (Index("ix_exam_owner", "owner", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)
    done: Mapped[int] = mapped_column(Integer)
    total: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float, index=True)


class ExamFile(Base):
    """A file as it came; ``sha256`` names it in the exam's folder, ``name`` is what the user called it."""

    __tablename__ = "exam_file"
    __table_args__ = (UniqueConstraint("exam", "position"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    exam: Mapped[str] = mapped_column(ForeignKey("exam.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)


class View(Base):
    """An image or cine loop of an exam, or the ``reason`` why a file gave none."""

    __tablename__ = "exam_view"
    __table_args__ = (UniqueConstraint("exam", "position"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    exam: Mapped[str] = mapped_column(ForeignKey("exam.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    frames: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    spacing_row: Mapped[float | None] = mapped_column(Float)
    spacing_column: Mapped[float | None] = mapped_column(Float)
    spacing_source: Mapped[str | None] = mapped_column(String(100))
    reason: Mapped[str | None] = mapped_column(Text)


class ViewFrame(Base):
    """One frame: its picture (a PNG in the exam's folder) and its diagnosis as JSON."""

    __tablename__ = "exam_frame"

    view: Mapped[str] = mapped_column(ForeignKey("exam_view.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    picture: Mapped[str] = mapped_column(String(64))
    diagnosis: Mapped[str] = mapped_column(Text)


class Assessment(Base):
    """What a doctor wrote about a view; every save is a new version and none is ever changed."""

    __tablename__ = "assessment"
    __table_args__ = (UniqueConstraint("view", "version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    view: Mapped[str] = mapped_column(ForeignKey("exam_view.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column(Integer)
    author: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[float] = mapped_column(Float)
    body: Mapped[str] = mapped_column(Text)
