"""Numbers as text: one way to print each, never rounded to what they are not, the same in every locale."""

from __future__ import annotations

import locale
import math
from datetime import date

import pytest

from analyses import formats
from analyses.result import Estimate, Masked, NotEstimable, Row, Summary

GAP = "\u00a0"
INF = math.inf


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (7, "7"), (1234, "1234"), (12345, f"12{GAP}345"), (1234567, f"1{GAP}234{GAP}567"), (3.0, "3"),
        (None, "masked"),
    ],
)  # fmt: skip
def test_count(number: float | None, text: str) -> None:
    assert formats.count(number) == text


def test_a_count_is_never_rounded() -> None:
    with pytest.raises(ValueError, match=r"2\.5 is not a count"):
        formats.count(2.5)


@pytest.mark.parametrize(
    ("number", "decimals", "text"),
    [
        (-1.25, 1, "\u22121.2"), (-0.04, 1, "0.0"), (0.05, 1, "0.1"), (12345.6, 1, f"12{GAP}345.6"),
        (-12345, 0, f"\u221212{GAP}345"), (INF, 1, "not reached"), (-INF, 1, "not reached"),
    ],
)  # fmt: skip
def test_decimal(number: float, decimals: int, text: str) -> None:
    assert formats.decimal(number, decimals) == text


def test_nan_has_no_text() -> None:
    with pytest.raises(ValueError, match="NaN has no text"):
        formats.decimal(math.nan, 1)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0.0"), (0.04, "<0.1"), (0.05, "0.1"), (37.5, "37.5"), (99.94, "99.9"), (99.96, ">99.9"), (100, "100.0")],
)
def test_percent(number: float, text: str) -> None:
    assert formats.percent(number) == f"{text}{GAP}%"


@pytest.mark.parametrize(
    ("p", "text"),
    [(0, "<0.001"), (0.0009, "<0.001"), (0.001, "0.001"), (0.0496, "0.050"), (0.9994, ">0.999"), (1, ">0.999")],
)
def test_p_value(p: float, text: str) -> None:
    assert formats.p_value(p) == text


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="is not a p value"):
        formats.p_value(p)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0.00"), (0.0004, "<0.001"), (0.0126, "0.013"), (0.0996, "0.10"), (0.634, "0.63"), (9.994, "9.99"),
        (9.996, "10.0"), (12.34, "12.3"), (123.4, "123"), (INF, "\u221e"),
    ],
)  # fmt: skip
def test_ratio(number: float, text: str) -> None:
    assert formats.ratio(number) == text


@pytest.mark.parametrize(
    ("spread", "decimals"), [(250, 0), (100, 0), (99, 1), (1, 1), (0.99, 2), (0.1, 2), (0.05, 3), (0.001, 4), (0, 1)]
)
def test_the_spread_decides_the_decimals(spread: float, decimals: int) -> None:
    assert formats.decimals_for(spread) == decimals


@pytest.mark.parametrize(
    ("number", "statistic", "text"),
    [
        (Estimate(value=0.634, low=0.412, high=0.968), "hazard ratio", "0.63 (0.41 to 0.97)"),
        (Estimate(value=INF, low=0.9, high=INF), "rate ratio", "\u221e (0.90 to \u221e)"),
        (Estimate(value=12.34, low=9.1, high=INF, unit="months"), "median time", "12.34 (9.10 to not reached)"),
        (
            Estimate(value=INF, low=INF, high=INF, unit="months"),
            "median time",
            "not reached (not reached to not reached)",
        ),
        (Estimate(value=-1.26, low=-3.4, high=0.9), "difference", "\u22121.3 (\u22123.4 to 0.9)"),
        (Estimate(value=0.421, low=0.3, high=0.55, unit="probability"), "risk", f"42.1{GAP}% (30.0 to 55.0)"),
        (Estimate(value=42.1, low=30, high=55, unit="%"), "percent", f"42.1{GAP}% (30.0 to 55.0)"),
        (Estimate(value=3.2, low=1.1, high=8.4, unit="per 100 person-years"), "rate", "3.2 (1.1 to 8.4)"),
        (Estimate(value=0.1034, low=0.0934, high=0.1134), "difference", "0.1034 (0.0934 to 0.1134)"),
    ],
)
def test_estimate(number: Estimate, statistic: str, text: str) -> None:
    assert formats.estimate(number, statistic=statistic) == text


