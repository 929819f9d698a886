"""The mean number of events of a person over time, where events come again and death may stop them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2, norm

from analyses.methods.risk_sets import check_level, positive
from analyses.methods.states.person_rows import PersonRows, person_rows, refuse
from analyses.methods.states.running_influence import Course, at_risk_by_place, running_variance
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanNumberAt:
    """The mean number at one time. at_risk: persons seen just before it; events: up to and including it."""

    month: float
    mean: float
    std_error: float
    low: float
    high: float
    at_risk: int
    events: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanNumber:
    """Mean number of events of a person: arrays with an element for month 0 and each time of an event.

    They hold from their month up to the next one. survival: the probability of no terminal event (1 without one).
    n: persons; events: all that were counted; followed_to: the end of the longest follow-up.
    """

    month: Floats
    mean: Floats
    std_error: Floats
    low: Floats
    high: Floats
    survival: Floats
    n: int
    events: int
    followed_to: float
    level: float
    rows: PersonRows = field(repr=False)
    happened: NDArray[np.bool_] = field(repr=False)

    def at(self, months: Iterable[float]) -> tuple[MeanNumberAt | NotEstimable, ...]:
        """Return the mean at each time; NotEstimable after the longest follow-up, unless nobody survives."""
        return tuple(self._at(float(month)) for month in months)

    def _at(self, month: float) -> MeanNumberAt | NotEstimable:
        if month > self.followed_to and self.survival[-1] > 0:
            return NotEstimable(reason=f"nobody is followed beyond month {math.floor(self.followed_to)}")
        place = max(0, int(np.searchsorted(self.month, month, side="right")) - 1)
        high = float(self.high[place])
        if self.mean[place] == 0:  # those at risk now, not those at risk at the last time
            high = float(_none(self.rows, np.array([month]), self.level)[0])
        return MeanNumberAt(
            month=month,
            mean=float(self.mean[place]),
            std_error=float(self.std_error[place]),
            low=float(self.low[place]),
            high=high,
            at_risk=int(self.rows.at_risk(np.array([month]), np.ones(self.rows.month.size))[0]),
            events=int(np.sum(self.happened & (self.rows.month <= month))),
        )


def mean_cumulative_number(
    data: pd.DataFrame,
    *,
    person: str,
    entry: str,
    month: str,
    event: str,
    terminal: str | None = None,
    weight: str | None = None,
    level: float = 0.95,
) -> MeanNumber | NotEstimable:
    """Return the mean number of events of a person up to each time.

    data, person, entry, month, event, weight: as for recurrent_rate_ratio; a person may come late and be out of sight
    for a while. terminal: column that is 1 where a person died at `month`; later rows of that person are impossible.
    The mean is the sum over event times t of S(t-) d(t) / n(t), with d events among n at risk (weighted) and S the
    Kaplan-Meier curve of the terminal event (Ghosh and Lin 2000): nobody has events after death, so that those who
    died early lower the mean, which counting them as censored would not. Without a terminal event S is 1 (Nelson 1972;
    Lawless and Nadeau 1995). An event at the very time of death counts.
    Standard error: infinitesimal jackknife by person; whole weights stand for that many alike persons. Interval: of
    the logarithm: in arms of 30 (15), with a frailty of variance 1 and deaths, it held the truth in 93 to 94 % (90 to
    94), a plain one in 90 (84 to 86). Before the first event it goes from 0 to -log((1 - level) / 2) / number at risk,
    the exact limit of Poisson for none; where persons are too alike for a standard error it is Garwood's for as many
    events.
    NotEstimable if there is nobody (of positive weight). Raises ValueError on impossible input, and says in how many
    persons. Checked against R survival 3.5.3 (no terminal event), by hand and by jackknife.
    """
    check_level(level)
    flags = [event, *([terminal] if terminal else [])]
    rows, data = person_rows(data, person=person, entry=entry, month=month, weight=weight, also=flags)
    if data[flags].isna().any(axis=None):
        text = f"values are missing in {' or '.join(flags)}"
        raise ValueError(text)
    values = data[flags].to_numpy(dtype=np.float64)
    died = values[:, -1] == 1 if terminal else np.zeros(len(values), dtype=bool)
    refuse(
        rows,
        {
            f"with {' or '.join(flags)} neither 0 nor 1": np.any((values != 0) & (values != 1), axis=1),
            "with a row after the terminal event": rows.again & np.append(False, died[:-1])[: died.size],
        },
    )
    some = rows.weight > 0
    return _mean_number(rows.kept(some), values[some, 0] == 1, died[some], level)


def _mean_number(
    rows: PersonRows, happened: NDArray[np.bool_], died: NDArray[np.bool_], level: float
) -> MeanNumber | NotEstimable:
    if rows.person.size == 0:
        return NotEstimable(reason="there is nobody to follow")
    times = np.unique(rows.month[happened | died])
    course, survival, mean = _course(rows, happened, died, times)
    variance = running_variance(course)[:, 1]
    std_error = np.sqrt(variance)
    tail = (1 - level) / 2
    total = np.searchsorted(np.sort(rows.month[happened]), np.append(0.0, times), side="right")
    some = positive(mean)
    reach = np.exp(norm.isf(tail) * std_error / some)
    alike = std_error == 0
    counted = np.maximum(total, 1)
    low = np.where(alike, mean * chi2.ppf(tail, 2 * counted) / (2 * counted), mean / reach)
    high = np.where(alike, mean * chi2.isf(tail, 2 * counted + 2) / (2 * counted), mean * reach)
    months = np.append(0.0, times)
    return MeanNumber(
        month=months,
        mean=mean,
        std_error=std_error,
        low=low,
        high=np.where(mean > 0, high, _none(rows, months, level)),
        survival=survival,
        n=int(rows.person.max()) + 1,
        events=int(happened.sum()),
        followed_to=float(rows.month.max()),
        level=level,
        rows=rows,
        happened=happened,
    )


def _course(
    rows: PersonRows, happened: NDArray[np.bool_], died: NDArray[np.bool_], times: Floats
) -> tuple[Course, Floats, Floats]:
    """Return the course of (survival, mean number), and the two: a step takes S to S (1 - dead / n), and adds S d / n.

    All rows are at risk in the first place; the second only adds up.
    """
    start, stop = (np.searchsorted(times, time, side="right") for time in (rows.entry, rows.month))
    numbers, weighed = (
        at_risk_by_place(start, stop, np.zeros_like(start), weight, shape=(times.size, 1))[:, 0]
        for weight in (np.ones(start.size), rows.weight)
    )
    last = np.maximum(stop - 1, 0)
    events, deaths = (
        np.bincount(last[own], weights=rows.weight[own], minlength=times.size)[: times.size] for own in (happened, died)
    )
    emptied = numbers == np.bincount(last[died], minlength=times.size)[: times.size]
    weighed = np.where(emptied, deaths, weighed)
    step = np.zeros((times.size, 2, 2))
    step[:, 0, 0] = np.where(emptied, 0.0, 1 - deaths / positive(weighed))
    step[:, 0, 1] = events / positive(weighed)
    step[:, 1, 1] = 1.0
    survival = np.append(1.0, np.cumprod(step[:, 0, 0]))
    mean = np.append(0.0, np.cumsum(survival[:-1] * step[:, 0, 1]))
    gain = np.zeros((times.size, 2))
    gain[:, 0] = np.where(numbers > 0, survival[:-1] / positive(weighed), 0.0)
    jump = np.zeros((start.size, 2))
    own = happened | died
    jump[own] = (rows.factor[own] * gain[last[own], 0])[:, None] * np.stack([-1.0 * died[own], 1.0 * happened[own]], 1)
    course = Course(
        step=step, gain=gain, person=rows.person, start=start, stop=stop, place=np.zeros(start.size, dtype=np.int64),
        factor=rows.factor, jump=jump, initial=np.zeros((int(rows.person.max()) + 1, 2)),
    )  # fmt: skip
    return course, survival, mean


def _none(rows: PersonRows, months: Floats, level: float) -> Floats:
    """Return the upper limit of a mean of which nobody at risk had an event, infinity if nobody is at risk."""
    number = rows.at_risk(months, rows.weight)
    if rows.weighting == "weights":
        number = np.square(number) / positive(rows.at_risk(months, np.square(rows.weight)))
    return np.where(number > 0, -math.log((1 - level) / 2) / positive(number), np.inf)
