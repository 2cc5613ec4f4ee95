"""Measurement groups of the structured report: TID 1501 for the whole image or loop, TID 1410 for a finding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import usnet
from usnet.dicom import codes
from usnet.dicom.base import proxy_class
from usnet.dicom.outlines import Outline, agreement, outline_of
from usnet.dicom.text import warnings
from usnet.dicom.uids import tracking_uid, uid
from usnet.values import Finding

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance
    from usnet.dicom.lesions import Lesion


def finding_group(instance: Instance, frame: int, number: int, finding: Finding) -> Any:
    """TID 1410 of one finding: its box as a closed polyline that bounds it, its numbers, the call, orientation and descriptors."""
    from highdicom import sr

    header, found = instance.reference, outline_of(instance, frame, finding)
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=outline(instance, finding),
        source_image=sr.SourceImageForRegion(
            referenced_sop_class_uid=proxy_class(instance),
            referenced_sop_instance_uid=header.SOPInstanceUID,
            referenced_frame_numbers=instance.frame_numbers(frame),
        ),
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=tracking_uid(instance, frame, number), identifier=tracking_name(instance, frame, number)
        ),
        referenced_region=region,
        finding_type=codes.concept(codes.MASS),
        algorithm_id=_algorithm(instance, outlined=found is not None),
        finding_sites=_site(instance),
        measurements=_measurements(finding) + ([] if found is None else _descriptors(found)),
        qualitative_evaluations=_evaluations(finding, found),
        geometric_purpose=codes.concept(codes.BOUNDED_BY),
    )


def summary_group(instance: Instance) -> Any:
    """TID 1501 of the source as a whole: did every frame succeed, was there a finding, what the key frame shows, and each warning
    as a comment, because who reads the report may never see the picture."""
    from highdicom import sr

    key = instance.key_diagnosis
    summary = codes.SUMMARIES[instance.failure is None, bool(instance.lesions)]
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid("whole image", instance.model.sha256, instance.sop_instance_uid, _point(instance)),
            identifier="whole image" if not instance.is_multiframe else f"whole loop, frame {key.frame + 1} shown",
        ),
        algorithm_id=_algorithm(instance),
        measurements=[_percent(codes.PROBABILITY_OF_CANCER, key.p_malignant)],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(codes.concept(codes.SUMMARY), codes.concept(summary)),
            sr.QualitativeEvaluation(codes.concept(codes.CALL), codes.concept(codes.CALLS[instance.label])),
        ],
        source_images=[_source_image(instance, key.frame)],
    )
    for warning in warnings(instance):
        group[0].ContentSequence.append(
            sr.TextContentItem(codes.concept(codes.COMMENT), warning, sr.RelationshipTypeValues.CONTAINS)
        )
    return group


def lesion_group(instance: Instance, lesion: Lesion) -> Any:
    """TID 1501 of a nodule of a loop as a whole: the call on its track, under the tracking UID of its boxes."""
    from highdicom import sr

    seen = f"{len(lesion.frames)} frames from {lesion.frames[0] + 1} to {lesion.frames[-1] + 1}"
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=tracking_uid(instance, lesion.frame, lesion.number), identifier=f"finding {lesion.number}, on {seen}"
        ),
        finding_type=codes.concept(codes.MASS),
        algorithm_id=_algorithm(instance),
        finding_sites=_site(instance),
        measurements=[_percent(codes.PROBABILITY_OF_CANCER, lesion.probability)],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(codes.concept(codes.CALL), codes.concept(codes.CALLS[lesion.label]))
        ],
        source_images=[_source_image(instance, lesion.frame)],
    )


def _source_image(instance: Instance, frame: int) -> Any:
    from highdicom import sr

    return sr.SourceImageForMeasurementGroup(
        referenced_sop_class_uid=proxy_class(instance),
        referenced_sop_instance_uid=instance.reference.SOPInstanceUID,
        referenced_frame_numbers=instance.frame_numbers(frame),
    )


def outline(instance: Instance, finding: Finding) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``float64 [5, 2]``: the box's corners (column, row) in the whole stored image, the first one again at the end."""
    x0, y0, x1, y1 = instance.in_image(finding.box).corners
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], dtype=np.float64)


