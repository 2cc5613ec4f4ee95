"""A :class:`~usnet.datasets.describe.Description` as the paragraph of a paper: plain text, or LaTeX with a table."""

from __future__ import annotations

from usnet.datasets.describe import Description, Part, Spread

_NOUN = {
    "female": ("woman", "women"),
    "male": ("man", "men"),
    "unknown": ("person of unknown sex", "people of unknown sex"),
}


def as_text(description: Description) -> str:
    """A paragraph a part: the whole dataset, then each split."""
    parts = [_paragraph(f"Dataset {description.name}", description.whole)]
    parts += [_paragraph(f"Split {part.name}", part) for part in description.splits]
    return "\n\n".join(parts) + "\n"


def as_latex(description: Description) -> str:
    """The paragraphs, then a booktabs table with a column a part."""
    columns = [description.whole, *description.splits]
    rows: list[tuple[str, list[str]]] = [
        ("Images", [str(p.images) for p in columns]),
        *(
            (f"\\quad {label}", [str(p.labels.get(label, 0)) for p in columns])
            for label in ("benign", "malignant", "normal", "unknown")
            if label in description.whole.labels
        ),
        ("Patients", [str(p.patients) if p.patients else "unknown" for p in columns]),
        ("Groups", [str(p.groups) for p in columns]),
        ("Nodules", [str(sum(p.nodules.values())) for p in columns]),
        ("Diameter, cm", [_plain(p.diameter_cm) for p in columns]),
    ]
    body = "\n".join(" & ".join([name, *map(_escape, cells)]) + r" \\" for name, cells in rows)
    head = " & ".join(["", *(_escape(p.name) for p in columns)]) + r" \\"
    table = f"\\begin{{tabular}}{{l{'r' * len(columns)}}}\n\\toprule\n{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}"
    return f"{_escape(as_text(description))}\n{table}\n"


def _paragraph(title: str, part: Part) -> str:
    sentences = [
        f"{title}: {_n(part.images, 'image')} ({_listing(part.labels)})",
        _people(part),
        _nodules(part),
        *(_known(name, counts) for name, counts in (("Centres", part.centers), ("Devices", part.devices))),
        _known("BI-RADS", part.birads),
    ]
    if part.excluded:
        sentences.append(f"{_n(part.excluded, 'image')} excluded from training and scoring")
    return ". ".join(s for s in sentences if s) + "."


def _people(part: Part) -> str:
    rest = part.images_without_patient
    if part.unit == "images":
        return f"The number of patients is unknown: {_who(part)}; {_n(part.groups, 'group')}"
    more = f"; {_n(rest, 'more image')} without patient id" if rest else ""
    return f"They show {_n(part.patients, 'patient')} in {_n(part.groups, 'group')}: {_who(part)}{more}"


def _who(part: Part) -> str:
    if set(part.sexes) == {"unknown"} and part.age["unknown"].known == 0:
        return "sex and age unknown"
    who = []
    for sex, count in part.sexes.items():
        noun = _NOUN[sex][count != 1] if part.unit == "patients" else f"images of {_NOUN[sex][1]}"
        who.append(f"{count} {noun} ({_age(part.age[sex], part.unit)})")
    return " and ".join(who)


def _age(spread: Spread, unit: str) -> str:
    if spread.known == 0:
        return "age unknown"
    text = f"age range, {spread.low:.0f}–{spread.high:.0f} years; mean, {_mean(spread)} years"
    return text if spread.known == spread.total else f"{text}; age known for {spread.known} of {spread.total} {unit}"


def _nodules(part: Part) -> str:
    total = sum(part.nodules.values())
    if not total:
        return "They show no nodules"
    text = f"They show {_n(total, 'nodule')} ({_listing(part.nodules)})"
    spread = part.diameter_cm
    if spread.known == 0:
        return f"{text}; their diameters are unknown"
    boxed = spread.known - part.diameter_measured
    origin = f", {boxed} of them from box and pixel spacing" if boxed else ""
    size = f"maximum diameters of {spread.low:.2f} to {spread.high:.2f} cm (mean, {_mean(spread)} cm)"
    return f"{text} with {size}, known for {spread.known} of {total}{origin}"


def _known(name: str, counts: dict[str, int]) -> str:
    if set(counts) <= {"unknown"}:
        return f"{name} unknown"
    each = [f"{key} ({_n(count, 'image')})" for key, count in counts.items()]
    return f"{name}: {'; '.join(each)}"


def _n(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listing(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _mean(spread: Spread) -> str:
    return f"{spread.mean:.2f}" if spread.sd is None else f"{spread.mean:.2f} ± {spread.sd:.2f}"


def _plain(spread: Spread) -> str:
    return f"{_mean(spread)} (n = {spread.known})" if spread.known else "unknown"


def _escape(text: str) -> str:
    for char in "&%$#_{}":
        text = text.replace(char, f"\\{char}")
    return text.replace("±", r"$\pm$").replace("–", "--")
