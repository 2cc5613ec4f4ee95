"""Presentation state: the boxes as vectors over the untouched source image. Grey or colour, as the source is.

A grayscale state is not defined on colour images (PS3.3 A.33.1, A.33.2), so RGB, YBR and palette sources get a colour state, with
the sRGB profile that highdicom carries (its class is ``spac``, which the standard wants).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from usnet.dicom.base import equipment, finish, identity, proxy
from usnet.dicom.sr_groups import outline, tracking_name
from usnet.dicom.uids import tracking_uid
from usnet.extras import need
from usnet.reports.style import RESEARCH_USE, percent
from usnet.values import Finding

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options

LAYER = "USNET"


def presentation_state(instance: Instance, options: Options) -> Dataset:
    """Boxes and probabilities of every frame with a finding.

    Raises
    ------
    DataError
        The source is no DICOM object.
    MissingExtra
        highdicom is not installed.
    """
    need("highdicom", extra="dicom", feature="Writing DICOM objects")
    from highdicom import pr

    source = proxy(instance, single=True)
    grey = str(source.PhotometricInterpretation).startswith("MONOCHROME")
    state: Any = pr.GrayscaleSoftcopyPresentationState if grey else pr.ColorSoftcopyPresentationState
    if not grey:  # highdicom knows a palette as one sample a pixel and refuses it
        source.SamplesPerPixel, source.PhotometricInterpretation = 3, "RGB"
    layer = pr.GraphicLayer(LAYER, order=1, description="Findings of a model, research use only")
    made: Dataset = state(
        referenced_images=[source],
        **identity(instance, "pr", options),
        **equipment(instance),
        content_label=LAYER,
        content_description=RESEARCH_USE[:64].rsplit(".", 1)[0],
        graphic_layers=[layer],
        graphic_annotations=_annotations(instance, source, layer),
        **({"presentation_lut_transformation": _polarity(source)} if grey else {"icc_profile": _srgb()}),
    )
    return finish(made, instance, options)


def _annotations(instance: Instance, source: Dataset, layer: Any) -> list[Any]:
    """One annotation for each frame with findings."""
    from highdicom import pr

    made = []
    for frame, rows in groupby(instance.findings(), key=lambda row: row[0]):
        found = [(number, finding) for _, number, finding in rows]
        annotation = pr.GraphicAnnotation(
            referenced_images=[source],
            graphic_layer=layer,
            graphic_objects=[_box(instance, frame, number, finding) for number, finding in found],
            text_objects=[*(_text(instance, number, finding) for number, finding in found), _notice()],
        )
        if instance.is_multiframe:
            annotation.ReferencedImageSequence[0].ReferencedFrameNumber = frame + 1
        made.append(annotation)
    return made


def _box(instance: Instance, frame: int, number: int, finding: Finding) -> Any:
    from highdicom import pr

    return pr.GraphicObject(
        graphic_type=pr.GraphicTypeValues.POLYLINE,
        graphic_data=np.asarray(outline(instance, finding), dtype=np.float32),
        units=pr.AnnotationUnitsValues.PIXEL,
        tracking_id=tracking_name(instance, frame, number),
        tracking_uid=tracking_uid(instance, frame, number),
    )


def _text(instance: Instance, number: int, finding: Finding) -> Any:
    from highdicom import pr

    corner = outline(instance, finding)[0]
    return pr.TextObject(
        text_value=f"{number} {finding.label}, malignancy {percent(finding.probability)}",
        units=pr.AnnotationUnitsValues.PIXEL,
        anchor_point=(float(corner[0]), float(corner[1])),
        anchor_point_visible=False,
    )


def _notice() -> Any:
    """Along the lower edge of the display."""
    from highdicom import pr

    return pr.TextObject(
        text_value=RESEARCH_USE, units=pr.AnnotationUnitsValues.DISPLAY, bounding_box=(0.02, 0.94, 0.98, 0.99)
    )


def _srgb() -> bytes:
    """An sRGB profile of the class ``spac``; those of image libraries are for monitors (``mntr``), which PS3.3 C.11.15 bars."""
    from importlib.resources import files

    return (files("highdicom") / "_icc_profiles" / "sRGB_v4_ICC_preference.icc").read_bytes()


def _polarity(source: Dataset) -> Any:
    """A state replaces the image's photometric interpretation, so that of MONOCHROME1 has to be said again."""
    import highdicom as hd

    shape = "INVERSE" if str(source.PhotometricInterpretation) == "MONOCHROME1" else "IDENTITY"
    return hd.PresentationLUTTransformation(presentation_lut_shape=shape)
