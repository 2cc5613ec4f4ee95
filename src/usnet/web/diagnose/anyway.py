"""What the gate refused, read all the same: a reader says that it is B-mode breast ultrasound, and that stays with the result.

See :mod:`usnet.diagnosis.gate`. The gate's complaint becomes a warning of the frame's diagnosis, and so goes into the page, the
report, the JSON and the DICOM objects; who asked is in the audit log.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from usnet.diagnosis.gate import OVERRULED, Gate, NoBreastUltrasound
from usnet.errors import DataError
from usnet.store import jobs
from usnet.store.jobs import Job
from usnet.values import Diagnosis, Frame
from usnet.web.guard import audit
from usnet.web.queueing import submit_job
from usnet.web.roles import User
from usnet.web.tables import Exam, View
from usnet.web.workplace import Workplace

ANYWAY = "diagnose-anyway"
REFUSED = "No opinion is given: "
"""Beginning of a view's reason where the gate is why."""


def complaint(gate: Gate | None, frame: Frame) -> str | None:
    """Why the gate refuses a frame; ``None`` where it does not."""
    try:
        if gate is not None:
            gate.check(frame)
    except NoBreastUltrasound as error:
        return error.message
    return None


def warned(diagnosis: Diagnosis, why: str | None) -> Diagnosis:
    """A diagnosis that says first what the gate had against its frame."""
    if why is None:
        return diagnosis
    said = f"{OVERRULED}{why}. It was read all the same, because a reader said that it is B-mode breast ultrasound"
    return replace(diagnosis, warnings=(said, *diagnosis.warnings))


def was_refused(view: View) -> bool:
    """Whether the gate kept a view, or the rest of a cine loop, from being read."""
    return (view.reason or "").startswith(REFUSED)


def was_overruled(diagnosis: Diagnosis) -> bool:
    """Whether a frame was read against the gate."""
    return any(warning.startswith(OVERRULED) for warning in diagnosis.warnings)


def ask(place: Workplace, session: Session, user: User, view: View) -> Job:
    """Queue the reading of a refused view within the caller's transaction; asking twice gives the same job.

    Raises
    ------
    DataError
        The gate has nothing against it.
    QueueFull
        Too many jobs wait.
    """
    key = f"{view.exam}:{view.id}"
    if not was_refused(view):
        raise DataError("this view was not refused", hint="Only what the gate refused can be read all the same")
    job = submit_job(session, place, ANYWAY, key, {"exam": view.exam, "view": view.id})
    if job.state in ("dead", "done"):
        jobs.revive(session, ANYWAY, key, most_attempts=3)
    exam = session.get(Exam, view.exam)
    if exam is not None and exam.state not in ("queued", "running"):
        exam.state, exam.reason = "queued", None
        audit(session, place, user, "gate overruled", exam=view.exam, view=view.id)
    return job
