"""What names a person in a file, and the search for it in everything that is left.

A name that a scanner copied into a model name or a code is found here, whatever the profile says about that attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from usnet.dicom.deidentify.profile import words

SHORTEST = 4
"""Letters: a shorter word is looked for as a whole word only, because it is part of many others."""

_WORD = re.compile(r"[^\W_]+")


class Identifiers:
    """The identifiers of one source file."""

    def __init__(self, names: Iterable[str]) -> None:
        found = {word.casefold() for word in names if len(word) > 1 and word.upper() not in words("structure")}
        found = {word for word in found if len(word) > 2 or not word.isdigit()}
        self._long = sorted(word for word in found if len(word) >= SHORTEST)
        self._short = frozenset(word for word in found if len(word) < SHORTEST)

    @classmethod
    def of(cls, dataset: Dataset) -> Identifiers:
        """Identifiers anywhere in ``dataset``."""
        found: list[str] = []
        for element in _elements(dataset):
            if element.VR == "PN" or element.keyword in words("named"):
                text = str(element.value)
                found += [text.strip(), *_WORD.findall(text), *re.split(r"[\s^=\\]+", text)]
            elif element.keyword in words("phrases"):
                found.append(str(element.value).strip())
        return cls(found)

    def inside(self, value: str | bytes) -> bool:
        """Whether a value holds an identifier, in any case of its letters."""
        if isinstance(value, bytes):
            texts = (value.decode("utf-8", "replace"), value.decode("latin-1"), value.decode("utf-16-le", "replace"))
            return any(word in text.casefold() for text in texts for word in self._long)
        text = value.casefold()
        if value.upper().strip() in words("structure"):
            return False
        if any(word in text for word in self._long):
            return True
        return not self._short.isdisjoint(_WORD.findall(text))


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    """Every readable element, those of sequences too, except pixels."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:  # a damaged value; the profile removes it
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element
