"""Time to treatment failure: its components, and what it shares with response."""

from __future__ import annotations

from decimal import Decimal

import pytest

from analyses import failure
from analyses.disclosure import check
from analyses.result import Estimate, Result, Summary
from tests.unit.small_cohort import COVARIATES, cohort, documented_ids, drawn, study

ARMS = ("ivig", "rituximab")
COMPONENTS = ("deterioration", "no response", "inefficacy", "death from myositis")


@pytest.fixture(scope="module")
def result() -> Result:
    return failure.answer(drawn(), study())


def number(result: Result, identifier: str) -> float:
    value = result[identifier]
    assert isinstance(value, Summary | Estimate)
    return value.value


def test_the_ids_are_those_of_response_and_the_components(result: Result) -> None:
    from analyses import response  # noqa: PLC0415  (its first lines are the list)

    names = {
        "ARM": ARMS, "MONTH": ("6", "12", "24"), "HORIZON": ("24",), "C minus R": ("rituximab minus ivig",),
        "COVARIATE": COVARIATES, "WHEN": ("3", "6", "12", "24"),
    }  # fmt: skip
    promised = documented_ids((response.__doc__ or "") + (failure.__doc__ or ""), names)
    assert {row.id for row in result.rows} == {i for i in promised if not i.startswith("Persons|never scorable")}
    assert [(curve.name, curve.group) for curve in result.curves] == [
        *(("Cumulative incidence of failure", arm) for arm in ARMS),
        ("Hazard ratio over time", "all"),
    ]


def test_components_add_up_to_the_failures(result: Result) -> None:
    check([result])
    for group in (*ARMS, "all"):
        parts = [number(result, f"Component|{name}|{group}|count|") for name in COMPONENTS]
        assert sum(parts) == number(result, f"Events||{group}|count|")
        assert sum(parts) > 0


def test_each_failure_is_counted_under_its_component() -> None:
    people = [{"failure_day": 100.0 + i, "failure_component": name} for i, name in enumerate(COMPONENTS)]
    people += [{"failure_day": 50.0, "failure_component": "inefficacy", "arm": "rituximab"}, {"arm": "rituximab"}]
    found = failure.answer(cohort(people), study())
    assert [number(found, f"Component|{name}|ivig|count|") for name in COMPONENTS] == [1, 1, 1, 1]
    assert [number(found, f"Component|{name}|all|count|") for name in COMPONENTS] == [1, 1, 2, 1]


def test_death_from_myositis_is_a_failure_and_another_death_competes_with_it() -> None:
    people = [
        {"failure_day": 100.0, "failure_component": "death from myositis", "end_day": 100, "end_reason": "death"},
        {"end_day": 200, "end_reason": "death"},
        {"arm": "rituximab"},
    ]
    found = failure.answer(cohort(people), study())
    assert number(found, "Events||ivig|count|") == 1
    assert number(found, "Censored|death|ivig|count|") == 1
    assert [number(found, f"{topic}||ivig|risk|12") for topic in ("Risk", "Death first")] == [1 / 2, 1 / 2]


def test_a_failure_on_the_day_of_entry_is_before_it() -> None:
    people = [{"failure_day": 0.0, "failure_component": "inefficacy"}, {}, {"arm": "rituximab"}]
    found = failure.answer(cohort(people), study())
    assert number(found, "Persons|event before entry|ivig|count|") == 1
    assert number(found, "Component|inefficacy|ivig|count|") == 0


def test_everybody_can_fail_also_who_is_never_scorable() -> None:
    found = failure.answer(cohort([{"scorable": False}, {"arm": "rituximab"}]), study())
    assert number(found, "Persons|analysed|ivig|count|") == 1


@pytest.mark.parametrize("component", ["boredom", None])
def test_a_failure_of_unknown_kind_is_refused(component: str | None) -> None:
    people = [{"failure_day": 9.0, "failure_component": component}, {"arm": "rituximab"}]
    with pytest.raises(ValueError, match=component or "none"):
        failure.answer(cohort(people), study())


def test_the_cut_of_no_response_in_the_notes_is_that_of_the_study() -> None:
    changed = study().model_copy(update={"overrides": {"failure_no_response_days": Decimal(182)}})
    assert any("from week 26 on" in note for note in failure.answer(drawn(60), changed).notes)
