"""What workers do for the dataset and run browser: the check with its pictures, and the failures of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usnet.datasets.describe import describe
from usnet.datasets.records import Dataset, load
from usnet.errors import UnreadableImage, UsnetError
from usnet.images import read
from usnet.reports.comparison_runs import read_run
from usnet.store.blobs import Blobs
from usnet.store.jobs import Job
from usnet.store.worker import Refused
from usnet.web.browse.failures import failures
from usnet.web.browse.pictures import jpeg
from usnet.web.browse.places import Spot, inside, safe_file, spot_of
from usnet.web.workplace import Workplace

if TYPE_CHECKING:
    from usnet.datasets.check import CheckReport

Handler = Callable[[Job], dict[str, Any] | None]
CHECK, FAILURES = "browse-check", "browse-failures"
PICTURE = (360, 270)
MOST_PICTURES = 600


def handlers(place: Workplace, alive: Callable[[], None]) -> dict[str, Handler]:
    """Job kinds of this room."""
    return {
        CHECK: lambda job: _done(place, job, lambda spot: check(place, spot, alive)),
        FAILURES: lambda job: _done(place, job, lambda spot: rank(place, spot, alive)),
    }


def files_of(place: Workplace) -> Blobs:
    """Results and their pictures."""
    return Blobs(place.settings.data / "browse")


def _done(place: Workplace, job: Job, work: Callable[[Spot], dict[str, Any]]) -> dict[str, Any]:
    """Do the work and keep its result as a file, whose name is the job's result."""
    spot = spot_of(place, job.payload["spot"])
    if spot is None:
        raise Refused("it is no longer there")
    try:
        found = work(spot)
    except UsnetError as error:
        raise Refused(error.message) from error
    return {"file": files_of(place).put([json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")])}


def check(place: Workplace, spot: Spot, alive: Callable[[], None]) -> dict[str, Any]:
    """The check report of a dataset, its description, and pictures of what has a problem."""
    from usnet.datasets.check import check_dataset  # it loads scipy, which the server has no use for

    report = check_dataset(spot.folder, jobs=1, progress=lambda _done, _all: alive())
    try:
        dataset = load(spot.folder)
    except UsnetError:
        dataset = None  # rows that cannot be read are problems of the report; there is nothing to describe then
    return {
        "report": report.to_json(),
        "described": None if dataset is None else describe(dataset).as_json(),
        "pictures": {} if dataset is None else _pictures(place, dataset, _shown(report), alive),
        "records": {} if dataset is None else _boxes(dataset, set(_shown(report))),
    }


def _shown(report: CheckReport) -> list[str]:
    """Files to show, pairs first: those are looked at side by side."""
    pairs = [name for p in report.problems if p.other for name in (p.file, p.other) if name]
    alone = [p.file for p in report.problems if p.file and not p.other]
    return list(dict.fromkeys([*pairs, *alone]))[:MOST_PICTURES]


def _pictures(
    place: Workplace, dataset: Dataset, names: Iterable[str], alive: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    known = {record.file_name for record in dataset.records}
    found = {}
    for name in names:
        alive()
        if name in known:
            try:
                picture = picture_of(place, safe_file(dataset.root / "images", name))
            except UsnetError:
                continue
            if picture is not None:
                found[name] = picture
    return found


def _boxes(dataset: Dataset, names: set[str]) -> dict[str, Any]:
    return {
        r.file_name: {"label": r.label, "split": r.split, "patient": r.patient_id, "nodules": _nodules(r.nodules)}
        for r in dataset.records
        if r.file_name in names
    }


def _nodules(nodules: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"box": n.box.as_list(), "pathology": n.pathology} for n in nodules]


def picture_of(place: Workplace, path: Path) -> dict[str, Any] | None:
    """A small picture of an image file under the roots: its file, and the frame's own size."""
    if not inside(place, path):
        return None
    try:
        frame = read(path, name="the file")
    except UnreadableImage:
        return None
    return {"file": files_of(place).put([jpeg(frame, PICTURE)]), "width": frame.width, "height": frame.height}


def rank(place: Workplace, spot: Spot, alive: Callable[[], None]) -> dict[str, Any]:
    """What an evaluation got wrong, the worst first, with pictures where the images lie under a root."""
    rows = failures(read_run(spot.folder))
    for row in rows[:MOST_PICTURES]:
        alive()
        row["picture"] = picture_of(place, Path(row.pop("source")))
    for row in rows:
        row.pop("source", None)
    return {"rows": rows}
