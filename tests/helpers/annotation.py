"""Small datasets and projects for the tests of annotating and browsing."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.web_client import PASSWORD, api, csrf, run_jobs
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.store.database import reading, writing
from usnet.values import Box, Nodule
from usnet.web import accounts
from usnet.web.annotate.tables import Image as ImageRow
from usnet.web.browse.places import spots
from usnet.web.roles import Role
from usnet.web.tables import Account
from usnet.web.workplace import Workplace

SIZE = (96, 72)


def dataset(root: Path, count: int = 4, *, name: str = "set", names: list[str] | None = None) -> Path:
    """``count`` images of noise, each another: malignant, benign, normal, unknown in turn."""
    rng = np.random.default_rng(count)
    records = []
    for i in range(count):
        file = names[i] if names else f"image-{i + 1:04d}.png"
        path = root / name / "images" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (SIZE[1], SIZE[0]), dtype=np.uint8)).save(path)
        label = ("malignant", "benign", "normal", None)[i % 4]
        pathology = label if label in ("malignant", "benign") else None
        nodules = (
            () if pathology is None else (Nodule(Box(10, 8, 30, 20.5), pathology, f"n{i}", "4A", "carcinoma", 7.5),)
        )
        records.append(
            ImageRecord(i + 1, file, *SIZE, label, nodules, patient_id=f"p{i // 2}", birads="4A" if nodules else None)
        )
    save(Dataset(root / name, name, tuple(records)))
    return root / name


def people(place: Workplace, **roles: Role) -> None:
    """Accounts by name, all with the same password, which is hashed once: that takes its time on purpose."""
    with writing(place.engine) as session:
        made = [accounts.create(session, name, PASSWORD, role) for name, role in list(roles.items())[:1]]
        for name, role in list(roles.items())[1:]:
            row = Account(
                id=name.lower().rjust(32, "0"), name=name, name_key=name.casefold(), password=made[0].password, role=role,
                disabled=False, created_at=0.0,
            )  # fmt: skip
            session.add(row)


def make(
    client: TestClient, place: Workplace, *, start: str = "given", name: str = "project", suggestions: bool = True
) -> str:
    """A project from the only dataset under the roots, read; its id."""
    spot = next(s for s in spots(place) if s.kind == "dataset")
    fields: dict[str, Any] = {"name": name, "spot": spot.id, "start": start, "csrf": csrf(client, "/annotate")}
    if suggestions:
        fields["suggestions"] = "true"
    answer = client.post("/annotate", data=fields)
    assert answer.status_code == 200, answer.text
    project = str(answer.url.path).rpartition("/")[2]
    run_jobs(place)
    return project


def image_ids(place: Workplace, project: str) -> list[str]:
    """Ids of the images in their order."""
    with reading(place.engine) as session:
        return list(session.scalars(select(ImageRow.id).where(ImageRow.project == project).order_by(ImageRow.position)))


def mark(
    box: tuple[float, ...] = (5, 6, 20, 15), pathology: str | None = "benign", birads: str | None = None
) -> dict[str, Any]:
    """A mark as the page sends it."""
    return {"box": list(box), "pathology": pathology, "birads": birads, "given": None}


def body(*marks: dict[str, Any], normal: bool = False, note: str = "") -> dict[str, Any]:
    """A body as the page sends it."""
    return {"marks": list(marks), "normal": normal, "birads": None, "note": note}


def put(
    client: TestClient,
    project: str,
    image: str,
    said: dict[str, Any],
    *,
    version: int = 0,
    finished: bool = True,
    key: str | None = None,
    after: str | None = None,
    whose: str = "me",
) -> Any:
    """Save a reading as the page does."""
    sent = {"key": key or str(uuid.uuid4()), "version": version, "finished": finished, "body": said, "after": after}
    if "x-csrf-token" not in client.headers:
        client.headers["x-csrf-token"] = api(client)["x-csrf-token"]
    headers = {"accept": "application/json"}
    return client.put(f"/api/annotate/{project}/images/{image}?as={whose}", json=sent, headers=headers)
