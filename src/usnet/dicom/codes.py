"""The codes that results use, each with its home in PS3.16; own ones only where DICOM has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from usnet.values import Finding

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept
    from pydicom.dataset import Dataset

PRIVATE_SCHEME = "99USNET"

Code = tuple[str, str, str]
"""Value, scheme, meaning."""

MASS: Code = ("4147007", "SCT", "Mass")
BREAST: Code = ("76752008", "SCT", "Breast")
LATERALITIES: dict[str, Code] = {"L": ("7771000", "SCT", "Left"), "R": ("24028007", "SCT", "Right")}
ULTRASONOGRAPHY_OF_BREAST: Code = ("47079000", "SCT", "Ultrasonography of breast")  # CID 6050
ULTRASONOGRAPHY: Code = ("16310003", "SCT", "Diagnostic ultrasonography")  # CID 6028
BOUNDED_BY: Code = ("75958009", "SCT", "Bounded by")  # CID 219: a box around it, not its outline

PROBABILITY_OF_CANCER: Code = ("111047", "DCM", "Probability of cancer")  # CID 6048
CERTAINTY_OF_FINDING: Code = ("111012", "DCM", "Certainty of Finding")
WIDTH: Code = ("103355008", "SCT", "Width")  # CID 7470
HEIGHT: Code = ("121207", "DCM", "Height")
ORIENTATION: Code = ("111354", "DCM", "Orientation")
PARALLEL: Code = ("111355", "DCM", "Parallel")  # CID 6152: wider than tall
NOT_PARALLEL: Code = ("111356", "DCM", "Not parallel")
SUMMARY: Code = ("111017", "DCM", "CAD Processing and Findings Summary")
SUMMARIES: dict[tuple[bool, bool], Code] = {  # CID 6047, by (read to the end, with findings)
    (True, True): ("111242", "DCM", "All algorithms succeeded; with findings"),
    (True, False): ("111241", "DCM", "All algorithms succeeded; without findings"),
    (False, True): ("111244", "DCM", "Not all algorithms succeeded; with findings"),
    (False, False): ("111243", "DCM", "Not all algorithms succeeded; without findings"),
}
LONG_AXIS: Code = ("103339001", "SCT", "Long axis")  # CID 7470
SHORT_AXIS: Code = ("103340004", "SCT", "Short axis")
AREA: Code = ("42798000", "SCT", "Area")  # CID 7469
ON_OUTLINE: Code = ("on-outline", PRIVATE_SCHEME, "On the outline that was found in the box")
PERCENT: Code = ("%", "UCUM", "Percent")
MILLIMETRE: Code = ("mm", "UCUM", "mm")
SQUARE_MILLIMETRE: Code = ("mm2", "UCUM", "mm2")
DEGREE: Code = ("deg", "UCUM", "deg")
RATIO: Code = ("1", "UCUM", "no units")

CALL: Code = ("call", PRIVATE_SCHEME, "Call at the operating point")
CALLS: dict[str, Code] = {
    "benign": ("benign", PRIVATE_SCHEME, "Called benign"),
    "malignant": ("malignant", PRIVATE_SCHEME, "Called malignant"),
    "normal": ("normal", PRIVATE_SCHEME, "Called normal"),
}

_SHAPE: Code = ("300842002", "SCT", "Shape")
_MARGINS: Code = ("111037", "DCM", "Margins")
_ECHO_PATTERN: Code = ("111360", "DCM", "Echo pattern")
_POSTERIOR: Code = ("111366", "DCM", "Posterior acoustic features")
WORDS: dict[
    tuple[str, str], tuple[Code, Code]
] = {  # CID 6004 to 6007, 6154, 6155; own where one rule joins several words
    ("shape", "oval or round"): (_SHAPE, ("oval-or-round", PRIVATE_SCHEME, "Oval or round")),
    ("shape", "irregular"): (_SHAPE, ("49608001", "SCT", "Irregular")),
    ("margin", "circumscribed"): (_MARGINS, ("129738007", "SCT", "Circumscribed lesion")),
    ("margin", "not circumscribed"): (_MARGINS, ("not-circumscr", PRIVATE_SCHEME, "Not circumscribed")),
    ("spiculated or angular margin", "yes"): (_MARGINS, ("spic-or-angular", PRIVATE_SCHEME, "Spiculated or angular")),
    ("anechoic echo", "yes"): (_ECHO_PATTERN, ("111361", "DCM", "Anechoic")),
    ("posterior features", "none"): (_POSTERIOR, ("111367", "DCM", "No posterior acoustic features")),
    ("posterior features", "enhancement"): (_POSTERIOR, ("111368", "DCM", "Posterior enhancement")),
    ("posterior features", "shadowing"): (_POSTERIOR, ("111369", "DCM", "Posterior shadowing")),
}
"""(Concept, value) of a descriptor's word, by the term and word of its rule (:mod:`usnet.descriptors.rules`)."""
_OWN_RATIOS = {
    "height_to_width": "Height over width",
    "elongation": "Short over long axis",
    "irregularity": "Distance of the outline from its ellipse",
    "compactness": "4 pi area over squared perimeter",
    "solidity": "Area over area of the convex hull",
    "convexity": "Perimeter of the convex hull over perimeter",
    "margin_contrast": "Contrast at the margin",
    "lobulation": "Slow waves of the outline",
    "lobes": "Dents between lobes",
    "spiculation": "Quick waves of the outline",
    "echo_to_fat": "Log2 of grey inside over grey beside",
    "heterogeneity": "Deviation over mean of grey inside",
    "darkest_share": "Share of black inside",
    "brightest_share": "Share of far brighter spots inside",
    "halo": "Log2 of grey at the rim over grey outside",
    "posterior": "Log2 of grey below over grey beside",
}
DESCRIPTORS: dict[str, tuple[Code, Code]] = {
    name: ((name.replace("_", "-"), PRIVATE_SCHEME, meaning), RATIO) for name, meaning in _OWN_RATIOS.items()
} | {
    "margin_indistinct": (("margin-unseen", PRIVATE_SCHEME, "Share of the margin that cannot be seen"), RATIO),
    "orientation": (("long-axis-angle", PRIVATE_SCHEME, "Angle of the long axis to the skin"), DEGREE),
    "area_mm2": (AREA, SQUARE_MILLIMETRE),
}
"""Name and unit of a number measured on an outline, by its name in :data:`usnet.descriptors.DESCRIPTORS`."""