@pytest.mark.parametrize(
    ("number", "statistic", "text"),
    [
        (Summary(value=12), "count", "12"),
        (Summary(value=37.5, unit="%"), "percent", f"37.5{GAP}%"),
        (Summary(value=0.375, unit="probability"), "risk", f"37.5{GAP}%"),
        (Summary(value=812.34, unit="years"), "person-years", "812.3"),
        (Summary(value=-0.123), "standardised difference", "\u22120.12"),
        (Summary(value=0.0512), "intraclass correlation", "0.051"),
        (Summary(value=54.23, unit="years"), "mean", "54.2"),
        (NotEstimable(reason="no events"), "rate", "not estimable"),
        (Masked(), "count", "<5"),
        (Masked(reason="would give back a small count"), "count", "masked"),
        (Masked(), "risk", "masked"),
        (Masked(), "percent", "masked"),
        (Masked(), "", "masked"),
    ],
)
def test_value(number: Summary | NotEstimable | Masked, statistic: str, text: str) -> None:
    assert formats.value(number, statistic=statistic) == text


def test_the_mark_of_a_small_count_follows_the_maximum() -> None:
    assert formats.value(Masked(), statistic="count", maximum=9) == "<10"
    assert formats.small_count() == "<5"


def test_a_row_of_a_p_value_reads_as_one() -> None:
    def test(level: str) -> Row:
        return Row(topic="Log-rank test", level=level, statistic="test", value=Summary(value=0.0004))

    assert formats.row(test("p, stratified by centre")) == "<0.001"
    assert formats.row(test("chi-square")) != "<0.001"
    assert formats.row(test("p").model_copy(update={"value": Masked(reason="rests on a small count")})) == "masked"


def test_a_count_stands_with_its_percentage_unless_one_is_withheld() -> None:
    share = Summary(value=30, unit="%")
    assert formats.count_percent(Summary(value=12), share) == f"12 (30.0{GAP}%)"
    assert formats.count_percent(Masked(), Masked(reason="rests on a small count")) == "<5"
    assert formats.count_percent(Summary(value=12), NotEstimable(reason="why")) == "12"


def test_a_mean_stands_with_its_standard_deviation() -> None:
    assert formats.mean_sd(Summary(value=54.23), Summary(value=12.12)) == "54.2 (12.1)"
    assert formats.mean_sd(Summary(value=0.6512), Summary(value=0.334)) == "0.65 (0.33)"
    assert formats.mean_sd(NotEstimable(reason="no values"), NotEstimable(reason="no values")) == "not estimable"


def test_a_median_stands_with_the_quartiles() -> None:
    assert formats.median_quartiles(Summary(value=5.1), Summary(value=3.2), Summary(value=7)) == "5.1 (3.2 to 7.0)"
    few = Masked(reason="rests on a small count")
    assert formats.median_quartiles(few, few, few) == "masked"


def test_units_levels_months_and_days() -> None:
    assert formats.unit("x ULN") == "\u00d7 ULN"
    assert formats.unit("g/L") == "g/L"
    assert formats.level(0.95) == f"95{GAP}%"
    assert formats.month(6.0) == "6"
    assert formats.month(4.5) == "4.5"
    assert formats.day("2026-06-30") == formats.day(date(2026, 6, 30)) == f"30{GAP}June{GAP}2026"


def test_the_locale_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": ",", "thousands_sep": ".", "grouping": [3, 0]})
    assert formats.decimal(12345.6, 1) == f"12{GAP}345.6"
    assert formats.day("2026-03-01").split(GAP)[1] == "March"
