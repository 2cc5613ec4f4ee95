"""Which objects there are, and what a caller may choose about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from usnet.errors import ConfigError
from usnet.extras import need

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Kind = Literal["sr", "sc", "pr", "seg", "ko", "pdf", "fhir"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DICOM_KINDS: tuple[Kind, ...] = ("sr", "sc", "pr", "seg", "ko", "pdf")
"""Those that an archive takes."""

SrClass = Literal["comprehensive3d", "comprehensive"]


@dataclass(frozen=True, slots=True)
class Verifier:
    """The signed-in doctor who confirmed a diagnosis: name as ``Family^Given``, organisation, and when."""

    name: str
    organisation: str
    when: datetime


@dataclass(frozen=True, slots=True)
class Options:
    """Choices about objects.

    Parameters
    ----------
    sr_class
        ``comprehensive3d`` (Comprehensive 3D SR, as IHE AI Results asks for), or ``comprehensive`` for archives without it.
    when
        Date and time of the content; now for ``None``.
    verifier
        Makes the structured report VERIFIED. Without, it is UNVERIFIED and PRELIMINARY.
    """

    sr_class: SrClass = "comprehensive3d"
    when: datetime | None = None
    verifier: Verifier | None = None

    def __post_init__(self) -> None:
        if self.sr_class not in get_args(SrClass):
            raise ConfigError(f"structured report class {self.sr_class!r}", expected=" or ".join(get_args(SrClass)))


@dataclass(frozen=True, slots=True)
class Made:
    """One kind for one source: a DICOM object, a document (``fhir``: JSON), or the reason why there is nothing to make."""

    kind: Kind
    dataset: Dataset | None = None
    document: bytes | None = None
    reason: str | None = None


def need_extras(kinds: Sequence[Kind]) -> None:
    """Check at the start of a run, not at its first file, that the libraries for ``kinds`` are there.

    Raises
    ------
    MissingExtra
        highdicom or WeasyPrint is missing.
    """
    if any(kind in ("sr", "pr", "seg", "ko") for kind in kinds):
        need("highdicom", extra="dicom", feature="Writing DICOM objects")
    if "pdf" in kinds:
        need("weasyprint", extra="pdf", feature="A PDF")


def kinds_named(text: str) -> tuple[Kind, ...]:
    """``"sr,sc"`` as kinds, each once, in that order; ``all`` for every kind.

    Raises
    ------
    ConfigError
        A name that is no kind, or none at all.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in KINDS and name != "all"]
    if unknown or not names:
        raise ConfigError(f"no such object kind: {', '.join(unknown) or 'none named'}", expected=", ".join(KINDS))
    if "all" in names:
        return KINDS
    return tuple(kind for kind in dict.fromkeys(names) if kind in KINDS)
