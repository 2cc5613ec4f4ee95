"""Speckle, attenuation, scan geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from usnet.phantoms.geometry import MARGIN_BEAMS, Geometry
from usnet.phantoms.physics import (
    Tissue,
    centre_frequency,
    decorrelated,
    draw_scatterers,
    envelope,
    loss_db,
    round_trip,
)
from usnet.phantoms.scanners import SCANNERS, Scanner, find_scanner

QUIET = replace(find_scanner("L7-coarse"), noise_db=-300)
GEOMETRY = Geometry(256, 256, (0.16, 0.16))


def uniform(geometry: Geometry, level_db: float = 0.0, specular: float = 0.0, loss: float = 0.0) -> Tissue:
    shape = (geometry.rows, geometry.beams)
    return Tissue(*(np.full(shape, value, dtype=np.float32) for value in (level_db, specular, loss)))


def speckle(scanner: Scanner, tissue: Tissue, seed: int = 0, geometry: Geometry = GEOMETRY) -> np.ndarray:
    scatterers = draw_scatterers(np.random.default_rng(seed), geometry, scanner.looks)
    echo = envelope(tissue, scatterers, geometry, scanner)
    return echo[20:-20, MARGIN_BEAMS:-MARGIN_BEAMS]


def test_fully_developed_speckle_is_rayleigh() -> None:
    """Mean over SD of a Rayleigh variable is sqrt(pi / (4 - pi)) = 1.913; its mean square is the power put in."""
    echo = speckle(QUIET, uniform(GEOMETRY))
    assert echo.mean() / echo.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.03)
    assert np.mean(echo**2) == pytest.approx(1.0, rel=0.03)
    share_below_median = np.mean(echo < np.sqrt(2 * np.log(2) / 2))
    assert share_below_median == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("looks", [2, 4])
def test_compounding_raises_the_speckle_ratio_by_the_root_of_the_looks(looks: int) -> None:
    echo = speckle(replace(QUIET, looks=looks), uniform(GEOMETRY))
    assert echo.mean() / echo.std() == pytest.approx(1.913 * np.sqrt(looks), rel=0.04)


def test_specular_reflectors_make_speckle_rician() -> None:
    echo = speckle(QUIET, uniform(GEOMETRY, specular=1.0))
    assert echo.mean() / echo.std() > 3


def test_speckle_widens_away_from_the_focus() -> None:
    scanner = replace(QUIET, focus=0.1, f_number=2.0)
    echo = speckle(scanner, uniform(GEOMETRY))

    def neighbours(part: np.ndarray) -> float:
        return float(np.corrcoef(part[:, 2:].ravel(), part[:, :-2].ravel())[0, 1])

    assert neighbours(echo[-150:]) > neighbours(echo[:100]) + 0.1


def test_noise_fills_what_attenuation_leaves() -> None:
    lossy = uniform(GEOMETRY, loss=1.0)
    quiet, noisy = (speckle(replace(QUIET, noise_db=level), lossy) for level in (-300.0, -15.0))
    assert 20 * np.log10(noisy[-40:].mean() / noisy[-200:-160].mean()) == pytest.approx(0, abs=1)
    assert 20 * np.log10(quiet[-40:].mean() / quiet[-200:-160].mean()) < -10


def test_echo_falls_as_attenuation_says() -> None:
    """Near the skin, before the spectrum slides: 2 x 0.5 dB/cm/MHz x 7.5 MHz x depth."""
    tissue = uniform(GEOMETRY, loss=0.5)
    exponent = round_trip(tissue.attenuation, GEOMETRY, QUIET)
    depth_cm = 4.0
    assert exponent[249, 100] == pytest.approx(2 * 0.5 * depth_cm, rel=0.01)
    little = np.array([[0.1]], dtype=np.float32)
    assert loss_db(little, QUIET)[0, 0] == pytest.approx(0.1 * QUIET.frequency_mhz, rel=0.02)


def test_broad_band_loss_grows_slower_than_the_centre_frequency_says() -> None:
    exponents = np.linspace(0, 12, 50, dtype=np.float32)
    loss = loss_db(exponents, QUIET)
    assert np.all(np.diff(loss) > 0)
    assert loss[-1] < 0.9 * exponents[-1] * QUIET.frequency_mhz
    # the slope of the loss is the centre frequency left, dB per dB/MHz
    assert np.diff(loss) / np.diff(exponents) == pytest.approx(
        (centre_frequency(exponents, QUIET)[1:] + centre_frequency(exponents, QUIET)[:-1]) / 2, rel=0.01
    )


def test_decorrelation_keeps_power() -> None:
    rng = np.random.default_rng(1)
    first = draw_scatterers(rng, GEOMETRY, 1)
    second = decorrelated(first, rng, GEOMETRY, 0.75)
    assert np.mean(np.abs(second) ** 2) == pytest.approx(1, rel=0.02)
    assert np.mean((first * second.conj()).real) == pytest.approx(0.75, abs=0.02)


def test_scan_conversion_keeps_straight_lines_straight() -> None:
    """What lies at one lateral position in mm lands in one column, in a trapezoid view too."""
    geometry = Geometry(128, 160, (0.3, 0.25), widening=0.4)
    ramp = geometry.to_screen(geometry.x)
    seen = geometry.in_view()
    expected = np.broadcast_to(geometry.screen_x, ramp.shape)
    assert ramp[seen] == pytest.approx(expected[seen], abs=1e-3)
    assert seen[-1].all()
    assert seen[0].mean() == pytest.approx(1 / 1.4, abs=0.02)


def test_a_rectangular_view_is_only_cropped() -> None:
    image = np.random.default_rng(0).random((256, GEOMETRY.beams)).astype(np.float32)
    assert np.array_equal(GEOMETRY.to_screen(image), image[:, MARGIN_BEAMS:-MARGIN_BEAMS])


def test_scanners_differ_in_name_and_look() -> None:
    assert len({s.name for s in SCANNERS}) == len(SCANNERS)
    assert len({s.frame for s in SCANNERS}) == len(SCANNERS)
    assert any(s.widening for s in SCANNERS)
    assert any(s.pixel_aspect != 1 for s in SCANNERS)
