"""Write ``reference_scores.json`` into a bundle: where the probabilities of its validation folds' known nodules lie.

The workplace shows a finding among them. Run it on the data that the bundle was trained with (their fingerprints are checked)::

    python benchmarks/reference_scores.py src/usnet/bundles/shipped/usnet-fast --data busbra --data busi --data breast

Only probabilities are written, no image and no name. A nodule counts with the candidate box that overlaps it most, if its IoU is at
least 0.5; nodules that the model missed have no probability and are counted in ``origin``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from usnet.bundles import load
from usnet.datasets import records
from usnet.diagnosis import Diagnoser
from usnet.values import PATHOLOGIES, Diagnosis, Nodule

SAME = 0.5


def main() -> None:
    """Diagnose the validation split and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--split", default="val", choices=("val", "test"))
    arguments = parser.parse_args()
    bundle = load(arguments.bundle)
    known = bundle.manifest.training.get("data", {}).get("fingerprints", {})
    diagnoser = Diagnoser(bundle)
    found: dict[str, list[float]] = {name: [] for name in PATHOLOGIES}
    names, missed = [], 0
    for folder in arguments.data:
        dataset = records.load(folder)
        if known.get(dataset.name) != dataset.fingerprint():
            parser.error(f"{folder}: not the data (or not the split) that this bundle was trained with")
        names.append(dataset.name)
        for record in dataset.select(arguments.split).records:
            if any(nodule.pathology for nodule in record.nodules):
                missed += _count(diagnoser.diagnose(dataset.path(record)), record.nodules, found)
    counts = ", ".join(f"{len(values)} {name}" for name, values in found.items())
    document = {
        "model_sha256": bundle.identity.sha256,
        "origin": f"{arguments.split} split of {', '.join(names)}: {counts} nodules; {missed} were missed",
        **{name: sorted(round(value, 4) for value in values) for name, values in found.items()},
    }
    (arguments.bundle / "reference_scores.json").write_text(json.dumps(document) + "\n", encoding="ascii")
    print(document["origin"])


def _count(diagnosis: Diagnosis, nodules: tuple[Nodule, ...], found: dict[str, list[float]]) -> int:
    """Add each known nodule's probability; returns how many were missed."""
    missed = 0
    for nodule in nodules:
        best = max(diagnosis.candidates, key=lambda c: c.box.iou(nodule.box), default=None)
        if nodule.pathology is None:
            continue
        if best is None or best.box.iou(nodule.box) < SAME:
            missed += 1
        else:
            found[nodule.pathology].append(best.probability)
    return missed


if __name__ == "__main__":
    main()
