"""One answer as a page sends it, and whether it answers the protocol's questions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from usnet.readers.place import StudyError
from usnet.readers.protocol import BiRads, Questions

Seconds = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]
Pixel = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class AnswerRefused(StudyError):
    """An answer that cannot be taken; the message says why."""


class Mark(BaseModel):
    """A box in image pixels (x, y, width, height) with a confidence from 0 to 100."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    box: tuple[Pixel, Pixel, Annotated[float, Field(gt=0, le=100_000)], Annotated[float, Field(gt=0, le=100_000)]]
    confidence: Annotated[int, Field(ge=0, le=100)]


class Answer(BaseModel):
    """What a reader commits. ``touched`` says that the probability was set by hand; ``client_key`` is the page's own random key,
    the same at every retry. Times are seconds as the page measured them: reading, without a key or movement, and with the tab
    away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Annotated[int, Field(ge=0)]
    position: Annotated[int, Field(ge=0)]
    step: Annotated[int, Field(ge=0, le=1)]
    client_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
    decision: Literal["benign", "malignant"]
    probability: Annotated[int, Field(ge=0, le=100)] | None = None
    touched: bool = False
    birads: BiRads | None = None
    marks: Annotated[tuple[Mark, ...], Field(max_length=50)] = ()
    comment: Annotated[str, Field(max_length=2000)] = ""
    active_s: Seconds = 0.0
    idle_s: Seconds = 0.0
    away_s: Seconds = 0.0


def check(answer: Answer, questions: Questions, width: int, height: int) -> tuple[str, ...]:
    """Hints about an answer that is taken though it contradicts itself; they are logged.

    Raises
    ------
    AnswerRefused
        A question is not answered, or something was answered that was not asked.
    """
    if questions.probability and (answer.probability is None or not answer.touched):
        raise AnswerRefused("the probability has not been set", expected="0 to 100, set by hand")
    if questions.birads and answer.birads not in questions.birads:
        raise AnswerRefused(f"BI-RADS {answer.birads}", expected=f"one of {', '.join(questions.birads)}")
    asked = (questions.probability, bool(questions.birads), questions.boxes, questions.comment)
    given = (answer.probability is not None, answer.birads is not None, bool(answer.marks), bool(answer.comment))
    if any(has and not wants for has, wants in zip(given, asked, strict=True)):
        raise AnswerRefused("an answer to a question that the protocol does not ask")
    for mark in answer.marks:
        x, y, w, h = mark.box
        if x + w > width + 0.5 or y + h > height + 0.5:
            raise AnswerRefused(f"a mark at {mark.box} outside the image of {width} x {height}")
    return _hints(answer)


def _hints(answer: Answer) -> tuple[str, ...]:
    hints = []
    p, malignant = answer.probability, answer.decision == "malignant"
    if p is not None and ((malignant and p < 50) or (not malignant and p > 50)):
        hints.append(f"{answer.decision} at {p} %")
    if p is not None and ((answer.birads == "5" and p < 50) or (answer.birads in ("2", "3") and p > 50)):
        hints.append(f"BI-RADS {answer.birads} at {p} %")
    if answer.birads in ("2", "3") and malignant:
        hints.append(f"malignant at BI-RADS {answer.birads}")
    return tuple(hints)
