"""failure: the first of confirmed deterioration, no response after 24 weeks, inefficacy, and death from myositis.

Ann has time zero on 1 March 2020 with immunoglobulin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = {
    "time_zero": """
        person_id | arm  | time_zero_date
        ann       | ivig | 2020-03-01
        """,
    "treatment_line": "person_id | agent | intent | start_date | stop_date | stop_reason | record",
    "switch": "person_id | switch_date | reason | record",
    "death": "person_id | death_date | cause | record",
    "deterioration": "person_id | deterioration_date | record",
}


def test_a_person_to_whom_nothing_happens_has_a_row_without_a_date(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Nobody without time zero has a row."""
    time_zero = """
        person_id | status        | arm  | time_zero_date
        ann       | assigned      | ivig | 2020-03-01
        bea       | neither agent |      |
        """
    assert_rows(
        derive_concept(NOTHING | {"time_zero": time_zero}, "failure"),
        """
        person_id | failure_date | component | record
        ann       |              |           |
        """,
    )


def test_no_response_is_a_failure_from_day_168_on(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    tis = """
        person_id | date       | day | tis_low | tis_high | record
        ann       | 2020-08-15 | 167 | 17.5    | 17.5     | visit.csv:2
        ann       | 2020-08-16 | 168 | 17.5    | 17.5     | visit.csv:3
        """
    assert_rows(
        derive_concept(NOTHING | {"tis": tis}, "failure"),
        """
        person_id | failure_date | component   | record
        ann       | 2020-08-16   | no response | visit.csv:3
        """,
    )


def test_a_score_of_20_is_a_response(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    tis = """
        person_id | date       | day | tis_low | tis_high | record
        ann       | 2020-09-01 | 184 | 20.0    | 20.0     | visit.csv:2
        """
    assert_rows(derive_concept(NOTHING | {"tis": tis}, "failure"), "person_id | failure_date\n ann |")


def test_missing_components_fail_nobody(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """In September a response of 20 was still possible; in October it was not."""
    tis = """
        person_id | date       | day | tis_low | tis_high | record
        ann       | 2020-09-01 | 184 | 0.0     | 20.0     | visit.csv:2
        ann       | 2020-10-01 | 214 | 0.0     | 17.5     | visit.csv:3
        """
    assert_rows(
        derive_concept(NOTHING | {"tis": tis}, "failure"),
        """
        failure_date | component   | record
        2020-10-01   | no response | visit.csv:3
        """,
    )


def test_confirmed_deterioration_is_a_failure_on_the_day_of_its_confirmation(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    deterioration = """
        person_id | deterioration_date | first_date | record
        ann       | 2020-06-01         | 2020-05-01 | visit.csv:4
        """
    assert_rows(
        derive_concept(NOTHING | {"deterioration": deterioration}, "failure"),
        """
        failure_date | component     | record
        2020-06-01   | deterioration | visit.csv:4
        """,
    )


def test_stopping_the_first_agent_for_inefficacy_is_a_failure(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    treatment_line = """
        person_id | agent | intent           | start_date | stop_date  | stop_reason | record
        ann       | ivig  | immunomodulatory | 2020-03-01 | 2020-07-01 | inefficacy  | course.csv:5
        """
    assert_rows(
        derive_concept(NOTHING | {"treatment_line": treatment_line}, "failure"),
        """
        failure_date | component  | record
        2020-07-01   | inefficacy | course.csv:5
        """,
    )


def test_rituximab_stopped_for_inefficacy_is_a_failure_in_its_own_arm_only(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Bob began with rituximab, whose intent nobody writes down; ann took it beside her immunoglobulin."""
    time_zero = """
        person_id | arm       | time_zero_date
        ann       | ivig      | 2020-03-01
        bob       | rituximab | 2020-03-01
        """
    treatment_line = """
        person_id | agent     | intent | start_date | stop_date  | stop_reason | record
        ann       | rituximab |        | 2020-03-01 | 2020-07-01 | inefficacy  | course.csv:5
        bob       | rituximab |        | 2020-03-01 | 2020-07-01 | inefficacy  | course.csv:6
        """
    assert_rows(
        derive_concept(NOTHING | {"time_zero": time_zero, "treatment_line": treatment_line}, "failure"),
        """
        person_id | failure_date | component  | record
        ann       |              |            |
        bob       | 2020-07-01   | inefficacy | course.csv:6
        """,
    )


def test_other_stops_are_no_failure(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Intolerance; an immunosuppressant; replacement; a line that began after time zero or had ended before it."""
    treatment_line = """
        person_id | agent        | intent           | start_date | stop_date  | stop_reason | record
        ann       | ivig         | immunomodulatory | 2020-03-01 | 2020-07-01 | intolerance | course.csv:5
        ann       | methotrexate |                  | 2019-03-01 | 2020-07-01 | inefficacy  | course.csv:6
        ann       | ivig         | replacement      | 2020-01-01 | 2020-07-01 | inefficacy  | course.csv:7
        ann       | ivig         | immunomodulatory | 2020-12-01 | 2021-03-01 | inefficacy  | course.csv:8
        ann       | ivig         | immunomodulatory | 2019-01-01 | 2020-02-29 | inefficacy  | course.csv:9
        """
    assert_rows(
        derive_concept(NOTHING | {"treatment_line": treatment_line}, "failure"), "person_id | failure_date\n ann |"
    )


def test_a_switch_for_inefficacy_is_a_failure_and_one_for_another_reason_is_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | arm  | time_zero_date
        ann       | ivig | 2020-03-01
        bea       | ivig | 2020-03-01
        cleo      | ivig | 2020-03-01
        """
    switch = """
        person_id | switch_date | reason      | record
        ann       | 2022-03-01  | inefficacy  | infusion.csv:30
        bea       | 2022-03-01  | intolerance | infusion.csv:40
        cleo      | 2022-03-01  |             | infusion.csv:50
        """
    assert_rows(
        derive_concept(NOTHING | {"time_zero": time_zero, "switch": switch}, "failure"),
        """
        person_id | failure_date | component  | record
        ann       | 2022-03-01   | inefficacy | infusion.csv:30
        bea       |              |            |
        cleo      |              |            |
        """,
    )


def test_of_stop_and_switch_for_inefficacy_the_earlier_counts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    treatment_line = """
        person_id | agent | intent           | start_date | stop_date  | stop_reason | record
        ann       | ivig  | immunomodulatory | 2020-03-01 | 2022-02-20 | inefficacy  | course.csv:5
        """
    switch = """
        person_id | switch_date | reason     | record
        ann       | 2022-03-01  | inefficacy | infusion.csv:30
        """
    assert_rows(
        derive_concept(NOTHING | {"treatment_line": treatment_line, "switch": switch}, "failure"),
        """
        failure_date | component  | record
        2022-02-20   | inefficacy | course.csv:5
        """,
    )


def test_death_from_myositis_is_a_failure_and_from_another_cause_is_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | arm  | time_zero_date
        ann       | ivig | 2020-03-01
        bea       | ivig | 2020-03-01
        """
    death = """
        person_id | death_date | cause     | record
        ann       | 2020-03-01 | myositis  | follow_up.csv:2
        bea       | 2021-03-01 | infection | follow_up.csv:3
        """
    assert_rows(
        derive_concept(NOTHING | {"time_zero": time_zero, "death": death}, "failure"),
        """
        person_id | failure_date | component           | record
        ann       | 2020-03-01   | death from myositis | follow_up.csv:2
        bea       |              |                     |
        """,
    )


def test_the_earliest_cause_counts(derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]) -> None:
    tis = """
        person_id | date       | day | tis_low | tis_high | record
        ann       | 2020-09-01 | 184 | 0.0     | 0.0      | visit.csv:6
        """
    deterioration = """
        person_id | deterioration_date | record
        ann       | 2020-08-31         | visit.csv:5
        """
    death = """
        person_id | death_date | cause    | record
        ann       | 2020-09-02 | myositis | follow_up.csv:2
        """
    assert_rows(
        derive_concept(NOTHING | {"tis": tis, "deterioration": deterioration, "death": death}, "failure"),
        """
        failure_date | component     | record
        2020-08-31   | deterioration | visit.csv:5
        """,
    )


def test_on_one_day_death_comes_before_inefficacy_deterioration_and_no_response(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | arm  | time_zero_date
        ann       | ivig | 2020-03-01
        bea       | ivig | 2020-03-01
        cleo      | ivig | 2020-03-01
        """
    tis = """
        person_id | date       | day | tis_low | tis_high | record
        ann       | 2020-09-01 | 184 | 0.0     | 0.0      | visit.csv:6
        bea       | 2020-09-01 | 184 | 0.0     | 0.0      | visit.csv:7
        cleo      | 2020-09-01 | 184 | 0.0     | 0.0      | visit.csv:8
        """
    deterioration = """
        person_id | deterioration_date | record
        ann       | 2020-09-01         | visit.csv:6
        bea       | 2020-09-01         | visit.csv:7
        cleo      | 2020-09-01         | visit.csv:8
        """
    switch = """
        person_id | switch_date | reason     | record
        ann       | 2020-09-01  | inefficacy | infusion.csv:30
        bea       | 2020-09-01  | inefficacy | infusion.csv:31
        """
    death = """
        person_id | death_date | cause    | record
        ann       | 2020-09-01 | myositis | follow_up.csv:2
        """
    tables = {"time_zero": time_zero, "tis": tis, "deterioration": deterioration, "switch": switch, "death": death}
    assert_rows(
        derive_concept(NOTHING | tables, "failure"),
        """
        person_id | failure_date | component
        ann       | 2020-09-01   | death from myositis
        bea       | 2020-09-01   | inefficacy
        cleo      | 2020-09-01   | deterioration
        """,
    )
