"""Data quality of three small centres, every number worked out on paper from tests/quality_sent.py."""

from __future__ import annotations

from fractions import Fraction

import pytest

from analyses.disclosure import RESTS, SMALL, check, mask
from analyses.quality.answer import result_of
from analyses.quality.groups import OTHERS, against_others, every_centre
from analyses.result import Masked, NotEstimable, Result, Summary
from tests.quality_sent import COMPLETENESS, SUBMISSION, SUBMISSION_CHANGE, ULN_MULTIPLE, small_sent


def result(**changed: str) -> Result:
    sent = small_sent(**changed)
    return result_of(sent, every_centre(sent.centres), name="quality", title="Data quality")


def of_centre(own: str = "nice", **changed: str) -> Result:
    sent = small_sent(**changed)
    return result_of(sent, against_others(sent.centres, own), name=f"quality_{own}", title="Data quality")


def value(found: Result, identifier: str) -> float:
    number = found[identifier]
    assert isinstance(number, Summary), (identifier, number)
    return number.value


def outcomes(found: Result) -> dict[str, str]:
    return {check.name: check.outcome for check in found.checks}


@pytest.mark.parametrize(
    ("identifier", "number"),
    [
        ("Complete|HAQ|nice|percent|", 100 * Fraction(20, 50)),
        ("Missing|HAQ|nice|number|", 30),
        ("Complete|HAQ|all|percent|", 100 * Fraction(50, 80)),
        ("Complete|Physician global activity|oslo|percent|", 100 * Fraction(27, 30)),
        ("Visits||all|count|", 80),
        ("Results of muscle enzymes||nice|count|", 80),
        ("Complete|ULN of a muscle enzyme|all|percent|", 100 * Fraction(118, 120)),
        ("Missing|IgG before rituximab|oslo|count|", 9),
        ("Complete|IgG before rituximab|oslo|percent|", 0),
        ("Persons given rituximab||all|count|", 12),
        ("Missing|Antibody tested|all|count|", 8),
        ("Persons registered||rome|count|", 0),
        ("Complete|Seen lately|oslo|percent|", 100 * Fraction(21, 28)),
    ],
)
def test_completeness_is_the_share_of_rows_to_which_a_field_applies(identifier: str, number: Fraction) -> None:
    assert value(result(), identifier) == pytest.approx(float(number), rel=1e-15)


def test_a_field_that_applies_to_nothing_is_not_applicable() -> None:
    for identifier in ("Complete|Intent of IVIG|oslo|percent|", "Complete|HAQ|rome|percent|"):
        number = result()[identifier]
        assert isinstance(number, NotEstimable)
        assert number.reason.startswith("not applicable")


@pytest.mark.parametrize(
    ("identifier", "number"),
    [
        # nice: lab.b passed; lab.a, visit.c and files.e failed; visit.d had nothing to test.
        ("Rules, passed|plausibility|nice|number|", 1),
        ("Rules, failed|plausibility|nice|number|", 1),
        ("Rules, failed|conformance|nice|number|", 1),
        ("Rules, not applicable|conformance|nice|number|", 1),
        ("Rules, not applicable|every class|nice|number|", 1),
        # over all: visit.d was tested at oslo, and every rule failed somewhere.
        ("Rules, not applicable|conformance|all|number|", 0),
        ("Rules, failed|every class|all|number|", 6),
        # rows: the rule on files tests no rows.
        ("Tested|conformance|nice|number|", 0),
        ("Tested|plausibility|nice|number|", 200),
        ("Failed|plausibility|nice|count|", 7),
        ("Failed|plausibility|nice|rate|", 35),
        ("Failed|plausibility|all|rate|", 1000 * Fraction(37, 320)),
        ("Failed|conformance|all|count|", 52),
        ("Failed|every class|all|count|", 7 + 25 + 30 + 2 + 50),
        # the rules that fail most; who only waits for the person's row fails no rule itself.
        ("Rule|lab.b|all|count|", 30),
        ("Rule|lab.b|all|percent|", 100 * Fraction(30, 160)),
        ("Rule, centres|visit.c|all|number|", 1),
        ("Rule|other rules, conformance|all|count|", 50),
        ("Rule|other rules, plausibility|all|count|", 0),
    ],
)
def test_rules_are_counted_by_class_and_rows_by_rule(identifier: str, number: Fraction) -> None:
    assert value(result(), identifier) == pytest.approx(float(number), rel=1e-15)


