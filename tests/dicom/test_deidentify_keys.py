"""Pseudonyms, new UIDs and moved dates: the same stays the same, and intervals hold."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.dicom.deidentify.dates import capped_age, shifted
from usnet.dicom.deidentify.secret import LONGEST_SHIFT, Secret
from usnet.errors import ConfigError

KEY = Secret(b"k" * 32)


DAYS = st.dates(date(1900, 1, 1), date(2100, 1, 1))


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_same_patient_gets_the_same_pseudonym_and_others_get_others(a: str, b: str) -> None:
    assert KEY.pseudonym(a) == Secret(b"k" * 32).pseudonym(a)
    assert KEY.pseudonym(a) != Secret(b"l" * 32).pseudonym(a)
    assert (KEY.pseudonym(a) == KEY.pseudonym(b)) == (a == b)
    assert -LONGEST_SHIFT <= KEY.shift_days(a) <= -1


@given(st.text(max_size=60))
def test_uids_are_valid_and_stay_the_same(old: str) -> None:
    new = KEY.uid(old)
    assert new == KEY.uid(old)
    assert re.fullmatch(r"2\.25\.[1-9]\d*", new)
    assert len(new) <= 64


@given(DAYS, DAYS, st.integers(-LONGEST_SHIFT, -1))
def test_intervals_between_dates_stay(a: date, b: date, days: int) -> None:
    moved = [shifted(d.strftime("%Y%m%d"), "DA", days) for d in (a, b)]
    c, d = (date(int(m[:4]), int(m[4:6]), int(m[6:])) for m in moved if m)
    assert c - d == a - b
    assert c - a == timedelta(days=days)


@pytest.mark.parametrize(
    ("value", "vr", "expected"),
    [
        ("20210301", "DA", "20210228"),
        ("2021.03.01", "DA", "20210228"),
        ("20210301101500.25+0100", "DT", "20210228101500.25+0100"),
        ("101500.123", "TM", "101500.123"),
        ("CANARY", "DA", None),
        ("20211399", "DA", None),
        ("CANARY", "TM", None),
        ("2021", "DT", None),
    ],
)
def test_dates_move_and_what_is_no_date_goes(value: str, vr: str, expected: str | None) -> None:
    assert shifted(value, vr, -1) == expected


@pytest.mark.parametrize(
    ("age", "kept"), [("045Y", "045Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("ANNA", None)]
)
def test_high_ages_are_capped(age: str, kept: str | None) -> None:
    assert capped_age(age) == kept


def test_a_key_file_is_made_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = Secret.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Secret.load_or_create(path) == first
    assert first.key.hex() not in repr(first)
    path.write_text("short")
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        Secret.load_or_create(path)
