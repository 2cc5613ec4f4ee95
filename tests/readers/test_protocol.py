"""The protocol: what it refuses, and that it is frozen by its content."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_studies import protocol

from usnet.readers.levels import level_of
from usnet.readers.protocol_file import ProtocolError, parse_protocol, read_protocol, template


def test_the_template_is_a_protocol_and_its_hash_ignores_comments_and_layout() -> None:
    plain = "\n".join(line.split(" #")[0] for line in template().splitlines() if not line.startswith("#"))
    assert parse_protocol(template()).sha256() == parse_protocol(plain).sha256()
    assert (
        parse_protocol(template().replace("seed = 20260101", "seed = 2")).sha256()
        != parse_protocol(template()).sha256()
    )


BAD = [
    ("to_years = 10\n", "to_years = 11\n", "levels overlap: AP [5, 11) years and ACP [10, 15) years"),
    ("to_years = 10\n", "to_years = 9\n", "no level for 9 to 10 years"),
    ("from_years = 0", "from_years = 1", "the first level begins at 1 years"),
    ("from_years = 25\n", "from_years = 25\nto_years = 40\n", "the last level ends at 40 years"),
    ("washout_days = 28", "washout_days = 0", "a washout of zero days in a crossover"),
    ('"crossover" ', '"one-arm"', "one-arm with 2 arms"),
    ('arms = ["unaided", "aided"]', 'arms = ["aided", "aided"]', "an arm is named twice"),
    ("repeats = 10", "repeats = 60", "60 repeats of 100 cases"),
    ('label = "malignant"', 'label = "benign"', "a study needs malignant cases"),
    ("block = 10", "blok = 10", "unknown key 'cases.blok' (did you mean 'block'?)"),
    ("count = 50\n\n[[cases", "coutn = 50\n\n[[cases", "unknown key 'cases.strata.1.coutn' (did you mean 'count'?)"),
    ("members = 3\n\n[[", "members = 4\n\n[[", "may split evenly"),
    ('["2", "3", "4A", "4B", "4C", "5"]', '["2", "4C", "4A"]', "BI-RADS categories in their order"),
    ('id = "breast-2026"', 'id = "../etc"', "study.id"),
    ("[study]", "[study", "not TOML"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_a_protocol_that_cannot_be_carried_out_is_refused_with_the_reason(old: str, new: str, words: str) -> None:
    assert old in template()
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(template().replace(old, new, 1))
    assert words in str(caught.value)


def test_all_problems_come_at_once() -> None:
    text = template().replace("block = 10", "blok = 10").replace("washout_days = 28", "washout_days = 0")
    with pytest.raises(ProtocolError, match=r"blok.*washout of zero"):
        parse_protocol(text)


def test_an_aided_arm_needs_a_model() -> None:
    text = template()
    with pytest.raises(ProtocolError, match="names none"):
        parse_protocol(text[: text.index("[ai]")])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="cannot be opened"):
        read_protocol(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("years", "name"),
    [
        (0, "RP"),
        (4.99, "RP"),
        (5, "AP"),
        (9.5, "AP"),
        (10, "ACP"),
        (15, "CP"),
        (24.9, "CP"),
        (25, "expert"),
        (60, "expert"),
    ],
)
def test_a_reader_belongs_to_one_level(years: float, name: str) -> None:
    assert level_of(years, protocol().levels).name == name


def test_years_that_cannot_be() -> None:
    for years in (-1.0, float("nan"), 200.0):
        with pytest.raises(ValueError, match="years"):
            level_of(years, protocol().levels)
