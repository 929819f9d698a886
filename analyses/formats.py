"""The one place where a number becomes text: notebook, command line and PDF print alike, whatever the locale.

Thousands are grouped from five digits on by a no-break space (a thin space may break across lines, and the narrow
no-break space is missing in the report's font); the minus is a real one; infinity is "not reached", or the sign for it
where the number is a ratio.
"""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING

from analyses.result import Estimate, Masked, NotEstimable, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyses.result import Row

NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"
INFINITE = "\u221e"
NOT_REACHED = "not reached"
NOT_ESTIMABLE = "not estimable"
MASKED = "masked"
_RATIOS = {"hazard ratio", "rate ratio"}
_DECIMALS = {"person-years": 1, "standardised difference": 2, "intraclass correlation": 3}
_UNITS: Mapping[str, str] = {"x ULN": "\u00d7 ULN", "log2 x ULN": "log2 of \u00d7 ULN", "%": "%", "probability": "%"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def count(number: float | None) -> str:
    """Return a whole number with its thousands grouped; None is a count that was masked.

    Raises ValueError if the number is not whole: a count never is rounded.
    """
    if number is None:
        return MASKED
    if number != int(number):
        text = f"{number!r} is not a count"
        raise ValueError(text)
    return decimal(number, 0)


def decimal(number: float, decimals: int) -> str:
    """Return a number with a fixed number of decimals, a real minus and grouped thousands; never a negative zero."""
    if math.isnan(number):
        raise ValueError("NaN has no text; a number that cannot be had is a NotEstimable")
    if math.isinf(number):
        return NOT_REACHED
    text = f"{abs(number):.{decimals}f}"
    whole, point, rest = text.partition(".")
    if len(whole) > 4:  # noqa: PLR2004  (four digits read well without a gap: SI brochure 5.4.4)
        whole = f"{int(whole):,}".replace(",", NO_BREAK_SPACE)
    sign = MINUS if number < 0 and float(text) != 0 else ""
    return f"{sign}{whole}{point}{rest}"


def percent(number: float) -> str:
    """Return a percentage (0 to 100) with one decimal; what is neither 0 nor 100 is never rounded to them."""
    if 0 < number < 0.05:  # noqa: PLR2004
        return f"<0.1{NO_BREAK_SPACE}%"
    if 99.95 <= number < 100:  # noqa: PLR2004
        return f">99.9{NO_BREAK_SPACE}%"
    return f"{decimal(number, 1)}{NO_BREAK_SPACE}%"


def whole_percent(number: float) -> str:
    """Return a percentage (0 to 100) without decimals and sign; what is neither 0 nor 100 is never rounded to them."""
    if 0 < number < 1:
        return "<1"
    if 99 < number < 100:  # noqa: PLR2004
        return ">99"
    return decimal(number, 0)


def signed(number: float, decimals: int) -> str:
    """Return a number with its sign, plus or a real minus; zero has none."""
    text = decimal(number, decimals)
    return text if text.startswith(MINUS) or float(text.replace(NO_BREAK_SPACE, "")) == 0 else f"+{text}"


def p_value(p: float) -> str:
    """Return a p value with three decimals, "<0.001" or ">0.999"; ValueError outside 0 to 1."""
    if not 0 <= p <= 1:
        text = f"{p!r} is not a p value"
        raise ValueError(text)
    if p < 0.001:  # noqa: PLR2004
        return "<0.001"
    return ">0.999" if p > 0.999 else f"{p:.3f}"  # noqa: PLR2004


def ratio(number: float) -> str:
    """Return a ratio: two decimals from 0.1, one from 10, none from 100; three below 0.1; "<0.001" below 0.0005."""
    if math.isinf(number):
        return INFINITE
    if 0 < number < 0.0005:  # noqa: PLR2004
        return "<0.001"
    for limit, decimals in ((0.0995, 3), (9.995, 2), (99.95, 1)):
        if number < limit and number != 0:
            return decimal(number, decimals)
    return decimal(number, 2 if number == 0 else 0)


def decimals_for(spread: float) -> int:
    """Return how many decimals a number deserves whose standard deviation or error is spread.

    0 from 100, 1 from 1, 2 from 0.1, 3 from 0.01 and 4 below: two or three significant digits of the spread.
    """
    for decimals, limit in enumerate((100, 1, 0.1, 0.01)):
        if spread >= limit:
            return decimals
    return 4 if spread > 0 else 1


def estimate(number: Estimate, *, statistic: str = "") -> str:
    """Return an estimate with its interval: "0.63 (0.41 to 0.97)".

    statistic: that of the row. Ratios have the digits of ratio(), probabilities become percentages; of anything else
    the interval decides: a quarter of its width stands for the standard error (see decimals_for).
    """
    numbers = (number.value, number.low, number.high)
    if statistic in _RATIOS:
        value, low, high = (ratio(x) for x in numbers)
    else:
        scale = 100 if number.unit == "probability" else 1
        per_cent = number.unit in {"%", "probability"} or statistic == "percent"
        decimals = 1 if per_cent else _decimals_of_interval(numbers)
        value, low, high = (decimal(scale * x, decimals) for x in numbers)
        value += f"{NO_BREAK_SPACE}%" if per_cent else ""
    return f"{value} ({low} to {high})"


def _decimals_of_interval(numbers: tuple[float, float, float]) -> int:
    finite = [x for x in numbers if math.isfinite(x)]
    return decimals_for((max(finite) - min(finite)) / 4) if len(finite) > 1 else 1


def summary(number: Summary, *, statistic: str = "", spread: float | None = None) -> str:
    """Return a number without an interval.

    statistic: that of the row. spread: standard deviation (or distance of the quartiles) of what it describes, which
    decides the decimals; without it a number keeps three significant digits.
    """
    if statistic == "count":
        return count(number.value)
    if statistic == "number":
        return decimal(number.value, 0) if number.value == int(number.value) else f"{number.value:.4g}"
    if statistic == "percent" or number.unit in {"%", "probability"}:
        return percent(number.value * (100 if number.unit == "probability" else 1))
    if statistic in _RATIOS:
        return ratio(number.value)
    if statistic in _DECIMALS:
        return decimal(number.value, _DECIMALS[statistic])
    return decimal(number.value, decimals_for(spread if spread is not None else abs(number.value) / 10))


def value(
    number: Summary | Estimate | NotEstimable | Masked,
    *,
    statistic: str = "",
    spread: float | None = None,
    maximum: int = 4,
) -> str:
    """Return the text of any number of a Result.

    maximum: largest count that is masked as such, so that a small count (statistic "count", or "number") is "<5"; any
    other withheld number is "masked": a probability is never "<5".
    """
    if isinstance(number, NotEstimable):
        return NOT_ESTIMABLE
    if isinstance(number, Masked):
        return small_count(maximum) if number == Masked() and statistic in {"count", "number"} else MASKED
    if isinstance(number, Estimate):
        return estimate(number, statistic=statistic)
    return summary(number, statistic=statistic, spread=spread)


def row(number: Row, *, maximum: int = 4) -> str:
    """Return the text of a row; the p value of a test (level "p", "p, stratified by centre") has that of p_value."""
    if number.statistic == "test" and number.level.split(",")[0] == "p" and isinstance(number.value, Summary):
        return p_value(number.value.value)
    return value(number.value, statistic=number.statistic, maximum=maximum)


def small_count(maximum: int = 4) -> str:
    """Return the mark of a masked small count: "<5"."""
    return f"<{maximum + 1}"


def count_percent(
    number: Summary | Estimate | NotEstimable | Masked,
    share: Summary | Estimate | NotEstimable | Masked,
    *,
    maximum: int = 4,
) -> str:
    """Return a count with its percentage: "12 (30.0 %)"; the count alone where there is no percentage."""
    text = value(number, statistic="count", maximum=maximum)
    if isinstance(number, Summary) and isinstance(share, Summary):
        return f"{text} ({percent(share.value)})"
    return text


def part_of(part: Summary | Estimate | NotEstimable | Masked, rest: Summary | Estimate | NotEstimable | Masked) -> str:
    """Return a number of things with that of all of them: "6 of 135"; rest: the others."""
    if isinstance(part, Summary) and isinstance(rest, Summary):
        return f"{count(part.value)} of {count(part.value + rest.value)}"
    return value(part, statistic="number")


def mean_sd(mean: Summary | Estimate | NotEstimable | Masked, sd: Summary | Estimate | NotEstimable | Masked) -> str:
    """Return a mean with its standard deviation: "54.2 (12.1)"."""
    if isinstance(mean, Summary) and isinstance(sd, Summary):
        decimals = decimals_for(sd.value)
        return f"{decimal(mean.value, decimals)} ({decimal(sd.value, decimals)})"
    return value(mean)


def median_quartiles(
    median: Summary | Estimate | NotEstimable | Masked,
    low: Summary | Estimate | NotEstimable | Masked,
    high: Summary | Estimate | NotEstimable | Masked,
) -> str:
    """Return a median with the quartiles: "5.1 (3.2 to 7.0)"."""
    if isinstance(median, Summary) and isinstance(low, Summary) and isinstance(high, Summary):
        decimals = decimals_for(high.value - low.value)
        return " ".join(
            (
                decimal(median.value, decimals),
                f"({decimal(low.value, decimals)} to {decimal(high.value, decimals)})",
            )
        )
    return value(median)


def unit(name: str) -> str:
    """Return a unit as it is printed in a heading: "x ULN" with a multiplication sign, a probability as per cent."""
    return _UNITS.get(name, name)


def level(number: float) -> str:
    """Return the level of an interval: 0.95 is "95 %"."""
    return f"{100 * number:g}{NO_BREAK_SPACE}%"


def month(number: float) -> str:
    """Return months since time zero: "6", "12", "4.5"."""
    return decimal(number, 0 if number == int(number) else 1)


def day(iso: str | date) -> str:
    """Return a day as "30 June 2026", in English and without the locale; iso: a date or its ISO text."""
    when = iso if isinstance(iso, date) else date.fromisoformat(iso)
    return f"{when.day}{NO_BREAK_SPACE}{_MONTHS[when.month - 1]}{NO_BREAK_SPACE}{when.year}"