def test_rules_stand_in_the_order_of_the_rows_that_failed_them() -> None:
    def named(found: Result) -> list[str]:
        return [row.level for row in found.rows if row.topic == "Rule, tested" and row.group != OTHERS]

    assert named(result()) == ["lab.b", "visit.c", "lab.a", "visit.d"]
    assert named(of_centre("nice")) == ["visit.c", "lab.a"], "its own, whatever fails elsewhere"


def test_a_centre_without_a_test_has_no_rate() -> None:
    assert isinstance(result()["Failed|conformance|nice|rate|"], NotEstimable)
    assert isinstance(result()["Failed|plausibility|rome|rate|"], NotEstimable)


def test_times_are_in_days_and_months_and_of_several_centres_their_median() -> None:
    found = result()
    month = 365.25 / 12
    assert value(found, "Since the last submission||oslo|median|") == pytest.approx(150 / month)
    assert value(found, "Since the last submission||all|median|") == pytest.approx(75 / month)
    assert value(found, "From the last visit to the submission||all|median|") == 20
    assert value(found, "Between submissions||oslo|median|") == pytest.approx(91 / month)
    assert isinstance(found["Between submissions||nice|median|"], NotEstimable)
    assert value(found, "Submissions||all|number|") == 4
    assert value(found, "Centres overdue||all|number|") == 2, "rome sent nothing"
    told = outcomes(found)
    assert told["Submission on time: nice"] == "passed"
    assert told["Submission on time: oslo"] == told["Submission on time: rome"] == "failed"


def test_limits_change_within_an_assay_and_not_between_two() -> None:
    found = result()
    assert value(found, "ULN|CK, female, 2020-01 to 2021-05|nice|number|") == 150
    assert value(found, "ULN|LDH, male, DGKC, 2020-02 to 2024-01|nice|number|") == 480
    assert value(found, "ULN, changes|CK, female|nice|number|") == 1
    assert value(found, "ULN, changes|LDH, male|nice|number|") == 0
    assert value(found, "ULN, changes|every analyte|nice|number|") == 1
    assert value(found, "ULN, outside the usual limits|CK, female|oslo|number|") == 1
    assert value(found, "ULN, outside the usual limits|every analyte|nice|number|") == 0
    assert value(found, "Results without ULN|CK, female|nice|percent|") == 10
    assert value(of_centre("nice"), "ULN|CK, female|other centres|maximum|") == 3


def test_a_centre_more_than_one_doubling_from_the_others_is_marked() -> None:
    found = result()
    assert value(found, "Multiple of the ULN, apart|CK, female|oslo|difference|") == pytest.approx(5.9)
    assert value(found, "Multiple of the ULN, other centres|CK, female|oslo|median|") == 1
    told = outcomes(found)
    assert told["Multiples of the ULN: oslo, CK, female"] == "failed"
    assert told["Multiples of the ULN: nice, LDH, male"] == "not applicable", "four persons are too few"
    rome = "    rome   | LDH     | male   | 9       | 0           | 6       | 4\n"
    few = outcomes(result(uln_multiple=ULN_MULTIPLE + rome))
    assert few["Multiples of the ULN: rome, LDH, male"] == "not applicable", "nor do four stand for the others"
    for median, outcome in (("2", "passed"), ("2.001", "failed"), ("0", "passed"), ("-0.001", "failed")):
        near = outcomes(result(uln_multiple=ULN_MULTIPLE.replace("6.9", median)))
        assert near["Multiples of the ULN: oslo, CK, female"] == outcome, median


def test_the_other_centres_count_once_each_whatever_their_size() -> None:
    rome = "    rome   | CK      | female | 9000    | 0           | 900     | 3\n"
    found = result(uln_multiple=ULN_MULTIPLE + rome)
    assert value(found, "Multiple of the ULN, other centres|CK, female|oslo|median|") == (1 + 3) / 2


