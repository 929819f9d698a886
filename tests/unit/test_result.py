"""A Result refuses what is no number, two numbers of one name, and names without a number."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from analyses import Curve, Estimate, Masked, NotEstimable, Result, Row, Summary
from analyses.result import Provenance, Total

ORIGIN = Provenance(snapshot="0123456789abcdef", data_cut="2026-06-30", cohort="incident 00", software={"duckdb": "2"})


def result(*rows: Row, totals: tuple[Total, ...] = ()) -> Result:
    return Result(name="n", title="A title", question="Which?", rows=rows, totals=totals, provenance=ORIGIN)


def row(topic: str = "Sex", level: str = "female", group: str = "ivig", **rest: object) -> Row:
    return Row.model_validate(
        {"topic": topic, "level": level, "group": group, "statistic": "count", "value": Summary(value=3), **rest}
    )


@pytest.mark.parametrize("field", ["value", "low", "high", "p", "df"])
def test_an_estimate_never_holds_nan(field: str) -> None:
    numbers = {"value": 1.0, "low": 0.5, "high": 2.0, "p": 0.5, "df": 3.0, field: math.nan}
    with pytest.raises(ValidationError, match=f"{field} is NaN"):
        Estimate.model_validate(numbers)


def test_a_summary_never_holds_nan_but_may_be_infinite() -> None:
    with pytest.raises(ValidationError, match="NotEstimable"):
        Summary(value=math.nan)
    assert Summary(value=math.inf).value == math.inf


def test_an_id_is_topic_level_group_statistic_and_month() -> None:
    assert row().id == "Sex|female|ivig|count|"
    assert row(month=6.0).id == "Sex|female|ivig|count|6"
    assert row(month=4.5).id == "Sex|female|ivig|count|4.5"


def test_two_numbers_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two numbers of one name"):
        result(row(), row())


def test_a_total_and_what_a_number_rests_on_must_have_numbers() -> None:
    with pytest.raises(ValidationError, match=r"names without a number.*nobody"):
        result(row(), totals=(Total(total="nobody", parts=("Sex|female|ivig|count|",)),))
    with pytest.raises(ValidationError, match=r"names without a number.*nothing"):
        result(row(rests_on=("nothing",)))


def test_a_number_is_found_by_its_id() -> None:
    assert result(row())["Sex|female|ivig|count|"] == Summary(value=3)
    with pytest.raises(KeyError):
        result(row())["Sex|male|ivig|count|"]


def test_a_result_is_frozen_and_knows_no_other_fields() -> None:
    one = result(row())
    with pytest.raises(ValidationError):
        one.title = "Another"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra"):
        Summary.model_validate({"value": 1, "color": "red"})


def test_the_frame_has_one_row_a_number_and_says_why_there_is_none() -> None:
    rows = (
        row(value=Estimate(value=0.6, low=0.4, high=0.9, p=0.01, n=40, events=12)),
        row(level="male", value=NotEstimable(reason="no events")),
        row(level="missing", value=Masked()),
    )
    frame = result(*rows).frame()
    assert frame["level"].tolist() == ["female", "male", "missing"]
    assert frame.loc[0, ["value", "low", "high", "p", "n", "events"]].tolist() == [0.6, 0.4, 0.9, 0.01, 40, 12]
    assert frame["reason"].tolist()[1:] == ["no events", "small count"]


def test_a_notebook_shows_a_table_and_no_markup_of_the_data() -> None:
    shown = result(row(topic="<script>alert(1)</script>"))._repr_html_()
    assert "<table" in shown
    assert "<script>" not in shown
    assert "A title" in shown


def test_it_is_read_back_from_the_file_that_it_was_written_to(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    path.write_text(result(row()).to_json(), encoding="utf-8")
    assert Result.load(path) == result(row())


def test_masked_and_not_estimable_are_told_apart_in_json() -> None:
    text = result(row(value=Masked()), row(level="male", value=NotEstimable(reason="why"))).to_json()
    values = [r.value for r in Result.from_json(text).rows]
    assert values == [Masked(), NotEstimable(reason="why")]


def test_a_curve_keeps_its_masked_counts() -> None:
    curve = Curve(
        name="c", group="ivig", kind="step", unit="probability", month=(0, 3), value=(0, 0.5), low=(0, 0.2),
        high=(0, 0.8), at_risk_month=(0, 3), at_risk=(20, None), events=(0, None),
    )  # fmt: skip
    assert Curve.model_validate_json(curve.model_dump_json()) == curve
