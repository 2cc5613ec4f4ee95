"""Small studies for the tests: images with dark spots, a tiny model that reads them, and readers who answer at will."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.readers.answer import Answer
from usnet.readers.commit import Receipt, commit
from usnet.readers.enrolment import Invitation, Person, consent, enrol, invite
from usnet.readers.place import Place, frozen, open_place
from usnet.readers.protocol import Protocol
from usnet.readers.protocol_file import parse_protocol, template
from usnet.readers.start import start
from usnet.readers.view import View, view
from usnet.store.database import reading, writing
from usnet.values import Box, Nodule

YEARS = {"RP": 2.0, "AP": 7.0, "ACP": 12.0, "CP": 20.0, "expert": 30.0}


def protocol(**changes: Any) -> Protocol:
    """A small protocol: six benign and six malignant cases, two for training, one arm; ``changes`` by table."""
    document = parse_protocol(template()).model_dump(mode="json")
    document["study"] |= {"id": "small"}
    document["cases"] |= {"training": 2, "repeats": 0, "nodule_gap": 1, "repeat_gap": 4, "block": 4}
    for stratum in document["cases"]["strata"]:
        stratum["count"] = 6
    document["design"] = {"kind": "one-arm", "arms": ["unaided"]}
    document["ai"] = None
    document["panels"] = []
    for table, values in changes.items():
        document[table] = document[table] | values if isinstance(values, dict) and document[table] else values
    return Protocol.model_validate(document)


def crossover(**changes: Any) -> dict[str, Any]:
    """Changes for two arms."""
    return {"design": {"kind": "crossover", "arms": ["unaided", "aided"], "washout_days": 28} | changes}


def dataset(folder: Path, per_class: int = 7, views: int = 1) -> Dataset:
    """Grey images with one dark square each, very dark ones malignant; ``views`` images a patient."""
    (folder / "images").mkdir(parents=True)
    records = []
    for number in range(2 * per_class):
        malignant = number % 2 == 1
        name = f"{'malignant' if malignant else 'benign'}-{number:02d}.png"  # names tell: no reader may see them
        at = (52 + 8 * (number % 9) + 0.0, 60.0 + 8 * (number // 9))
        pixels = dark_spots([at], [10 if malignant else 100])
        pixels[0, number] = 255
        Image.fromarray(pixels).save(folder / "images" / name)
        label = "malignant" if malignant else "benign"
        nodule = Nodule(Box(at[0] - 24, at[1] - 24, 48, 48), label)  # type: ignore[arg-type]
        patient = f"P{number // 2 // views}{'M' if malignant else 'B'}"
        records.append(ImageRecord(number + 1, name, 256, 256, label, (nodule,), patient_id=patient))  # type: ignore[arg-type]
    made = Dataset(folder, "spots", tuple(records))
    save(made)
    return made


def begin(
    tmp: Path, rules: Protocol | None = None, *, ai: bool = False, database: str | None = None
) -> tuple[Place, str]:
    """A study that has started in ``tmp``."""
    rules = rules or protocol()
    if ai:
        bundle = tiny_bundle(tmp / "bundle")
        named = {"ai": {"bundle": str(bundle), "operating_point": "balanced"}}
        rules = Protocol.model_validate(rules.model_dump() | named)
    total = sum(s.count for s in rules.cases.strata) + rules.cases.training
    dataset(tmp / "cases", per_class=(total + 1) // 2)
    place = open_place(tmp / "data", database)
    start(place, rules, tmp / "cases")
    return place, rules.study.id


def readers(
    place: Place, study: str, levels: Sequence[str], panels: Sequence[str | None] | None = None
) -> list[Invitation]:
    """Enrolled readers of these levels."""
    people = [Person(panel=panel) for panel in (panels or [None] * len(levels))]
    made = invite(place, study, people, "tests")
    for number, (one, level) in enumerate(zip(made, levels, strict=True)):
        consent(place, study, one.number, "en")
        sex = "female" if number % 2 else "male"
        enrol(place, study, one.number, years=YEARS[level], sex=sex, age_band="35-39")  # type: ignore[arg-type]
    return made


def now(place: Place, study: str, number: int) -> View:
    """What a reader sees."""
    with reading(place.engine) as session:
        return view(session, place, frozen(place, study), number)


def answer(state: View, **changes: Any) -> Answer:
    """An answer to what is shown."""
    values: dict[str, Any] = {"period": state.period, "position": state.position, "step": state.step}
    values |= {"client_key": secrets.token_hex(16), "decision": "benign", "probability": 20, "touched": True}
    return Answer.model_validate(values | {"birads": "3", "active_s": 4.0} | changes)


def give(place: Place, study: str, number: int, given: Answer) -> Receipt:
    """Commit an answer."""
    with writing(place.engine) as session:
        return commit(session, place, frozen(place, study), number, given)


def read_all(place: Place, study: str, number: int, think: Callable[[View], dict[str, Any]], most: int = 10_000) -> int:
    """Answer until nothing is open (or ``most`` answers); how many."""
    done = 0
    while done < most and (state := now(place, study, number)).phase == "reading":
        give(place, study, number, answer(state, **think(state)))
        done += 1
    return done