ABNORMAL_STRUCTURE: Code = ("49755003", "SCT", "Morphologically Abnormal Structure")  # CID 7150
EDGE_DETECTION: Code = ("123103", "DCM", "Edge Detection")  # CID 7162
SPATIAL_CONCEPT: Code = ("309825002", "SCT", "Spatial and Relational Concept")  # CID 7150
BOUNDING_REGION: Code = ("bounding-region", PRIVATE_SCHEME, "Bounding region of a finding, not its outline")
ARTIFICIAL_INTELLIGENCE: Code = ("123110", "DCM", "Artificial Intelligence")  # CID 7162
ACQUISITION_EQUIPMENT: Code = ("109101", "DCM", "Acquisition Equipment")  # CID 7005
OF_INTEREST: Code = ("113000", "DCM", "Of Interest")  # CID 7010
SOURCE_IMAGE: Code = ("121322", "DCM", "Source image for image processing operation")  # CID 7202
COMMENT: Code = ("121106", "DCM", "Comment")
REPORT_TITLE: Code = ("126000", "DCM", "Imaging Measurement Report")  # CID 7021


def concept(code: Code) -> CodedConcept:
    """A code as highdicom takes it."""
    from highdicom.sr import CodedConcept

    value, scheme, meaning = code
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


def code_item(code: Code) -> Dataset:
    """A code as an item of a code sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def orientation(finding: Finding) -> Code | None:
    """Parallel to the skin where the box is wider than tall in millimetres; ``None`` where the frame is uncalibrated."""
    if finding.size_mm is None:
        return None
    width, height = finding.size_mm
    return PARALLEL if width > height else NOT_PARALLEL


def is_breast(header: Dataset) -> bool:
    """Whether the source says that it shows a breast. The model was made for nothing else, but a result must not claim it."""
    return str(header.get("BodyPartExamined", "")) == "BREAST"


def laterality(header: Dataset) -> str | None:
    """``L`` or ``R`` where the source says so."""
    side = str(header.get("ImageLaterality", "") or header.get("Laterality", ""))
    return side if side in LATERALITIES else None
