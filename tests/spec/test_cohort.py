"""Who is compared: each inclusion step on its last day inside and its first day outside, and why each loss was lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise

import duckdb

from registry.cohort import Step, attrition

Loaded = Callable[..., AbstractContextManager[duckdb.DuckDBPyConnection]]

PATIENT = """
    person_id | consent | birth_year | enrolled_date
    a         | yes     | 1970       | 2020-01-01
"""
ONSET = """
    person_id | refractory_date
    a         | 2020-02-01
"""
ZERO = """
    person_id | status   | arm  | time_zero_date
    a         | assigned | ivig | 2020-03-01
"""
CORE = """
    person_id | measure | date
    a         | phga    | 2020-02-20
"""
END = """
    person_id | end_date
    a         | 2021-03-01
"""


def steps(loaded: Loaded, *, users: str = "incident", **tables: str) -> list[Step]:
    given = {
        "patient": PATIENT,
        "refractory_onset": ONSET,
        "time_zero": ZERO,
        "baseline_core_set": CORE,
        "end_of_follow_up": END,
        **tables,
    }
    with loaded(given) as connection:
        return attrition(connection, users=users)  # type: ignore[arg-type]


def losses(found: list[Step]) -> list[tuple[str, dict[str, int]]]:
    return [(step.name, dict(step.reasons)) for step in found if step.lost]


def test_a_person_who_meets_every_step_remains_with_her_arm(loaded: Loaded) -> None:
    found = steps(loaded)
    assert losses(found) == []
    assert found[-1].by_arm == {"ivig": 1, "rituximab": 0}
    assert [step.by_arm is None for step in found[:4]] == [True, True, True, False]


def test_without_consent_nobody_is_counted_any_further(loaded: Loaded) -> None:
    found = steps(loaded, patient=PATIENT.replace("yes", "no"), refractory_onset="person_id\n")
    assert losses(found) == [("step_1_consent", {"no consent": 1})]


def test_who_is_not_refractory_is_lost_with_that_reason(loaded: Loaded) -> None:
    assert losses(steps(loaded, refractory_onset="person_id\n")) == [("step_2_refractory", {"not refractory": 1})]


def test_each_way_not_to_be_assigned_is_a_reason_of_its_own(loaded: Loaded) -> None:
    reasons = {
        "neither agent": "neither agent started",
        "prior exposure": "IVIG or rituximab before refractory onset",
        "both on one day": "both agents started on one day",
        "intent unclear": "intent of IVIG not clear",
    }
    for status, reason in reasons.items():
        zero = f"person_id | status | arm | time_zero_date\na | {status} | | "
        assert losses(steps(loaded, time_zero=zero)) == [("step_3_first_agent", {reason: 1})]


def test_an_adult_is_eighteen_in_the_year_of_time_zero(loaded: Loaded) -> None:
    assert losses(steps(loaded, patient=PATIENT.replace("1970", "2002"))) == []
    young = losses(steps(loaded, patient=PATIENT.replace("1970", "2003")))
    assert young == [("step_4_adult", {"younger than the adult age at time zero": 1})]


def test_an_enzyme_alone_is_no_baseline_visit(loaded: Loaded) -> None:
    lost = [("step_5_baseline", {"no core set measure in the baseline window": 1})]
    assert losses(steps(loaded, baseline_core_set=CORE.replace("phga", "LDH"))) == lost


def test_follow_up_must_go_beyond_time_zero_and_enrolment(loaded: Loaded) -> None:
    lost = [("step_6_followed", {"no follow-up after time zero and enrolment": 1})]
    assert losses(steps(loaded, end_of_follow_up=END.replace("2021-03-01", "2020-03-01"))) == lost
    assert losses(steps(loaded, end_of_follow_up=END.replace("2021-03-01", "2020-03-02"))) == []
    late = PATIENT.replace("2020-01-01", "2021-03-01")
    assert losses(steps(loaded, patient=late, users="all")) == lost
    assert losses(steps(loaded, end_of_follow_up="person_id | end_date\nz | 2021-01-01")) == lost


def test_incident_is_enrolled_at_most_thirty_days_after_time_zero(loaded: Loaded) -> None:
    last, first_outside = (PATIENT.replace("2020-01-01", day) for day in ("2020-03-31", "2020-04-01"))
    assert losses(steps(loaded, patient=last)) == []
    assert losses(steps(loaded, patient=first_outside)) == [
        ("step_7_incident", {"prevalent: enrolled too long after time zero": 1})
    ]
    assert losses(steps(loaded, patient=first_outside, users="all")) == []


def test_losses_and_those_left_add_up_at_every_step(loaded: Loaded) -> None:
    people = "person_id | consent | birth_year | enrolled_date\n" + "\n".join(
        f"p{i} | {'no' if i % 5 == 0 else 'yes'} | {1970 if i % 3 else 2015} | 2020-01-01" for i in range(30)
    )
    zero = "person_id | status | arm | time_zero_date\n" + "\n".join(
        f"p{i} | assigned | {'ivig' if i % 2 else 'rituximab'} | 2020-03-01" for i in range(30)
    )
    onset = "person_id | refractory_date\n" + "\n".join(f"p{i} | 2020-02-01" for i in range(25))
    core = "person_id | measure | date\n" + "\n".join(f"p{i} | mmt8 | 2020-02-01" for i in range(30))
    end = "person_id | end_date\n" + "\n".join(f"p{i} | 2022-02-01" for i in range(30))
    found = steps(
        loaded, patient=people, time_zero=zero, refractory_onset=onset, baseline_core_set=core, end_of_follow_up=end
    )
    for before, after in pairwise(found):
        assert before.remaining == after.remaining + after.lost
        assert after.lost == sum(after.reasons.values())
        assert after.by_arm is None or sum(after.by_arm.values()) == after.remaining
    assert found[-1].remaining == len([i for i in range(25) if i % 5 and i % 3])
