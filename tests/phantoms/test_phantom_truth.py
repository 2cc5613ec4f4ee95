"""Boxes, masks, labels, sizes and what lies behind nodules."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.errors import ConfigError
from usnet.phantoms import Phantom, simulate
from usnet.phantoms.cases import Case, draw_case
from usnet.phantoms.kinds import KINDS, SIZES_MM, draw_kind
from usnet.phantoms.lesions import draw_lesion, draw_size, outline
from usnet.phantoms.scanners import SCANNERS
from usnet.phantoms.simulate import lesion_mask, render
from usnet.values import LABELS, PATHOLOGIES, Pathology


@lru_cache(maxsize=64)
def sample(seed: int, label: str | None = None) -> Phantom:
    return simulate(seed, label=label, size=(128, 128))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = simulate(7), simulate(7)
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert np.array_equal(first.mask, second.mask)
    assert first.nodules == second.nodules
    assert simulate(8).pixels.tobytes() != first.pixels.tobytes()


@pytest.mark.parametrize("scanner", [s.name for s in SCANNERS])
@pytest.mark.parametrize("label", LABELS)
def test_every_scanner_and_label(scanner: str, label: str) -> None:
    phantom = simulate(3, label=label, scanner=scanner, size=None)  # type: ignore[arg-type]
    frame = next(s.frame for s in SCANNERS if s.name == scanner)
    assert phantom.pixels.shape == phantom.mask.shape == frame
    assert phantom.pixels.dtype == np.uint8
    assert phantom.mask.dtype == np.bool_
    assert (phantom.label, phantom.scanner) == (label, scanner)
    assert bool(phantom.nodules) == (label != "normal") == bool(phantom.mask.any())
    assert phantom.pixels.std() > 15
    assert 25 < phantom.pixels[phantom.pixels.shape[0] // 8 :].mean() < 170


@pytest.mark.parametrize("seed", range(12))
def test_the_box_is_the_extent_of_the_mask(seed: int) -> None:
    phantom = sample(seed, PATHOLOGIES[seed % 2])
    covered = np.zeros_like(phantom.mask)
    for nodule in phantom.nodules:
        x0, y0, x1, y1 = (int(v) for v in nodule.box.corners)
        part = phantom.mask[y0:y1, x0:x1]
        assert part[0].any()
        assert part[-1].any()
        assert part[:, 0].any()
        assert part[:, -1].any()
        covered[y0:y1, x0:x1] = True
        assert nodule.pathology == phantom.label
    assert not phantom.mask[~covered].any()


def test_normal_says_so() -> None:
    for seed in range(6):
        phantom = sample(seed, "normal")
        assert (phantom.label, phantom.nodules) == ("normal", ())
        assert not phantom.mask.any()


def test_spacing_size_and_box_agree() -> None:
    """The box in mm is the lesion's extent to a pixel on each side, where the nodule lies inside the field."""
    for seed in range(20):
        case = draw_case(np.random.default_rng(seed), PATHOLOGIES[seed % 2], None, (200, 240))
        lesion, geometry = case.lesions[0], case.geometry
        assert geometry.depth_mm == pytest.approx(case.depth_mm, abs=1e-3)
        rows, columns = np.nonzero(lesion_mask(lesion, geometry))
        height = (np.ptp(rows) + 1) * geometry.spacing_mm[0]
        width = (np.ptp(columns) + 1) * geometry.spacing_mm[1]
        assert height == pytest.approx(lesion.height, abs=2.5 * geometry.spacing_mm[0])
        if abs(lesion.x) + lesion.width / 2 < 0.45 * geometry.width_mm / (1 + case.scanner.widening):
            assert width == pytest.approx(lesion.width, abs=2.5 * geometry.spacing_mm[1])
        assert SIZES_MM[0] - 1e-6 <= lesion.diameter_mm <= SIZES_MM[1] + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(KINDS))