@pytest.mark.parametrize(
    ("identifier", "number"),
    [
        ("Change|added|oslo|count|", 10),
        ("Change|removed|oslo|count|", 6),
        ("Change|removed|oslo|percent|", 6),
        ("Change|changed|oslo|percent|", 5),
        ("Change|unchanged|all|count|", 89),
        ("Change, visit|unchanged|all|count|", 25),
        ("Rows after||all|count|", 104),
    ],
)
def test_changes_are_counted_against_the_rows_before(identifier: str, number: float) -> None:
    # 6 + 5 + 64 + 25 = 100 rows were there before.
    assert value(result(), identifier) == number


def test_more_than_five_per_cent_is_marked_and_five_are_not() -> None:
    told = outcomes(result())
    assert told["Rows removed: oslo"] == "failed"
    assert told["Rows changed: oslo"] == "passed"
    assert told["Rows removed: nice"] == "not applicable", "a first submission replaces none"
    assert isinstance(result()["Change|removed|nice|number|"], NotEstimable)


def test_rows_so_few_that_they_are_masked_are_never_marked() -> None:
    few = SUBMISSION_CHANGE.replace("removed   | 6", "removed   | 4").replace("64", "40").replace("25", "1")
    assert outcomes(result(submission_change=few))["Rows removed: oslo"] == "passed"


def test_an_erasure_since_the_submission_breaks_no_sum() -> None:
    found = result(submission=SUBMISSION.replace("104", "99"))
    check([found])
    assert "Rows after||all|count|" not in {row.id for row in found.rows}


def test_all_sums_hold_for_every_centre_and_for_one_against_the_others() -> None:
    check([result(), of_centre("nice"), of_centre("oslo")])


def test_who_is_registered_is_one_count_here_and_in_the_flow_of_persons() -> None:
    found = result()
    row = next(row for row in found.rows if row.id == "Persons registered||nice|count|")
    origin = found.provenance.model_copy(update={"cohort": "incident"})
    other = row.model_copy(update={"value": Summary(value=21)})
    accrual = found.model_copy(
        update={"name": "accrual", "rows": (other,), "totals": (), "checks": (), "provenance": origin}
    )
    with pytest.raises(ValueError, match="is one count, and its value is 20 or 21"):
        check([found, accrual])


def test_one_centre_against_the_others_has_the_numbers_of_that_centre_and_the_rest() -> None:
    found, every = of_centre("nice"), result()
    for identifier in ("Complete|HAQ|nice|percent|", "Failed|plausibility|nice|count|", "Submissions||nice|number|"):
        assert found[identifier] == every[identifier]
    assert value(found, f"Visits||{OTHERS}|count|") == value(every, "Visits||oslo|count|")
    assert value(found, f"Change|removed|{OTHERS}|count|") == 6


def test_small_counts_of_persons_and_courses_are_masked_with_what_rests_on_them() -> None:
    found = mask([result()])[0]
    assert found["Persons given rituximab||nice|count|"] == SMALL
    assert found["Missing|Intent of IVIG|nice|count|"] == SMALL
    assert found["Complete|Intent of IVIG|nice|percent|"] == RESTS
    assert found["Failed|conformance|oslo|count|"] != SMALL, "52 are not few"
    assert found["Rule|visit.d|all|count|"] == SMALL
    assert isinstance(found["Multiple of the ULN|LDH, male|nice|median|"], NotEstimable | Masked)


def test_empty_fields_of_visits_are_told_unless_there_are_few_visits() -> None:
    assert mask([result()])[0]["Missing|Physician global activity|oslo|number|"] == Summary(value=3)
    few = COMPLETENESS.replace("activity    | 30      | 27", "activity    | 4       | 1")
    found = mask([result(completeness=few)])[0]
    assert found["Visits||oslo|count|"] == SMALL
    assert found["Missing|Physician global activity|oslo|number|"] == RESTS
    assert found["Complete|Physician global activity|oslo|percent|"] == RESTS
    assert "Missing|Physician global activity|all|number|" not in {row.id for row in found.rows}


def test_the_result_survives_json() -> None:
    assert Result.from_json(result().to_json()) == result()
