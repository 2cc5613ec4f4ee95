"""Check a published table: read its printed figures from a TOML file and say what does not fit.

The format is that of the shipped example ``li2020`` (``statistics/examples``); every section may be left out. The checks find
figures that contradict each other. They do not show that what fits is right.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from usnet.errors import ConfigError, DataError
from usnet.statistics.check_paper_classes import check_classes
from usnet.statistics.check_paper_groups import check_groups, check_p_values, check_same_rates, check_tables
from usnet.statistics.findings import Finding
from usnet.statistics.published_matrix import FIGURES

CHECKS: dict[str, Callable[[Any], Iterable[Finding]]] = {
    "per_class": check_classes,
    "two_by_two": check_tables,
    "group": check_groups,
    "p_value": check_p_values,
    "same_rate": check_same_rates,
}
_NEEDS = {
    "two_by_two": ("name", "tp", "fp", "fn", "tn"),
    "group": ("name", "n", "plus_minus", "low", "high"),
    "p_value": ("name", "p", "sizes"),
    "same_rate": ("name", "first", "second"),
}
_RATES = (*FIGURES, "f1", "auc")


def examples() -> list[str]:
    """Names of the shipped papers."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def read_paper(source: str | Path) -> dict[str, Any]:
    """The figures of a TOML file, or of a shipped example by name; numbers keep their decimals.

    Raises
    ------
    DataError
        There is no such file or example, or it is not TOML.
    ConfigError
        A section or key is unknown or missing, or a value is no number or out of range.
    """
    if str(source) in examples():
        text = (_folder() / f"{source}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            hint = f"Shipped examples: {', '.join(examples())}"
            raise DataError(f"cannot be read ({why})", source=source, expected="a TOML file", hint=hint) from error
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML ({error})", source=source) from error
    _validate(document, source)
    return document


def check_paper(source: str | Path) -> list[Finding]:
    """All findings about the figures of a paper; see :func:`read_paper` for the errors."""
    document = read_paper(source)
    findings: list[Finding] = []
    for section, check in CHECKS.items():
        if section in document:
            try:
                findings += check(document[section])
            except ValueError as error:
                raise ConfigError(str(error), source=f"{source}, section {section}") from error
    return findings


def _folder() -> Any:
    return files("usnet.statistics") / "examples"


def _validate(document: dict[str, Any], source: str | Path) -> None:
    unknown = set(document) - set(CHECKS) - {"title", "doi"}
    if unknown:
        raise ConfigError(
            f"unknown section {sorted(unknown)[0]!r}", source=source, expected=f"one of {', '.join(CHECKS)}"
        )
    if not set(document) & set(CHECKS):
        raise ConfigError("nothing to check", source=source, expected=f"one of {', '.join(CHECKS)}")
    for section, keys in _NEEDS.items():
        entries = document.get(section, [])
        if not isinstance(entries, list):
            raise ConfigError(f"{section} is no list", source=source, expected=f"[[{section}]]")
        for number, entry in enumerate(entries, start=1):
            missing = [key for key in keys if key not in entry]
            if missing:
                raise ConfigError(f"{section} number {number} has no {missing[0]!r}", source=source)
            _numbers(entry, source, f"{section} number {number}")
    if "per_class" in document:
        _validate_classes(document["per_class"], source)


def _validate_classes(section: dict[str, Any], source: str | Path) -> None:
    figures = section.get("figures")
    if not isinstance(figures, dict) or not figures:
        raise ConfigError("per_class has no figures", source=source, expected="[per_class.figures.CLASS]")
    for name, rates in figures.items():
        _validate_rates(name, rates, source)
    for mix, counts in section.get("sizes", {}).items():
        for name, value in counts.items():
            if name not in figures or not isinstance(value, int) or value < 0:
                raise ConfigError(f"sizes of {mix!r}: {name} = {value!r}", source=source, expected="a count of a class")
    for claim in section.get("claim", []):
        if not {claim.get("positive"), claim.get("negative")} <= set(figures) or "specificity" not in claim:
            raise ConfigError("a claim needs positive, negative (classes) and specificity", source=source)


def _validate_rates(name: str, rates: dict[str, Any], source: str | Path) -> None:
    for key, value in rates.items():
        if key not in _RATES:
            raise ConfigError(f"{name}: unknown figure {key!r}", source=source, expected=f"one of {', '.join(_RATES)}")
        if not isinstance(value, Decimal | int) or not 0 <= value <= 100:
            raise ConfigError(f"{name}: {key} = {value!r}", source=source, expected="a per cent between 0 and 100")


def _numbers(entry: dict[str, Any], source: str | Path, where: str) -> None:
    """Everything but names must be a finite number, or pairs of whole ones."""
    for key, value in entry.items():
        if key in ("name", "called", "where"):
            continue
        if key in ("first", "second", "sizes"):
            pairs = value if key == "sizes" else [value]
            if not isinstance(pairs, list) or not all(_is_pair(p) for p in pairs) or not pairs:
                raise ConfigError(f"{where}: {key} = {value!r}", source=source, expected="pairs of whole numbers")
        elif isinstance(value, bool) or not isinstance(value, Decimal | int) or not Decimal(value).is_finite():
            raise ConfigError(f"{where}: {key} = {value!r}", source=source, expected="a number")


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) and v >= 0 for v in value)