def tracking_name(instance: Instance, frame: int, number: int) -> str:
    """What people read: ``finding 2``, and in a loop ``finding 2 on frame 17``."""
    return f"finding {number} on frame {frame + 1}" if instance.is_multiframe else f"finding {number}"


def _measurements(finding: Finding) -> list[Any]:
    made = [
        _percent(codes.PROBABILITY_OF_CANCER, finding.probability),
        _percent(codes.CERTAINTY_OF_FINDING, finding.score),
    ]
    if finding.size_mm is not None:
        made += [
            _measured(name, value, codes.MILLIMETRE)
            for name, value in zip((codes.WIDTH, codes.HEIGHT), finding.size_mm, strict=True)
        ]
    return made


def _descriptors(found: Outline) -> list[Any]:
    """Axes, area and descriptors of the outline, each said to be measured on it; what is unknown is left out."""
    rows = [(*codes.DESCRIPTORS[name], value) for name, value in found.values.items() if not math.isnan(value)]
    if found.axes_mm is not None:
        axes = zip((codes.LONG_AXIS, codes.SHORT_AXIS), found.axes_mm, strict=True)
        rows = [(name, codes.MILLIMETRE, value) for name, value in axes] + rows
    return [_measured(name, value, unit, codes.ON_OUTLINE) for name, unit, value in rows]


def _percent(name: codes.Code, probability: float) -> Any:
    return _measured(name, 100.0 * probability, codes.PERCENT)


def _measured(name: codes.Code, value: float, unit: codes.Code, method: codes.Code | None = None) -> Any:
    from highdicom import sr

    return sr.Measurement(
        name=codes.concept(name),
        value=round(float(value), 4),
        unit=codes.concept(unit),
        method=None if method is None else codes.concept(method),
    )


def _evaluations(finding: Finding, found: Outline | None) -> list[Any]:
    from highdicom import sr

    rows = [(codes.CALL, codes.CALLS[finding.label])]
    orientation = codes.orientation(finding)
    if orientation is not None:
        rows.append((codes.ORIENTATION, orientation))
    rows += [] if found is None else found.words()
    return [sr.QualitativeEvaluation(codes.concept(name), codes.concept(value)) for name, value in rows]


def _site(instance: Instance) -> list[Any] | None:
    """Breast with its side, each where the source states it."""
    from highdicom import sr

    if not codes.is_breast(instance.reference):
        return None
    side = codes.laterality(instance.reference)
    return [
        sr.FindingSite(
            anatomic_location=codes.concept(codes.BREAST),
            laterality=None if side is None else codes.concept(codes.LATERALITIES[side]),
        )
    ]


def _algorithm(instance: Instance, *, outlined: bool = False) -> Any:
    """TID 4019: which weights spoke, at which thresholds, on which part of the image; how far descriptors' words are right."""
    from highdicom import sr

    point, region = instance.operating_point, instance.key.region
    parameters = [
        f"model sha256 {instance.model.sha256}",
        f"operating point {point.name}: detection {point.detection:.6g}, malignancy {point.malignancy:.6g}",
    ]
    if region is not None:
        parameters.append(
            f"ultrasound region x {region.x:g}, y {region.y:g}, width {region.width:g}, height {region.height:g}"
        )
    if outlined:
        parameters += [f"word by a rule, {line}" for line in agreement()]
    return sr.AlgorithmIdentification(
        name=instance.model.name[:64],
        version=f"usnet {usnet.__version__}, weights {instance.model.sha256[:12]}",
        parameters=parameters,
    )


def _point(instance: Instance) -> str:
    point = instance.operating_point
    return f"{float(point.detection)!r} {float(point.malignancy)!r}"
