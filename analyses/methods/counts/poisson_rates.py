"""Events per person-time: exact Poisson intervals of a rate, and exact conditional intervals of a ratio of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import beta, binom, chi2

from analyses.result import NotEstimable


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Events per so many person-years (per), with an exact interval."""

    value: float
    low: float
    high: float
    level: float
    events: int
    person_years: float
    per: float


@dataclass(frozen=True, kw_only=True)
class RateRatio:
    """A rate over the reference rate, with an exact interval and p-value.

    Without an event in the reference, value and high are infinite; low is a number. Without one in the other group,
    value and low are 0.
    """

    value: float
    low: float
    high: float
    level: float
    p: float
    events: int
    reference_events: int


def incidence_rate(events: int, person_years: float, *, per: float = 100, level: float = 0.95) -> Rate | NotEstimable:
    """Return events / person_years, times per, with Garwood's exact interval.

    low = per / (2 T) chi2(a/2; 2 d), high = per / (2 T) chi2(1 - a/2; 2 d + 2) with d events in T years, a = 1 -
    level; low is 0 without an event (Garwood 1936, Biometrika 28:437; Ulm 1990, Am J Epidemiol 131:373). Checked
    against statsmodels. Returns NotEstimable without person-years; raises ValueError for negative numbers or a level
    outside 0, 1.
    """
    _check(events, person_years, level)
    if person_years == 0:
        return NotEstimable(reason="no person-years")
    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    high = float(chi2.ppf(1 - tail, 2 * events + 2)) / 2
    scale = per / person_years
    return Rate(
        value=events * scale, low=low * scale, high=high * scale, level=level,
        events=int(events), person_years=float(person_years), per=per,
    )  # fmt: skip


def rate_ratio(
    events: int, person_years: float, reference_events: int, reference_person_years: float, *, level: float = 0.95
) -> RateRatio | NotEstimable:
    """Return the ratio of two rates with an exact interval, given the events of both together.

    Of d1 + d0 events, d1 is binomial with probability R T1 / (R T1 + T0), R being the ratio: the Clopper-Pearson
    limits of the probability, turned into ratios, are those of R (Przyborowski, Wilenski 1940, Biometrika 31:313). p
    is twice the smaller tail at R = 1, at most 1: it is below 1 - level just where the interval leaves 1 out. Checked
    against scipy and statsmodels. Returns NotEstimable without an event or without person-years in a group; raises
    ValueError for negative numbers or a level outside 0 to 1.
    """
    _check(events, person_years, level)
    _check(reference_events, reference_person_years, level)
    if person_years == 0 or reference_person_years == 0:
        return NotEstimable(reason="no person-years in a group")
    total = events + reference_events
    if total == 0:
        return NotEstimable(reason="no event in either group")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, events, reference_events + 1)) if events else 0.0
    high = float(beta.ppf(1 - tail, events + 1, reference_events)) if reference_events else 1.0
    even = person_years / (person_years + reference_person_years)
    p = 2 * min(float(binom.cdf(events, total, even)), float(binom.sf(events - 1, total, even)))
    scale = reference_person_years / person_years
    return RateRatio(
        value=events / reference_events * scale if reference_events else math.inf,
        low=low / (1 - low) * scale,
        high=high / (1 - high) * scale if high < 1 else math.inf,
        level=level,
        p=min(1.0, p),
        events=int(events),
        reference_events=int(reference_events),
    )


def _check(events: int, person_years: float, level: float) -> None:
    if events < 0 or not person_years >= 0 or not math.isfinite(person_years):
        text = f"{events} events in {person_years} person-years; neither can be negative, missing or infinite"
        raise ValueError(text)
    if events > 0 and person_years == 0:
        text = f"{events} events in no person-years"
        raise ValueError(text)
    if not 0 < level < 1:
        text = f"level is {level}; it lies between 0 and 1"
        raise ValueError(text)
