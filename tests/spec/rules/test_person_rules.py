"""Rules on persons, courses, antibodies and events, each at its limit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge = Callable[..., Any]

DAY = date(2020, 3, 1)
ROW = {
    "patient": {"patient_id": "P1"},
    "follow_up": {"patient_id": "P1"},
    "antibody": {"patient_id": "P1", "antibody": "Jo-1"},
    "course": {"patient_id": "P1", "agent": "methotrexate", "start_date": "2020-03-01"},
    "visit": {"patient_id": "P1", "date": "2020-03-01"},
    "infusion": {"patient_id": "P1", "agent": "ivig", "date": "2020-03-01"},
    "lab": {"patient_id": "P1", "analyte": "CK", "date": "2020-03-01", "value": "100"},
    "event": {"patient_id": "P1"},
}
PEOPLE = [{"patient_id": name} for name in ("P1", "W", "D")]
LAST = "patient_id | status | death_date\nP1 | active |\nW | withdrawn |\nD | dead | 2026-01-01"
DATES = {"antibody": "date", "course": "start_date", "infusion": "date", "visit": "date", "lab": "date"}
DATES |= {"event": "start_date"}


def _dose(agent: str, dose: str, unit: str, schedule: str = "daily") -> dict[str, str]:
    return {"agent": agent, "dose": dose, "dose_unit": unit, "schedule": schedule}


CHECKS = {
    "patient.diagnosis_since_1950": ({"diagnosis_date": "1950-01-01"}, {"diagnosis_date": "1949-12-31"}),
    "patient.onset_since_1950": ({"onset_date": "1950-01-01"}, {"onset_date": "1949-12-31"}),
    "patient.age_at_diagnosis": ({"birth_year": "1919"}, {"birth_year": "1918"}),
    "follow_up.dead_has_cause": ({"status": "dead", "death_cause": "unknown"}, {"status": "dead"}),
    "follow_up.cause_needs_death": (
        {"status": "dead", "death_cause": "other"}, {"status": "lost", "death_cause": "other"},
    ),
    "follow_up.seen_after_enrolment": ({"last_seen_date": "2019-02-01"}, {"last_seen_date": "2019-01-31"}),
    "antibody.not_after_death": (
        {"patient_id": "D", "date": "2026-01-01"}, {"patient_id": "D", "date": "2026-01-02"},
    ),
    "course.methotrexate_weekly": ({"schedule": "weekly"}, {"schedule": "daily"}),
    "course.methotrexate_high": (_dose("methotrexate", "30", "mg"), _dose("methotrexate", "30.1", "mg")),
    "course.azathioprine_high": (_dose("azathioprine", "300", "mg"), _dose("azathioprine", "301", "mg")),
    "course.azathioprine_high_by_weight": (_dose("azathioprine", "3", "mg/kg"), _dose("azathioprine", "3.1", "mg/kg")),
    "course.mycophenolate_high": (_dose("mycophenolate", "3000", "mg"), _dose("mycophenolate", "3001", "mg")),
    "course.ciclosporin_high": (_dose("ciclosporin", "5", "mg/kg"), _dose("ciclosporin", "5.1", "mg/kg")),
    "course.tacrolimus_high": (_dose("tacrolimus", "20", "mg"), _dose("tacrolimus", "21", "mg")),
    "course.leflunomide_high": (_dose("leflunomide", "20", "mg"), _dose("leflunomide", "21", "mg")),
    "course.hydroxychloroquine_high": (
        _dose("hydroxychloroquine", "400", "mg"), _dose("hydroxychloroquine", "401", "mg"),
    ),
    "course.hydroxychloroquine_high_by_weight": (
        _dose("hydroxychloroquine", "5", "mg/kg"), _dose("hydroxychloroquine", "5.1", "mg/kg"),
    ),
    "course.cyclophosphamide_high": (
        _dose("cyclophosphamide", "1000", "mg/m2", "monthly"), _dose("cyclophosphamide", "1001", "mg/m2", "monthly"),
    ),
    "course.prednisone_high_by_weight": (_dose("prednisone", "2", "mg/kg"), _dose("prednisolone", "2.1", "mg/kg")),
    "course.rituximab_dose": (_dose("rituximab", "2000", "mg", "once"), _dose("rituximab", "2001", "mg", "once")),
    "course.rituximab_usual": (_dose("rituximab", "412.5", "mg/m2", "once"), _dose("rituximab", "337.4", "mg/m2")),
    "course.ivig_usual": (_dose("ivig", "2.2", "g/kg", "monthly"), _dose("ivig", "2.3", "g/kg", "monthly")),
    "course.replacement_dose": (
        {**_dose("ivig", "0.9", "g/kg"), "intent": "replacement"},
        {**_dose("ivig", "1", "g/kg"), "intent": "replacement"},
    ),
    "course.infused_daily": (_dose("ivig", "2", "g/kg", "monthly"), _dose("ivig", "0.4", "g/kg")),
    "course.grams_per_kg": (_dose("ivig", "2", "g/kg"), _dose("rituximab", "2", "g/kg")),
    "course.ivig_by_surface": (_dose("ivig", "2", "g/kg"), _dose("ivig", "375", "mg/m2")),
    "course.reason_needs_stop": (
        {"stop_reason": "other", "stop_status": "stop date unknown"}, {"stop_reason": "other"},
    ),
    "course.response_has_date": ({"response": "adequate", "response_date": "2020-04-01"}, {"response": "adequate"}),
    "course.response_date_has_response": (
        {"response": "adequate", "response_date": "2020-04-01"}, {"response_date": "2020-04-01"},
    ),
    "course.response_after_start": ({"response_date": "2020-03-01"}, {"response_date": "2020-02-29"}),
    "event.fatal_has_death": ({"patient_id": "D", "outcome": "fatal"}, {"outcome": "fatal"}),
    "event.fatal_ends_with_death": (
        {"patient_id": "D", "outcome": "fatal", "stop_date": "2026-01-01"},
        {"patient_id": "D", "outcome": "fatal", "stop_date": "2025-12-31"},
    ),
    "event.grade_4_is_serious": ({"grade": "4", "serious": "yes"}, {"grade": "4"}),
    "event.recovered_has_stop": ({"outcome": "recovered", "stop_date": "2020-03-01"}, {"outcome": "recovered"}),
    "event.lasting_has_no_stop": ({"outcome": "recovering"}, {"outcome": "recovering", "stop_date": "2020-03-01"}),
    "event.has_grade": ({"grade": "1"}, {}),
    "event.anti_infective_known": ({"term": "Sepsis", "iv_anti_infective": "no"}, {"term": "Sepsis"}),
}  # fmt: skip


@pytest.mark.parametrize("rule", CHECKS)
def test_a_check_holds_for_the_last_value_inside_and_not_for_the_first_outside(rule: str, judge: Judge) -> None:
    table = rule.partition(".")[0]
    for changes, lines in zip(CHECKS[rule], ([], [2]), strict=True):
        tables: dict[str, Any] = {"patient": PEOPLE, "follow_up": LAST, table: [{**ROW[table], **changes}]}
        outcome = judge(rule, **tables)
        assert (outcome.tested, outcome.lines) == (1, lines)


@pytest.mark.parametrize("table", DATES)
def test_nothing_is_dated_after_a_withdrawal_or_the_day_last_seen(table: str, judge: Judge) -> None:
    for rule, person in (("not_after_withdrawal", "W"), ("seen_until", "P1")):
        for day, lines in (("2026-01-01", []), ("2026-01-02", [2])):
            row = {**ROW[table], "patient_id": person, DATES[table]: day}
            outcome = judge(f"{table}.{rule}", patient=PEOPLE, follow_up=LAST, **{table: [row]})
            assert (outcome.tested, outcome.lines) == (1, lines)


@pytest.mark.parametrize("table", ["antibody", "course", "infusion", "visit", "lab", "event"])
def test_rows_without_consent_are_asked_about_once_for_a_person(table: str, judge: Judge) -> None:
    for consent, lines in (("yes", []), ("no", [2])):
        outcome = judge(
            f"{table}.no_consent", patient=[{"patient_id": "P1", "consent": consent}], **{table: [ROW[table]] * 2}
        )
        assert (outcome.tested, outcome.lines) == (1, lines)
        assert all(f"2 of their rows are sent in {table}.csv" in words for words in outcome.words)


def test_a_person_without_a_last_word_is_asked_for(judge: Judge) -> None:
    outcome = judge("follow_up.missing", patient=PEOPLE, follow_up="patient_id\nP1\nD")
    assert (outcome.tested, outcome.lines) == (3, [None])
    assert outcome.words[0].startswith("The person in line 3 of patient.csv has no row.")
    assert judge("follow_up.missing", patient=PEOPLE).tested == 0


@pytest.mark.parametrize("column", ["onset_date", "diagnosis_date"])
def test_dates_that_are_mostly_a_first_of_january_were_made_up(column: str, judge: Judge) -> None:
    first = [{"patient_id": f"P{i}", column: "2010-01-01"} for i in range(11)]
    other = [{"patient_id": f"Q{i}", column: "2010-02-01"} for i in range(10)]
    assert judge(f"patient.{column}_first_of_january", patient=[*first[:10], *other]).lines == []
    assert judge(f"patient.{column}_first_of_january", patient=[*first, *other]).lines == [None]
    assert judge(f"patient.{column}_first_of_january", patient=first).tested == 0


@pytest.mark.parametrize("table", ["visit", "lab"])
def test_two_persons_who_begin_alike_may_be_one(table: str, judge: Judge) -> None:
    days = [(DAY + timedelta(30 * i)).isoformat() for i in range(3)]
    rows = [{**ROW[table], "patient_id": name, "date": day} for name in ("P1", "P2") for day in days]
    people = [{"patient_id": "P1"}, {"patient_id": "P2"}]
    outcome = judge(f"{table}.probable_duplicate", patient=people, **{table: rows})
    assert (outcome.tested, outcome.lines) == (2, [5])
    assert "This person and the one of line 2 have" in outcome.words[0]
    other = [people[0], {"patient_id": "P2", "birth_year": "1971"}]
    assert judge(f"{table}.probable_duplicate", patient=other, **{table: rows}).lines == []
    moved = [*rows[:5], {**rows[5], "date": "2021-01-01"}]
    assert judge(f"{table}.probable_duplicate", patient=people, **{table: moved}).lines == []
    assert judge(f"{table}.probable_duplicate", patient=people, **{table: rows[:5]}).tested == 1


@pytest.mark.parametrize(
    ("antibody", "result", "lines"), [("SRP", "positive", [3]), ("SRP", "weak", []), ("Ku", "positive", [])]
)
def test_two_specific_antibodies_of_one_person_are_asked_about(
    antibody: str, result: str, lines: list[int], judge: Judge
) -> None:
    rows = [ROW["antibody"], {"patient_id": "P1", "antibody": antibody, "result": result}]
    assert judge("antibody.two_myositis_specific", antibody=rows).lines == lines


@pytest.mark.parametrize(
    ("start", "changes", "lines"),
    [("2020-03-31", {}, []), ("2020-03-30", {}, [3]), ("2020-03-30", {"schedule": "once"}, []),
     ("2020-03-30", {"agent": "azathioprine"}, [])],
)  # fmt: skip
def test_courses_of_one_agent_do_not_overlap(
    start: str, changes: dict[str, str], lines: list[int], judge: Judge
) -> None:
    first = {**ROW["course"], "stop_date": "2020-03-31", "stop_status": "stopped"}
    second = {**ROW["course"], "start_date": start, **changes}
    assert judge("course.overlap", course=[first, second]).lines == lines
    outcome = judge("course.overlap", course=[ROW["course"], {**second, "agent": "methotrexate", "schedule": "weekly"}])
    assert "The course of line 2 of the same agent goes on beyond this start: still taken." in outcome.words[0]


@pytest.mark.parametrize(("missing", "lines"), [(2, []), (3, [None])])
def test_stopped_courses_that_mostly_lack_a_reason_are_asked_about(
    missing: int, lines: list[None], judge: Judge
) -> None:
    stopped = {**ROW["course"], "stop_status": "stopped", "stop_reason": "other"}
    rows: list[dict[str, str]] = [{**stopped, "stop_reason": "" if i < missing else "other"} for i in range(10)]
    rows = [{name: value for name, value in row.items() if value} for row in rows]
    assert judge("course.stop_reason_mostly_missing", course=rows).lines == lines
    assert judge("course.stop_reason_mostly_missing", course=rows[1:]).tested == 0


@pytest.mark.parametrize(("start", "lines"), [("2020-03-01", []), ("2020-02-29", [2])])
def test_an_event_follows_the_agent_that_it_is_related_to(start: str, lines: list[int], judge: Judge) -> None:
    event = [{"patient_id": "P1", "related_agent": "methotrexate", "start_date": start}]
    assert judge("event.agent_never_given", course=[ROW["course"]], event=event).lines == lines
    given = [{**ROW["infusion"], "agent": "methotrexate"}]
    assert judge("event.agent_never_given", infusion=given, event=event).lines == lines
    assert judge("event.agent_never_given", event=event).lines == [2]


@pytest.mark.parametrize(
    ("start", "lines"), [("2020-03-01", []), ("2020-03-02", []), ("2020-03-03", [2]), ("2020-02-29", [2])]
)
def test_an_infusion_reaction_has_an_infusion(start: str, lines: list[int], judge: Judge) -> None:
    event = [{"patient_id": "P1", "term": "Infusion related reaction", "start_date": start}]
    assert judge("event.reaction_without_infusion", infusion=[ROW["infusion"]], event=event).lines == lines


@pytest.mark.parametrize(("start", "lines"), [("2020-03-10", []), ("2020-03-09", [3])])
def test_events_of_one_term_do_not_overlap(start: str, lines: list[int], judge: Judge) -> None:
    rows = f"patient_id | start_date | stop_date\nP1 | 2020-03-01 | 2020-03-10\nP1 | {start} |"
    assert judge("event.overlap", event=rows).lines == lines
