"""Simulated datasets on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.errors import ConfigError, DataError
from usnet.phantoms.scanners import Scanner
from usnet.phantoms.simulate import Phantom, check_request, render
from usnet.phantoms.subjects import VIEWS, Shares, Subject, case_of, image_seed, subject_of

Format = Literal["png", "dicom"]
Progress = Callable[[int, int], None]

SUFFIX: dict[Format, str] = {"png": ".png", "dicom": ".dcm"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a simulated dataset holds; image ``k`` follows from the plan and ``k`` alone.

    ``shares`` are those of benign, malignant and normal; ``scanner`` and ``size`` (rows, columns) as in
    :func:`~usnet.phantoms.simulate.simulate`, ``None`` for a mixture of scanners with their own frames. ``cine`` is the number of
    frames of an additional loop for every patient (0: none).
    """

    seed: int
    format: Format = "png"
    shares: Shares = (1, 1, 1)
    scanner: Scanner | str | None = None
    size: tuple[int, int] | None = None
    cine: int = 0

    def check(self) -> None:
        """Raise :class:`ConfigError` for a plan that cannot be carried out."""
        check_request(self.seed, None, self.size)
        if self.format not in get_args(Format):
            raise ConfigError(f"format {self.format!r}", expected="png or dicom")
        if len(self.shares) != 3 or min(self.shares) < 0 or not 0 < sum(self.shares) < float("inf"):
            raise ConfigError(f"shares {self.shares}", expected="three numbers of at least 0, one of them above 0")
        if self.cine and (self.cine < 2 or self.format != "dicom"):
            raise ConfigError(
                f"a cine loop of {self.cine} frames as {self.format}", expected="2 or more frames and dicom"
            )


def phantom_of(plan: Plan, image: int) -> tuple[Phantom, Subject, int]:
    """Image number ``image`` (0-based) of a plan, its patient and the patient's 0-based view."""
    subject, view = subject_of(plan.seed, image, plan.shares)
    case, birads = case_of(plan.seed, subject, view, plan.scanner, plan.size)
    phantom = render(case, image_seed(plan.seed, image))
    nodules = tuple(
        replace(nodule, birads=birads, nodule_id=f"{subject.patient_id}_{nodule.nodule_id}")
        for nodule in phantom.nodules
    )
    return replace(phantom, nodules=nodules), subject, view


def write_dataset(
    out: str | Path,
    count: int,
    seed: int,
    format: Format = "png",
    *,
    shares: Shares = (1, 1, 1),
    scanner: Scanner | str | None = None,
    size: tuple[int, int] | None = None,
    cine: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Simulate a dataset of ``count`` images into the folder ``out``: ``dataset.json``, ``images/`` and, if asked, ``cine/``.

    Patients have one to three views. ``format``, ``shares``, ``scanner``, ``size`` and ``cine`` are those of :class:`Plan`.
    ``jobs`` processes share the work (the bytes do not depend on it); with more than one, the calling script needs the usual ``if
    __name__ == "__main__"``. ``progress`` is called with (done, total).

    Raises
    ------
    ConfigError
        A number, label, scanner or format that cannot be simulated.
    DataError
        ``out`` already holds a dataset.
    """
    plan = Plan(seed, format, shares, scanner, size, cine)
    plan.check()
    if count < 1:
        raise ConfigError(f"count {count}", expected="1 or more")
    out = Path(out)
    if (out / "dataset.json").exists():
        raise DataError("holds a dataset already", source=out, hint="Choose another folder or delete it")
    (out / "images").mkdir(parents=True, exist_ok=True)
    tasks = [
        (plan, out, tuple(images)) for _, images in groupby(range(count), lambda k: subject_of(seed, k, shares)[0])
    ]
    records: list[ImageRecord] = []
    with _mapped(jobs, len(tasks)) as run:
        for written in run(_write_patient, tasks):
            records += written
            if progress:
                progress(len(records), count)
    info = {
        "description": "simulated breast ultrasound (usnet phantoms); not patients",
        "seed": seed,
        "shares": list(shares),
    }
    dataset = Dataset(out, f"phantoms-{seed}", tuple(records), info)
    save(dataset)
    return dataset


Task = tuple[Plan, Path, tuple[int, ...]]
Mapper = Callable[[Callable[[Task], list[ImageRecord]], list[Task]], Iterator[list[ImageRecord]]]


@contextmanager
def _mapped(jobs: int, tasks: int) -> Iterator[Mapper]:
    """``map`` in this process or over a pool; results keep the order of the tasks."""
    workers = min(jobs, tasks)
    if workers <= 1:
        yield map
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    chunk = max(1, min(8, tasks // (4 * workers)))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield lambda function, items: pool.map(function, items, chunksize=chunk)


def _write_patient(task: Task) -> list[ImageRecord]:
    plan, out, images = task
    records = [_write_image(plan, out, image) for image in images]
    if plan.cine:
        _write_cine(plan, out, images[0])
    return records


def _write_image(plan: Plan, out: Path, image: int) -> ImageRecord:
    phantom, subject, view = phantom_of(plan, image)
    name = f"phantom_{image + 1:06d}{SUFFIX[plan.format]}"
    path = out / "images" / name
    if plan.format == "png":
        from PIL import Image

        Image.fromarray(phantom.pixels).save(path, compress_level=4)
    else:
        from usnet.phantoms.dicom import Exam, write_image

        write_image(
            path, phantom, Exam(f"{plan.seed}-{subject.number}", subject.patient_id, subject.age, subject.sex, view + 1)
        )
    first = phantom.nodules[0] if phantom.nodules else None
    height, width = phantom.pixels.shape
    return ImageRecord(
        image_id=image + 1,
        file_name=name,
        width=width,
        height=height,
        label=phantom.label,
        nodules=phantom.nodules,
        patient_id=subject.patient_id,
        view=VIEWS[view],
        device=f"phantom {phantom.scanner}",
        center="simulated",
        age=subject.age,
        sex=subject.sex,
        birads=first.birads if first else "1",
        histology=first.histology if first else None,
        spacing_mm=phantom.spacing_mm,
        source_name=f"seed {plan.seed}, image {image}",
    )


def _write_cine(plan: Plan, out: Path, image: int) -> None:
    """One loop of the patient of ``image``, with the boxes of every frame beside it as JSON."""
    import json

    from usnet.phantoms.cine import FRAME_TIME_MS, sweep
    from usnet.phantoms.dicom import Exam, write_cine

    subject, _ = subject_of(plan.seed, image, plan.shares)
    case, _ = case_of(plan.seed, subject, 0, plan.scanner, plan.size)
    frames = list(
        sweep(case, int(np.random.SeedSequence((plan.seed, 17, subject.number)).generate_state(1)[0]), plan.cine)
    )
    folder = out / "cine"
    folder.mkdir(exist_ok=True)
    path = folder / f"{subject.patient_id}.dcm"
    exam = Exam(f"{plan.seed}-{subject.number}", subject.patient_id, subject.age, subject.sex)
    write_cine(path, frames, exam, FRAME_TIME_MS)
    truth = {
        "label": subject.label,
        "spacing_mm": list(frames[0].spacing_mm),
        "frames": [[nodule.box.as_list() for nodule in frame.nodules] for frame in frames],
    }
    path.with_suffix(".json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
