"""Events that come again, by first agent: the ratio of rates with persons as clusters, and the mean number of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.methods.rates import MeanNumber, mean_cumulative_number, recurrent_rate_ratio
from analyses.result import Curve, Estimate, NotEstimable, Row, Summary
from analyses.tabulate import ARMS, Table, number_id
from analyses.time_to_event import DAYS_A_MONTH

if TYPE_CHECKING:
    from registry.study import Study

GRID_MONTHS = 3
_SAME_DAY = 0.001
_FIRST_DAY = 0.5
NOTES = (
    (
        "The exact interval of a ratio of rates takes events as independent, and is too narrow where the same persons "
        "have several. The robust ratio counts all events of a person too, but takes persons as independent and not "
        "events (proportional rates of Lin, Wei, Yang and Ying; standard error corrected for few persons, CR2)."
    ),
    (
        "The mean number of events is that of a person who began, with none after death (Ghosh and Lin). It is not "
        "adjusted, and neither are the ratios."
    ),
)


def repeated(topic: str, had: str, events: pd.DataFrame, patients: pd.DataFrame, study: Study) -> Table:
    """Return the robust ratio, events by month and the mean number of events by arm at these months.

    topic: of the count of events. had: of the count of persons who had one. events: in follow-up, with person_id and
    day. patients: by person_id.
    """
    reference = study.analysis.reference
    (comparator,) = (arm for arm in ARMS if arm != reference)
    data = stretches(events, patients)
    data["comparator"] = (data["arm"] == comparator).astype(float)
    ratio = Row(
        topic=topic, level=f"{comparator} against {reference}, robust", statistic="rate ratio", value=_ratio(data),
        rests_on=(*(number_id(topic, "", arm) for arm in ARMS), *(number_id(had, "yes", arm) for arm in ARMS)),
    )  # fmt: skip
    rows = [ratio]
    for arm in ARMS:
        curve = _curve(data, arm)
        happened = data.loc[(data["arm"] == arm) & (data["event"] == 1), "month"]
        for month in sorted({12, 24, study.analysis.horizon_months}):
            number = Row(
                topic=topic, group=arm, statistic="count", month=month,
                value=Summary(value=int((happened <= month).sum())),
            )  # fmt: skip
            rests_on = (number.id, number_id(topic, "", arm), number_id(had, "yes", arm))
            rows += [
                number,
                Row(
                    topic=mean_name(topic), group=arm, statistic="mean", month=month, value=_mean(curve, month),
                    rests_on=rests_on,
                ),
            ]  # fmt: skip
    return Table(rows=tuple(rows))


def mean_name(topic: str) -> str:
    """Return the name of the mean number of events: "Mean number of serious infections"."""
    return f"Mean number of {topic[0].lower()}{topic[1:]}"


def stretches(events: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return rows of persons under observation (person, arm, entry, month), each with event 1 or 0 at its end.

    terminal is 1 where the person died then. Nobody is at risk at the moment of entry: an event of that day is taken to
    have come half a day later; several of one person and day, a thousandth of a day after each other.
    """
    entry = patients["entry_day"].astype(float)
    own = events.loc[events["person_id"].isin(patients.index), ["person_id", "day"]].sort_values(["person_id", "day"])
    behind = own.groupby(["person_id", "day"]).cumcount(ascending=False)
    first = own["person_id"].map(entry).astype(float) + _FIRST_DAY
    happened = pd.DataFrame(
        {
            "person": own["person_id"],
            "day": np.maximum(own["day"].astype(float), first) - _SAME_DAY * behind,
            "event": 1.0,
        }
    )
    end = pd.DataFrame({"person": patients.index, "day": patients["end_day"].astype(float).to_numpy(), "event": 0.0})
    rows = pd.concat([happened, end], ignore_index=True).sort_values(["person", "day", "event"], kind="stable")
    # an event on the last day ends the follow-up itself
    last = rows.groupby("person")["day"].transform("max")
    rows = rows[(rows["event"] == 1) | ~rows.duplicated(["person", "day"], keep=False)]
    before = rows.groupby("person")["day"].shift()
    died = rows["person"].map(patients["death_day"].notna()).astype(bool)
    return pd.DataFrame(
        {
            "person": rows["person"],
            "arm": rows["person"].map(patients["arm"]),
            "entry": before.fillna(rows["person"].map(entry).astype(float)) / DAYS_A_MONTH,
            "month": rows["day"] / DAYS_A_MONTH,
            "event": rows["event"],
            "terminal": (died & (rows["day"] == last.reindex(rows.index))).astype(float),
        }
    ).reset_index(drop=True)


def _ratio(data: pd.DataFrame) -> Estimate | NotEstimable:
    if data.loc[data["event"] == 1, "arm"].nunique() < len(ARMS):
        return NotEstimable(reason="no events in an arm")
    fit = recurrent_rate_ratio(
        "comparator", data, person="person", entry="entry", month="month", event="event", variance="CR2"
    )
    if isinstance(fit, NotEstimable):
        return fit
    term = fit.terms.iloc[0]
    value, low, high = (float(np.exp(term[name])) for name in ("estimate", "low", "high"))
    df = float(term["df"]) if math.isfinite(term["df"]) else None
    return Estimate(value=value, low=low, high=high, level=fit.level, p=float(term["p"]), df=df, events=fit.events)


def _curve(data: pd.DataFrame, arm: str) -> MeanNumber | NotEstimable:
    return mean_cumulative_number(
        data[data["arm"] == arm], person="person", entry="entry", month="month", event="event", terminal="terminal"
    )


def _mean(curve: MeanNumber | NotEstimable, month: float) -> Estimate | NotEstimable:
    at = curve.at([month])[0] if isinstance(curve, MeanNumber) else curve
    if isinstance(at, NotEstimable):
        return at
    return Estimate(value=at.mean, low=at.low, high=at.high, n=curve.n, events=at.events, unit="events per person")  # type: ignore[union-attr]


def mean_curves(topic: str, events: pd.DataFrame, patients: pd.DataFrame, *, horizon: float) -> tuple[Curve, ...]:
    """Return the mean number of events by arm, in quarters to the horizon or the end of the arm's follow-up."""
    data = stretches(events, patients)
    out = []
    for arm in ARMS:
        curve = _curve(data, arm)
        if isinstance(curve, NotEstimable):
            continue
        end = math.floor(curve.followed_to / GRID_MONTHS) * GRID_MONTHS
        end = min(end, math.ceil(horizon / GRID_MONTHS) * GRID_MONTHS)
        grid = tuple(float(month) for month in range(0, end + 1, GRID_MONTHS))
        places = np.flatnonzero(np.append(True, np.diff(curve.mean) > 0) & (curve.month <= end))
        places = np.append(places, places[-1]) if curve.month[places[-1]] < end else places
        month = np.append(curve.month[places[:-1]], end) if curve.month[places[-1]] < end else curve.month[places]
        at_risk = tuple(at.at_risk for at in curve.at(grid) if not isinstance(at, NotEstimable))
        out.append(
            Curve(
                name=mean_name(topic), group=arm, kind="step", unit="events per person", month=tuple(month.tolist()),
                value=tuple(curve.mean[places].tolist()), low=tuple(curve.low[places].tolist()),
                high=tuple(curve.high[places].tolist()), at_risk_month=grid[: len(at_risk)], at_risk=at_risk,
            )
        )  # fmt: skip
    return tuple(out)
