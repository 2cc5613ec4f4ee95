"""Which kinds of objects the node takes, and how encoded: stated, not left to a library's defaults."""

from __future__ import annotations

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom.presentation import PresentationContext, build_context

VERIFICATION = UID("1.2.840.10008.1.1")
ULTRASOUND = (
    UID("1.2.840.10008.5.1.4.1.1.6.1"),
    UID("1.2.840.10008.5.1.4.1.1.3.1"),
    UID("1.2.840.10008.5.1.4.1.1.6"),  # retired, still sent by older scanners
    UID("1.2.840.10008.5.1.4.1.1.3"),  # retired
)
SECONDARY_CAPTURE = (
    UID("1.2.840.10008.5.1.4.1.1.7"),
    UID("1.2.840.10008.5.1.4.1.1.7.2"),
    UID("1.2.840.10008.5.1.4.1.1.7.4"),
)
UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
COMPRESSED = (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
)
SYNTAXES = (*UNCOMPRESSED, *COMPRESSED)
"""Not there: deflated (a small file can unpack to gigabytes) and video (nothing here decodes it)."""
REFUSED = {
    DeflatedExplicitVRLittleEndian: "deflated objects are refused, because a small one can unpack to gigabytes",
    UID("1.2.840.10008.1.2.4.95"): "deflated objects are refused, because a small one can unpack to gigabytes",
}


def classes(secondary_capture: bool) -> tuple[UID, ...]:
    """SOP classes of the images that the node takes."""
    return ULTRASOUND + SECONDARY_CAPTURE if secondary_capture else ULTRASOUND


def accepted(secondary_capture: bool) -> list[PresentationContext]:
    """Contexts of the node as a receiver: C-ECHO and C-STORE."""
    storage = [build_context(kind, list(SYNTAXES)) for kind in classes(secondary_capture)]
    return [build_context(VERIFICATION, [ImplicitVRLittleEndian, ExplicitVRLittleEndian]), *storage]


def why_refused(kind: UID, syntaxes: list[UID], secondary_capture: bool) -> str:
    """Why a sender's proposal was not accepted, in words."""
    if kind not in classes(secondary_capture):
        capture = kind in SECONDARY_CAPTURE
        hint = " (set secondary_capture = true to take it)" if capture else ""
        return f"{UID(kind).name}: not an ultrasound image{hint}"
    offered = ", ".join(UID(syntax).name for syntax in syntaxes)
    reason = next((REFUSED[syntax] for syntax in syntaxes if syntax in REFUSED), "")
    if not reason and any(UID(syntax).name.startswith(("MPEG", "HEVC")) for syntax in syntaxes):
        reason = "video cannot be decoded; let the sender offer JPEG or uncompressed frames"
    return f"{UID(kind).name} as {offered}: {reason or 'an encoding that cannot be decoded'}"
