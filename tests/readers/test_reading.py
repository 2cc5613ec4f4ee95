"""Reading: locks, keys, steps, periods and what a reader is shown."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from reader_studies import answer, begin, crossover, dataset, give, now, protocol, read_all, readers
from sqlalchemy import func, select

from usnet.readers import organiser
from usnet.readers.answer import AnswerRefused
from usnet.readers.commit import Conflict
from usnet.readers.enrolment import Person, consent, enrol, find_reader, invite
from usnet.readers.place import StudyError
from usnet.readers.start import start
from usnet.readers.tables import AnswerRow, CaseRow, SlotRow
from usnet.store.database import reading


def plain(_state: Any) -> dict[str, Any]:
    return {}


def test_a_started_study_cannot_change(tmp_path: Path) -> None:
    place, study = begin(tmp_path)
    start(place, protocol(), tmp_path / "cases")  # the same again is no change
    with pytest.raises(StudyError, match=r"started with another protocol \(now different: questions\)"):
        start(place, protocol(questions={"comment": True}), tmp_path / "cases")
    other = dataset(tmp_path / "other", per_class=8)
    from dataclasses import replace

    from usnet.datasets.records import save

    save(other.with_records(replace(r, patient_id=f"X{r.image_id}") for r in other.records[:14]))
    with pytest.raises(StudyError, match="other cases"):
        start(place, protocol(), tmp_path / "other")
    with reading(place.engine) as session:
        assert session.scalar(select(func.count()).select_from(CaseRow)) == 14
    assert study == "small"


def test_codes_find_their_reader_however_they_are_typed(tmp_path: Path) -> None:
    place, study = begin(tmp_path)
    one, two = invite(place, study, [Person(), Person("B", "b@example.org", "zh")], "tests")
    assert one.code != two.code
    with reading(place.engine) as session:
        for typed in (one.code, one.code.lower(), one.code.replace("-", " ")):
            row = find_reader(session, place, typed)
            assert row is not None
            assert row.number == one.number
        assert find_reader(session, place, "AAAA-AAAA-AAAA-AAAA") is None
        assert find_reader(session, place, "") is None
        stored = session.connection().exec_driver_sql("select * from study_reader").all()
    assert one.code not in str(stored)


def test_consent_then_profile_then_reading(tmp_path: Path) -> None:
    place, study = begin(tmp_path)
    (one,) = invite(place, study, [Person()], "tests")
    assert now(place, study, one.number).phase == "consent"
    with pytest.raises(StudyError, match="not consented"):
        enrol(place, study, one.number, years=3, sex="female", age_band="30-34")
    consent(place, study, one.number, "zh")
    assert now(place, study, one.number).phase == "profile"
    with pytest.raises(ValueError, match="age"):
        enrol(place, study, one.number, years=3, sex="female", age_band="31")
    first = enrol(place, study, one.number, years=3, sex="female", age_band="30-34")
    again = enrol(place, study, one.number, years=30, sex="male", age_band="60-64")
    assert (first.level, again.level, again.sex) == ("RP", "RP", "female")
    state = now(place, study, one.number)
    assert (state.phase, state.use, state.position, state.total) == ("reading", "training", 0, 14)


BAD_ANSWERS = [
    ({"touched": False}, "has not been set"),
    ({"probability": None}, "has not been set"),
    ({"birads": None}, "BI-RADS None"),
    ({"comment": "hello"}, "does not ask"),
    ({"marks": [{"box": [1, 1, 5, 5], "confidence": 10}]}, "does not ask"),
    ({"position": 3}, "not open"),
    ({"period": 1}, "not open"),
    ({"step": 1}, "not open"),
]


@pytest.mark.parametrize(("changes", "words"), BAD_ANSWERS)
def test_answers_that_cannot_be_taken(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    place, study = begin(tmp_path)
    (one,) = readers(place, study, ["RP"])
    state = now(place, study, one.number)
    with pytest.raises(AnswerRefused, match=words):
        give(place, study, one.number, answer(state, **changes))
    assert now(place, study, one.number) == state


def test_marks_lie_in_the_image_and_have_a_confidence(tmp_path: Path) -> None:
    place, study = begin(tmp_path, protocol(questions={"boxes": True}))
    (one,) = readers(place, study, ["RP"])
    state = now(place, study, one.number)
    with pytest.raises(AnswerRefused, match="outside the image of 256 x 256"):
        give(place, study, one.number, answer(state, marks=[{"box": [250, 1, 10, 5], "confidence": 10}]))
    give(place, study, one.number, answer(state, marks=[{"box": [246, 1, 10, 5], "confidence": 10}]))


def test_an_answer_is_taken_once_and_is_final(tmp_path: Path) -> None:
    place, study = begin(tmp_path)
    (one,) = readers(place, study, ["RP"])
    state = now(place, study, one.number)
    given = answer(state)
    first = give(place, study, one.number, given)
    again = give(place, study, one.number, given)
    assert (first.again, again.again) == (False, True)
    assert first.entry == again.entry
    with pytest.raises(Conflict, match="final"):  # the second tab, with a key of its own
        give(place, study, one.number, answer(state, decision="malignant"))
    give(place, study, one.number, answer(now(place, study, one.number)))
    assert give(place, study, one.number, given).entry == first.entry  # a late retry of a lost reply
    with reading(place.engine) as session:
        assert session.scalar(select(func.count()).select_from(AnswerRow)) == 2


def test_return_is_allowed_only_where_the_protocol_says_so(tmp_path: Path) -> None:
    from usnet.readers.readings import collect

    place, study = begin(tmp_path, protocol(reading={"return_allowed": True}, cases={"training": 0}))
    (one,) = readers(place, study, ["RP"])
    state = now(place, study, one.number)
    give(place, study, one.number, answer(state))
    give(place, study, one.number, answer(state, decision="malignant", probability=80))
    assert now(place, study, one.number).position == 1
    (read,) = collect(place, study).reads
    assert (read.decision, read.probability) == ("malignant", 80)


def test_sequential_shows_the_model_after_the_lock_alone(tmp_path: Path) -> None:
    rules = protocol(design={"kind": "one-arm", "arms": ["sequential"]}, ai={"bundle": "x"})
    place, study = begin(tmp_path, rules, ai=True)
    (one,) = readers(place, study, ["CP"])
    state = now(place, study, one.number)
    assert state.findings is None
    give(place, study, one.number, answer(state, decision="malignant", probability=70))
    second = now(place, study, one.number)
    assert (second.position, second.step) == (state.position, 1)
    assert second.findings is not None
    assert second.findings["label"] in ("benign", "malignant", "normal")
    assert second.first == {"decision": "malignant", "probability": 70, "birads": "3", "marks": [], "comment": ""}
    with pytest.raises(Conflict, match="final"):
        give(place, study, one.number, answer(state))
    give(place, study, one.number, answer(second))
    third = now(place, study, one.number)
    assert (third.position, third.step, third.findings) == (1, 0, None)


def test_a_crossover_waits_and_reads_the_other_arm(tmp_path: Path) -> None:
    place, study = begin(tmp_path, protocol(**crossover(), ai={"bundle": "x"}), ai=True)
    made = readers(place, study, ["RP", "RP"])
    arms = []
    for one in made:
        arms.append(now(place, study, one.number).arm)
        assert (now(place, study, one.number).findings is not None) == (arms[-1] == "aided")
        assert read_all(place, study, one.number, plain) == 14
        waiting = now(place, study, one.number)
        assert waiting.phase == "washout"
        assert waiting.opens_at == pytest.approx(time.time() + 28 * 86400, abs=60)
        with pytest.raises(StudyError, match="next period is not open"):
            give(place, study, one.number, answer(waiting, period=1))
        organiser.waive_washout(place, study, one.number, "tests", "test of the second part")
        state = now(place, study, one.number)
        assert {state.arm, arms[-1]} == {"unaided", "aided"}
        assert state.use == "reading"  # training is in the first part alone
        assert read_all(place, study, one.number, plain) == 12
        assert now(place, study, one.number).phase == "finished"
    assert set(arms) == {"unaided", "aided"}  # a block of two holds both orders


def test_repeats_look_like_any_other_case(tmp_path: Path) -> None:
    place, study = begin(tmp_path, protocol(cases={"repeats": 2, "training": 0}))
    (one,) = readers(place, study, ["RP"])
    with reading(place.engine) as session:
        uses = session.scalars(select(SlotRow.use).order_by(SlotRow.position)).all()
    assert uses.count("repeat") == 2
    seen = []
    while (state := now(place, study, one.number)).phase == "reading":
        seen.append(state.public() | {"position": 0, "draft": None})
        give(place, study, one.number, answer(state))
    assert len(seen) == 14
    assert all(shown == seen[0] for shown in seen)


def test_pause_close_end_and_exclusion_stop_answers(tmp_path: Path) -> None:
    place, study = begin(tmp_path)
    one, two = readers(place, study, ["RP", "RP"])
    state = now(place, study, one.number)
    organiser.pause(place, study, "tests", "holiday")
    assert now(place, study, one.number).phase == "paused"
    with pytest.raises(StudyError, match="paused"):
        give(place, study, one.number, answer(state))
    organiser.resume(place, study, "tests")
    organiser.extend(place, study, "tests", time.time() - 1, "over")
    with pytest.raises(StudyError, match="closed"):
        give(place, study, one.number, answer(state))
    organiser.extend(place, study, "tests", None, "no limit after all")
    organiser.exclude(place, study, two.number, "tests", "not a radiologist")
    assert now(place, study, two.number).phase == "excluded"
    with pytest.raises(StudyError, match="excluded"):
        give(place, study, two.number, answer(now(place, study, two.number), period=0))
    with pytest.raises(StudyError, match="no reason"):
        organiser.exclude(place, study, one.number, "tests", "  ")
    organiser.end(place, study, "tests", "enough")
    with pytest.raises(StudyError, match="ended"):
        give(place, study, one.number, answer(state))
    acts = [e.action for e in organiser.history(place, study)]
    assert acts == ["start", "invite", "enrol", "enrol", "pause", "resume", "extend", "extend", "exclude", "end"]


def test_progress_and_letters(tmp_path: Path) -> None:
    from usnet.readers.letters import reminders

    place, study = begin(tmp_path)
    one, _ = readers(place, study, ["RP", "AP"])
    invite(place, study, [Person("C", "c@example.org", "zh")], "tests")
    read_all(place, study, one.number, plain, most=5)
    with reading(place.engine) as session:
        levels = {p.level: p for p in organiser.progress(session, study)}
        rows = reminders(organiser.reader_progress(session, study), "Study", "http://x/study", quiet_days=0)
    assert (levels["RP"].readers, levels["RP"].answers, levels["RP"].due) == (1, 5, 14)
    assert levels["AP"].reading == 1
    assert levels["-"].waiting == 1
    assert len(rows) == 3
    assert "5 of 14" in rows[0]["text"]
    assert rows[2]["email"] == "c@example.org"
    assert "阅片" in rows[2]["text"]


def test_results_before_the_end_need_a_reason_and_leave_a_trace(tmp_path: Path) -> None:
    place, study = begin(tmp_path)
    (one,) = readers(place, study, ["RP"])
    with pytest.raises(StudyError, match="not over"):
        organiser.look(place, study, "tests", "")
    assert organiser.look(place, study, "tests", "safety board") is True
    read_all(place, study, one.number, plain)
    assert organiser.look(place, study, "tests", None) is False
    assert [e.action for e in organiser.history(place, study)][-3:] == ["peek", "period finished", "analyse"]


def test_latin_square_of_three_arms(tmp_path: Path) -> None:
    design = {"kind": "latin-square", "arms": ["unaided", "aided", "sequential"], "washout_days": 1}
    place, study = begin(tmp_path, protocol(design=design, ai={"bundle": "x"}), ai=True)
    made = readers(place, study, ["ACP"] * 6)
    with reading(place.engine) as session:
        rows = session.execute(select(SlotRow.reader, SlotRow.period, SlotRow.arm).distinct()).all()
    for period in range(3):
        arms = [r.arm for r in rows if r.period == period]
        assert sorted(arms) == sorted(2 * design["arms"])
    assert len(made) == 6
