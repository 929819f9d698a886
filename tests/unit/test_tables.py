"""Tables are values: every number is that of a Result, and what cannot be had is explained."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from analyses.result import Check, Estimate, Masked, NotEstimable, Result, Summary
from registry.rules import load_rules
from reports import definitions, harms, outcomes, persons, trajectories
from reports.comparison import Comparison
from reports.tables import Cell, Draft, Table, number, one, pair, within

COMPARISON = Comparison(
    reference="ivig",
    comparator="rituximab",
    maximum=4,
    horizon=24,
    months=(1, 3, 6, 12, 24),
    covariates=("age_decades",),
)


@pytest.fixture
def results(committee_results: tuple[Result, ...]) -> dict[str, Result]:
    return {result.name: result for result in committee_results}


def texts(table: Table, head: str) -> list[str]:
    """Return the cells of the first line with a heading."""
    line = next(line for line in table.lines if line.head == head)
    return [cell.text for cell in line.cells]


def test_a_reason_gets_one_letter_in_the_order_of_reading() -> None:
    draft = Draft(maximum=4)
    cells = [draft.cell(NotEstimable(reason=reason)) for reason in ("no event", "one centre", "no event")]
    table = draft.table("t", caption="c", head=())
    assert [cell.marks for cell in cells] == ["a", "b", "a"]
    assert [(note.mark, note.text) for note in table.notes] == [("a", "No event."), ("b", "One centre.")]


def test_masked_numbers_are_explained_once_and_without_a_letter() -> None:
    draft = Draft(maximum=4)
    small = draft.cell(Masked(), statistic="count")
    withheld = draft.cell(Masked(reason="would give back a small count"), statistic="count")
    assert (small, withheld) == (Cell(text="<5"), Cell(text="masked"))
    assert [note.mark for note in draft.table("t", caption="c", head=()).notes] == [""]


def test_a_table_without_gaps_has_no_notes() -> None:
    draft = Draft(maximum=4)
    assert draft.cell(Summary(value=12), statistic="count") == Cell(text="12")
    assert draft.table("t", caption="c", head=()).notes == ()


def test_a_pair_keeps_the_footnotes_of_both() -> None:
    assert pair([Cell(text="1", marks="a"), Cell(text="2", marks="b")]) == Cell(text="1 / 2", marks="ab")


def test_a_number_that_a_result_lacks_is_an_error_and_not_a_gap(results: dict[str, Result]) -> None:
    with pytest.raises(KeyError):
        number(results["response"], "Risk", "", "ivig", statistic="risk", month=5)
    with pytest.raises(ValueError, match="0 numbers of 'Risk difference'"):
        one(results["response"], "Risk difference", statistic="risk difference", month=5)


def test_the_difference_in_per_cent_is_told_from_the_one_on_the_log_scale(results: dict[str, Result]) -> None:
    logs = one(results["trajectory_ldh"], "Difference", statistic="difference", month=12)
    per_cent = one(results["trajectory_ldh"], "Difference", statistic="difference", month=12, ends=", %")
    assert isinstance(logs.value, Estimate)
    assert isinstance(per_cent.value, Estimate)
    assert (logs.value.value, per_cent.value.value) == (-0.12, -8)


def test_ivig_keeps_its_capitals_within_a_sentence() -> None:
    assert (within("IVIG first"), within("Rituximab first")) == ("IVIG first", "rituximab first")


def test_risks_stand_by_arm_beside_their_difference(results: dict[str, Result]) -> None:
    table = outcomes.risk_table(
        results["response"], COMPARISON, identifier="r", caption="c", months=(12.0,), free_of="response"
    )
    assert table.head[1:] == ("IVIG first", "Rituximab first", "Rituximab minus IVIG")
    assert texts(table, "Risk by 12 months") == [
        "24.0\u00a0% (16.0 to 32.0)",
        "21.6\u00a0% (13.6 to 29.6)",
        "\u22122.4\u00a0% (\u221217.4 to 12.6)",
    ]
    assert texts(table, "Median time to response, months")[1] == "22.0 (15.0 to not reached)"


def test_hazard_ratios_come_with_events_persons_and_p(results: dict[str, Result]) -> None:
    table = outcomes.hazard_table(results["response"], COMPARISON, identifier="h", caption="c")
    assert texts(table, "Adjusted, stratified by centre") == ["0.84 (0.54 to 1.14)", "60 / 104", "0.231"]
    assert texts(table, "Age (per 10 years)")[0] == "1.02 (0.82 to 1.22)"
    assert texts(table, "Proportional hazards of the arm, adjusted model")[-1] == "<0.001"


def test_losses_before_the_analysis_are_those_that_the_result_has(results: dict[str, Result]) -> None:
    settings = {"identifier": "p", "caption": "c", "event": "Events"}
    response = outcomes.persons_table(results["response"], COMPARISON, **settings)
    failure = outcomes.persons_table(results["failure"], COMPARISON, **settings)
    assert texts(response, "No visit whose score can decide") == ["5", "6", "11"]
    assert "No visit whose score can decide" not in {line.head for line in failure.lines}
    assert texts(failure, "Inefficacy") == ["8", "6", "14"]


def test_a_month_that_cannot_be_compared_says_why(results: dict[str, Result]) -> None:
    table = trajectories.trajectory_table(
        results["trajectory_mmt8"], COMPARISON, identifier="m", caption="c", level="", difference="d"
    )
    last = table.lines[-1]
    assert [cell.text for cell in last.cells[-2:]] == ["not estimable", "\u2013"]
    assert [note.text for note in table.notes] == ["Fewer than 5 persons."]
    assert table.lines[0].cells[0].text == "43 / 28"


def test_a_check_that_several_analyses_share_stands_once_and_names_them_where_it_failed(
    results: dict[str, Result],
) -> None:
    passed = Check(name="The model converged", outcome="passed", detail="d")
    failed = Check(name="No variance is at zero", outcome="failed", detail="e")
    shared = [r.model_copy(update={"title": f"Title {i}", "checks": (passed, failed)})
              for i, r in enumerate(list(results.values())[:5])]  # fmt: skip
    first, second = definitions.checks_table(shared).lines
    assert (first.head, first.cells[1].kind) == ("Several analyses", "text")
    assert (second.head, second.cells[1].kind) == ("; ".join(f"Title {i}" for i in range(5)), "strong")
    assert definitions.checks_table(shared[:2]).lines[0].head == "Title 0; Title 1"


def test_all_measures_stand_beside_each_other(results: dict[str, Result]) -> None:
    table = trajectories.measures_table(results, COMPARISON)
    assert [line.head.split(",")[0] for line in table.lines] == [
        "LDH", "CK", "Aldolase", "MMT8", "HAQ", "Physician global activity", "Prednisone",
    ]  # fmt: skip
    assert table.head == ("", "Month 6", "Month 12", "Month 24")
    assert texts(table, "CK, %")[0] == "\u22128.0\u00a0% (\u221219.0 to 3.0)"
    assert texts(table, "HAQ, points") == ["\u22120.12 (\u22120.32 to 0.08)"] * 2 + ["not estimable"]


def test_the_other_models_stand_below_the_primary_one(results: dict[str, Result]) -> None:
    table = trajectories.models_beside_table(results, COMPARISON)
    assert [line.head for line in table.lines if line.kind == "group"] == [
        "LDH, %", "MMT8, points", "Prednisone, % of dose + 1 mg/day",
    ]  # fmt: skip
    firsts = [line.cells[0].text.split(" ")[0] for line in table.lines if line.cells]
    assert firsts[:4] == [f"\u2212{number}.0\u00a0%" for number in (8, 9, 10, 11)]
    assert firsts[4:8] == ["\u22120.12", "\u22120.12", "\u22120.24", "\u22120.36"]


def test_slopes_are_in_per_cent_a_year_where_the_model_reads_logarithms(results: dict[str, Result]) -> None:
    table = trajectories.slopes_table(results, COMPARISON)
    assert [line.head for line in table.lines if line.kind == "group"] == ["Month 1 to 6", "Month 6 to 24"]
    assert texts(table, "LDH, %") == ["\u221230.0 (\u221250.0 to \u221210.0)"] * 3
    assert texts(table, "MMT8, points") == ["\u22120.40 (\u22120.60 to \u22120.20)"] * 3


@pytest.mark.parametrize(("months", "shown"), [((1, 3, 6, 12, 24), (6, 12, 24)), ((3, 12), (12,)), ((2, 4), (2, 4))])
def test_tables_of_all_measures_show_half_a_year_one_and_two(months: tuple[int, ...], shown: tuple[int, ...]) -> None:
    assert trajectories.months_shown(replace(COMPARISON, months=months)) == shown


def test_low_doses_give_persons_of_persons_and_per_cent(results: dict[str, Result]) -> None:
    table = trajectories.dose_table(results["sparing"], COMPARISON)
    assert texts(table, "Month 12")[0] == "30 / 40: 70.0\u00a0% (58.0 to 82.0)"
    assert texts(table, "Median (quartiles)")[0] == "4210 (3100 to 6150)"


def test_the_flow_begins_with_everybody_and_gives_the_reason_of_each_loss(results: dict[str, Result]) -> None:
    first, *_, last = persons.flow(results["accrual"], COMPARISON)
    assert (first.label, first.remaining, first.lost, first.arms) == ("Registered", "150", "", ())
    assert (last.remaining, last.arms) == ("104", ("IVIG first: 60", "Rituximab first: 44"))
    assert last.losses == (persons.Loss(reason="no follow-up after time zero and enrolment", count="6"),)


def test_a_yes_or_no_topic_takes_one_line_and_nothing_missing_takes_none(results: dict[str, Result]) -> None:
    table = persons.baseline_table(results["baseline"], COMPARISON)
    heads = [line.head for line in table.lines]
    assert heads.count("Dysphagia") == 1
    assert "yes" not in heads
    assert heads.count("missing") == 3
    assert texts(table, "LDH, \u00d7 ULN, median")[0] == "1.74 (1.57 to 2.09)"
    assert table.head[1] == "IVIG first (n\u00a0=\u00a060)"


def test_a_centre_that_sent_nothing_says_so(results: dict[str, Result]) -> None:
    table = persons.centres_table(results["accrual"], COMPARISON, names={"porto": "Porto"})
    assert texts(table, "Porto")[4] == "nothing sent"
    assert texts(table, "lyon")[4] == "28\u00a0June\u00a02026"


def test_an_agent_that_was_never_given_takes_no_room(results: dict[str, Result]) -> None:
    safety = results["safety"]
    never = tuple(
        row.model_copy(update={"value": Summary(value=0)}) if row.topic.startswith("Infusion") else row
        for row in safety.rows
    )
    heads = {line.head for line in harms.infusions_table(safety, COMPARISON).lines}
    fewer = {line.head for line in harms.infusions_table(safety.model_copy(update={"rows": never}), COMPARISON).lines}
    assert "Rituximab: infusions" in heads
    assert "Rituximab: infusions" not in fewer


def test_every_threshold_is_printed_and_those_of_the_study_are_starred() -> None:
    rules = load_rules({"masked_count_maximum": Decimal(9)})
    table = definitions.rules_table(rules)
    assert len(table.lines) == len(rules.rules)
    starred = [line for line in table.lines if line.cells[0].text.endswith("*")]
    assert [line.cells[0].text for line in starred] == ["9 *"]


def test_bands_of_the_score_are_open_below_and_closed_above() -> None:
    table = definitions.bands_table(load_rules())
    cells = texts(table, "Manual muscle testing (MMT8)")
    assert cells == ["0 (up to 2)", "10 (over 2 to 10)", "20 (over 10 to 20)", "27.5 (over 20 to 30)", "32.5 (over 30)"]


def test_notes_that_analyses_share_are_printed_once(results: dict[str, Result]) -> None:
    table = definitions.notes_table(list(results.values()))
    assert [line.cells[0].text for line in table.lines].count("A note on visits.") == 1


def test_a_table_of_which_masking_left_no_number_is_withheld_and_one_of_small_counts_is_not() -> None:
    masked, small = Masked(reason="rests on a small count"), Masked()
    for values, withheld in (((masked, masked), True), ((masked, small), False), ((masked, Summary(value=7)), False)):
        draft = Draft(maximum=4)
        draft.line("a", *(draft.cell(value, statistic="count") for value in values), Cell(text=""))
        assert draft.table("t", caption="c", head=("", "x", "y", "z")).withheld == withheld