def test_an_outline_has_exactly_its_extent(seed: int, kind) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    lesion = draw_lesion(rng, kind, draw_size(rng, kind), 3.0, 12.0)
    points = outline(lesion)
    assert np.ptp(points, axis=0) == pytest.approx([lesion.width, lesion.height])
    assert (points.max(axis=0) + points.min(axis=0)) / 2 == pytest.approx([3.0, 12.0])


def ratios(pathology: Pathology) -> np.ndarray:
    rng = np.random.default_rng(5)
    sizes = np.array([draw_size(rng, draw_kind(rng, pathology)) for _ in range(2000)])
    return np.asarray(sizes[:, 1] / sizes[:, 0])


def test_malignant_nodules_are_taller_but_the_classes_overlap() -> None:
    benign, malignant = ratios("benign"), ratios("malignant")
    assert np.mean(malignant > 1) > 0.2
    assert 0.01 < np.mean(benign > 1) < 0.1
    assert np.median(malignant) > np.median(benign) + 0.15
    assert np.quantile(benign, 0.9) > np.quantile(malignant, 0.3)


def case_of(kind: str, seed: int) -> Case:
    """An examination with one nodule of the given histology, in the middle of the field, without second nodule or rib."""
    pathology = next(k.pathology for k in KINDS if k.name == kind)
    for attempt in range(200):
        rng = np.random.default_rng((seed, attempt))
        case = draw_case(rng, pathology, "L10-general", (160, 160))
        lesion = case.lesions[0]
        if lesion.kind.name == kind and 8 < lesion.diameter_mm < 18:
            still = replace(case.scanner, text=0.0, calipers=0.0)
            return replace(case, scanner=still, lesions=(lesion,), breast=replace(case.breast, rib_mm=None))
    raise LookupError(kind)


def behind(kind: str, seed: int) -> float:
    """Mean grey level behind the nodule, minus that of the same breast without it."""
    case = case_of(kind, seed)
    with_nodule, without = render(case, seed), render(replace(case, lesions=()), seed)
    box = with_nodule.nodules[0].box
    bottom = int(box.y + box.height)
    rows = slice(bottom + 4, bottom + 24)
    columns = slice(int(box.x + 0.3 * box.width), int(box.x + 0.7 * box.width))
    return float(with_nodule.pixels[rows, columns].mean() - without.pixels[rows, columns].mean())


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("cyst", 12, 90),
        ("fibroadenoma", 3, 60),
        ("invasive ductal carcinoma", -90, -5),
        ("invasive lobular carcinoma", -90, -8),
    ],
)
def test_shadow_and_enhancement_behind_nodules(kind: str, low: float, high: float) -> None:
    assert low < np.mean([behind(kind, seed) for seed in range(8)]) < high


def test_nodules_are_darker_than_what_they_replace() -> None:
    differences = []
    for seed in range(8):
        case = case_of("invasive ductal carcinoma", seed)
        nodule, plain = render(case, seed), render(replace(case, lesions=()), seed)
        differences.append(nodule.pixels[nodule.mask].mean() - plain.pixels[nodule.mask].mean())
    assert np.mean(differences) < -15


def test_layers_and_texture_do_not_change_where_the_nodule_is_not() -> None:
    case = case_of("cyst", 1)
    nodule, plain = render(case, 1), render(replace(case, lesions=()), 1)
    above = slice(0, int(nodule.nodules[0].box.y) - 12)
    assert np.array_equal(nodule.pixels[above], plain.pixels[above])


def test_annotation_is_flagged_and_can_be_switched_off() -> None:
    chatty = replace(SCANNERS[0], text=1.0, calipers=1.0)
    quiet = replace(SCANNERS[0], text=0.0, calipers=0.0)
    marked, clean = (simulate(4, label="normal", scanner=s) for s in (chatty, quiet))
    assert marked.flags == {"text", "calipers"}
    assert clean.flags == frozenset()
    assert not np.array_equal(marked.pixels, clean.pixels)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 0, "label": "benin"}, "benign"),
        ({"seed": 0, "scanner": "L0"}, "L12-smooth"),
        ({"seed": 0, "size": (32, 256)}, "64"),
    ],
)
def test_impossible_requests(arguments: dict, named: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=named):
        simulate(**arguments)
