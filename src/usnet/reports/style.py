"""Colours, words and number formats that every picture and page shares."""

from __future__ import annotations

from usnet.values import Diagnosis, Finding, Label

COLOURS: dict[Label, str] = {"malignant": "#FF7A33", "benign": "#56B4E9", "normal": "#B8C4CC"}
"""Vermillion, sky blue (after Okabe and Ito 2008, told apart in every form of colour blindness) and grey, light enough to stand
out on a B-mode image. Colour is never the only sign: malignant boxes are solid, benign ones dashed, and both carry text."""

RESEARCH_USE = "Research use only. Not a medical device. Not for diagnosis or treatment of patients."

UNCALIBRATED = " (uncalibrated)"


def percent(probability: float) -> str:
    """``83 %``; never a rounded 0 or 100, because no model is certain."""
    if probability < 0.01:
        return "< 1 %"
    if probability > 0.99:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def size_text(finding: Finding) -> str:
    """``12.3 x 8.1 mm`` (width x height), or pixels where the frame is uncalibrated."""
    if finding.size_mm is None:
        return f"{finding.box.width:.0f} x {finding.box.height:.0f} px{UNCALIBRATED}"
    return f"{finding.size_mm[0]:.1f} x {finding.size_mm[1]:.1f} mm"


def finding_text(number: int, finding: Finding) -> str:
    """One line about one finding; pixels are not called uncalibrated here, the picture says so once."""
    size = size_text(finding).removesuffix(UNCALIBRATED)
    return (
        f"{number}  {finding.label}, probability of malignancy {percent(finding.probability)}, "
        f"score {finding.score:.2f}, {size}"
    )


def counted(diagnosis: Diagnosis) -> str:
    """``no nodule found``, ``1 finding``, ``2 findings``."""
    count = len(diagnosis.findings)
    return "no nodule found" if count == 0 else "1 finding" if count == 1 else f"{count} findings"


def probabilities_text(diagnosis: Diagnosis) -> str:
    """The three probabilities in words."""
    return (
        f"malignant {percent(diagnosis.p_malignant)}, benign {percent(diagnosis.p_benign)}, "
        f"normal {percent(diagnosis.p_normal)}"
    )
