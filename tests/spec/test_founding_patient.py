"""The founding patient: the case report that this project starts from, as files of a centre, and what is made of it.

Woman of 44 with refractory DM/PM. What the report does not give is invented: every date, the pulse dose, the values
within normal and the IgG. It gives no upper limit of normal, no MMT, no HAQ, no global activity: those stay empty.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.checks import check
from registry.intake.submission import read_submission
from registry.keeping.keys import read_keys
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.store import add
from registry.snapshot import freeze
from registry.study import load_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.snapshot import Snapshot

FOLDER = Path(__file__).parent / "founding_patient" / "founding-2026-06-30"
STUDY = """
[study]
name = "founding"
title = "The founding patient"

[[centre]]
code = "founding"
name = "Centre of the case report"
"""
TIME_ZERO = date(2021, 3, 1)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Take the files in and freeze the registry, as a study does."""
    folder = tmp_path_factory.mktemp("founding")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    study = load_study(folder)
    add(study, FOLDER)
    return freeze(study)


@pytest.fixture
def rows(snapshot: Snapshot) -> Callable[..., list[dict[str, Any]]]:
    """Return the function that reads a table of the snapshot, in its stored order or by the columns named."""

    def read(table: str, *by: str) -> list[dict[str, Any]]:
        with snapshot.connect() as connection:
            result = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in result.description or []]
            read = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        keys = read_keys(snapshot.folder.parents[1] / "registry.key")
        known = {f"founding/{person_pseudonym(keys, 'founding', 'founder')}": "founding/founder"}
        for row in read:
            if "person_id" in row:
                row["person_id"] = known[row["person_id"]]
        return sorted(read, key=lambda row: [row[name] for name in by])

    return read


def test_the_files_are_taken_in_whole_and_raise_one_question() -> None:
    checked = check(read_submission(FOLDER), ["founding"])
    # The report gives no upper limit of normal, and that is asked for.
    assert [problem.rule for problem in checked.problems] == ["lab.uln_missing"]
    assert checked.quarantine.num_rows == 0


def test_she_is_refractory_by_intolerance_of_methotrexate_and_azathioprine_and_inadequate_response_to_prednisone(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        [row for row in rows("course", "start_date") if row["stop_reason"] == "intolerance"],
        """
        agent        | stop_date
        methotrexate | 2019-02-15
        azathioprine | 2020-06-30
        """,
    )
    assert_rows(
        rows("refractory_onset"),
        """
        person_id        | refractory_date | glucocorticoid_reason | immunosuppressant | immunosuppressant_reason
        founding/founder | 2021-02-15      | inefficacy            | methotrexate      | intolerance
        """,
    )
    assert_rows(
        rows("refractory_onset"),
        """
        glucocorticoid_date | glucocorticoid_record | immunosuppressant_date | immunosuppressant_record
        2021-02-15          | course.csv:4          | 2019-02-15             | course.csv:2
        """,
    )


def test_time_zero_is_the_first_day_of_immunomodulatory_ivig_and_the_arm_is_ivig_first(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        rows("time_zero"),
        """
        person_id        | status   | arm  | time_zero_date | record
        founding/founder | assigned | ivig | 2021-03-01     | course.csv:6
        """,
    )


def test_her_doses_of_immunoglobulin_are_three_immunomodulatory_phases_and_one_of_replacement(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 2 g/kg a month; 0.4 g/kg a week; 0.2 g/kg every other week; later 0.2 g/kg every four weeks.
    assert_rows(
        rows("ivig_intent"),
        """
        start_date | stop_date  | g_per_kg_4wk | intent           | origin
        2021-03-01 | 2021-08-31 | 2            | immunomodulatory | declared
        2021-09-01 | 2022-02-28 | 1.6          | immunomodulatory | declared
        2022-03-01 | 2023-03-10 | 0.4          | immunomodulatory | declared
        2024-04-22 |            | 0.2          | replacement      | declared
        """,
    )
    assert_rows(
        [row for row in rows("course", "start_date") if row["agent"] == "ivig"],
        """
        dose | dose_unit | schedule
        2    | g/kg      | monthly
        0.4  | g/kg      | weekly
        0.2  | g/kg      | every 2 weeks
        0.2  | g/kg      | every 4 weeks
        """,
    )


def test_each_of_the_six_cycles_is_2_g_per_kg_over_five_days(rows: Callable[..., Any]) -> None:
    first = [row for row in rows("infusion") if row["agent"] == "ivig" and row["date"].year == 2021]
    assert len(first) == 6 * 5
    for month in range(3, 9):
        cycle = [row["dose"] / row["weight"] for row in first if row["date"].month == month]
        assert (len(cycle), sum(cycle)) == (5, Decimal(2))


def test_the_three_phases_are_one_line_that_ends_in_inefficacy_after_two_years(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        rows("treatment_line"),
        """
        line | agent        | intent           | start_date | stop_date  | stop_status | stop_reason | doses
        1    | methotrexate |                  | 2018-04-02 | 2019-02-15 | stopped     | intolerance | 0
        2    | azathioprine |                  | 2019-03-18 | 2020-06-30 | stopped     | intolerance | 0
        3    | ivig         | immunomodulatory | 2021-03-01 | 2023-03-10 | stopped     | inefficacy  | 30
        4    | rituximab    |                  | 2023-03-27 | 2023-10-30 | stopped     | planned     | 6
        5    | ivig         | replacement      | 2024-04-22 |            | still taken |             | 3
        """,
    )


def test_ldh_and_aldolase_were_above_every_limit_of_normal_and_a_month_after_the_first_cycle_below_every_one(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # The report says "normal" and gives no limit. Upper limits in use lie between 220 and 480 U/L for LDH and between
    # 7.5 and 7.6 U/L for aldolase (domain 1.3), so that these values are abnormal, and then normal, by any of them.
    lowest = {"LDH": Decimal(220), "aldolase": Decimal("7.5")}
    highest = {"LDH": Decimal(480), "aldolase": Decimal("7.6")}
    labs = [row for row in rows("lab", "date", "analyte") if row["date"] <= date(2021, 3, 31)]
    assert_rows(
        labs,
        """
        analyte  | date       | value | unit | uln
        LDH      | 2021-02-26 | 518   | UI/L |
        aldolase | 2021-02-26 | 8     | UI/L |
        LDH      | 2021-03-31 | 210   | UI/L |
        aldolase | 2021-03-31 | 5.2   | UI/L |
        """,
    )
    for row in labs:
        if row["date"] < TIME_ZERO:
            assert row["value"] > highest[row["analyte"]]
        else:
            assert row["value"] < lowest[row["analyte"]]


def test_without_an_upper_limit_of_normal_her_enzymes_have_no_multiple_and_none_is_borrowed(
    rows: Callable[..., Any],
) -> None:
    enzymes = [row for row in rows("lab_multiple") if row["analyte"] in {"LDH", "aldolase"}]
    assert len(enzymes) == 11
    assert {(row["uln_origin"], row["multiple"], row["log2_multiple"]) for row in enzymes} == {("missing", None, None)}


def test_prednisone_fell_from_90_to_5_mg_a_day_within_six_months_of_time_zero(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # Monthly methylprednisolone pulses of 500 mg (625 mg of prednisone) stand apart from the oral dose.
    doses = [row for row in rows("prednisone_equivalent") if row["date"] <= date(2021, 9, 1)]
    assert_rows(
        doses,
        """
        date       | oral_mg_day | pulse_mg | origin
        2020-11-02 | 90          |          | course
        2020-11-16 | 90          | 625      | course
        2021-02-15 | 90          |          | visit
        2021-03-01 | 90          |          | visit
        2021-03-31 | 60          |          | visit
        2021-05-03 | 40          |          | visit
        2021-06-01 | 25          |          | visit
        2021-07-01 | 12.5        |          | visit
        2021-08-25 | 5           |          | visit
        """,
    )
    reached = min(row["date"] for row in doses if row["oral_mg_day"] <= 5)
    assert reached <= date(2021, 9, 1)


def test_rituximab_after_loss_of_response_is_her_one_switch_and_replacement_is_none(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        rows("switch"),
        """
        switch_date | from_agent | to_agent  | reason     | record
        2023-03-27  | ivig       | rituximab | inefficacy | course.csv:14
        """,
    )


def test_rituximab_was_375_mg_per_m2_four_times_a_week_apart_and_six_months_later_1_g_twice(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        [row for row in rows("infusion", "date") if row["agent"] == "rituximab"],
        """
        date       | dose | dose_unit
        2023-03-27 | 375  | mg/m2
        2023-04-03 | 375  | mg/m2
        2023-04-10 | 375  | mg/m2
        2023-04-17 | 375  | mg/m2
        2023-10-16 | 1000 | mg
        2023-10-30 | 1000 | mg
        """,
    )


def test_igg_was_low_in_both_schemes_after_rituximab_with_infections_of_which_none_was_serious(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        rows("low_igg"),
        """
        baseline_igg | nadir_igg | nadir_date | grade_a | grade_b | first_low_date | persistent | graded | not_graded
                     | 5.4       | 2024-04-08 | mild    | low     | 2024-02-26     | true       | 2      | 0
        """,
    )
    infections = [row for row in rows("event") if row["term"] == "Upper respiratory tract infection"]
    assert len(infections) == 3
    assert rows("serious_infection") == []


def test_she_is_alive_and_followed_until_she_was_last_seen(
    rows: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert rows("death") == []
    assert rows("infusion_reaction") == []
    assert_rows(
        rows("end_of_follow_up"),
        """
        end_date   | reason
        2026-06-15 | last seen
        """,
    )


def test_her_total_improvement_score_is_missing_and_the_reason_names_mmt_haq_and_the_upper_limit_of_normal(
    rows: Callable[..., Any],
) -> None:
    scores = rows("tis")
    assert len(scores) == 12
    for score in scores:
        assert score["tis"] is None
        assert (score["tis_low"], score["tis_high"]) == (0, 100)
        assert {"mmt8", "haq", "enzyme"} <= set(score["missing"].split(", "))
        for named in ("MMT8", "HAQ", "upper limit of normal"):
            assert named in score["missing_reason"]
