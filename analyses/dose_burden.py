"""The share of persons at a low glucocorticoid dose, and the dose added up over the first year."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from analyses.longitudinal import after_entry
from analyses.longitudinal_rows import count_by_month, describe, month_id
from analyses.result import Estimate, NotEstimable, Row, Summary, Total
from analyses.tabulate import ARMS, COHORT, GROUPS, Table, by_arm, join, number_id
from analyses.windows import DAYS_A_MONTH, in_windows, windows

if TYPE_CHECKING:
    from registry.cohort import Cohort
    from registry.study import Study

LOW_DOSE_MONTHS = (6, 12, 24)
CUMULATIVE_MONTHS = 12
LEVEL = 0.95


def low_dose(cohort: Cohort, doses: pd.DataFrame, study: Study) -> Table:
    """Return how many persons with a dose are at or below the rule low_glucocorticoid_mg, with Wilson's interval.

    doses: person_id, day, value in mg/day. Month 0 is the baseline dose of cohort.patients.
    """
    threshold = float(study.rules["low_glucocorticoid_mg"])
    chosen = windows({*study.analysis.trajectory_months, *LOW_DOSE_MONTHS})
    found = in_windows(after_entry(cohort, doses), chosen).drop_duplicates(["person_id", "month"])
    arm = cohort.patients.set_index("person_id")["arm"]
    tables = []
    for month in (0, *LOW_DOSE_MONTHS):
        at_month = found.loc[found["month"] == month].set_index("person_id")["value"]
        value = cohort.patients.set_index("person_id")["prednisone"].astype(float).dropna() if month == 0 else at_month
        tables.append(_low_at(value, arm.loc[value.index], month, threshold))
    return join(tables)


def _low_at(value: pd.Series[float], arm: pd.Series[str], month: int, threshold: float) -> Table:
    levels = ("persons with a dose", f"at most {threshold:g} mg/day", f"more than {threshold:g} mg/day")
    numbers: dict[str, dict[str, int]] = {level: {} for level in levels}
    for name in ARMS:
        own = value[arm == name]
        low = int((own <= threshold).sum())
        for level, number in zip(levels, (len(own), low, len(own) - low), strict=True):
            numbers[level][name] = number
    counts = join(count_by_month("Low dose", level, month, numbers[level]) for level in levels)
    rows, totals = [], []
    for group in GROUPS:
        whole, low_id, high_id = (month_id("Low dose", level, group, "count", month) for level in levels)
        totals.append(Total(total=whole, parts=(low_id, high_id)))
        chosen = by_arm(arm)[group]
        rows.append(
            Row(
                topic="Low dose", level=levels[1], group=group, statistic="percent", month=month,
                value=_share(int((value[chosen] <= threshold).sum()), int(chosen.sum())), rests_on=(low_id, whole),
            )
        )  # fmt: skip
    return join([counts, Table(rows=tuple(rows), totals=tuple(totals))])


def _share(part: int, whole: int) -> Estimate | NotEstimable:
    if whole == 0:
        return NotEstimable(reason="nobody has a dose in the window")
    low, high = proportion_confint(part, whole, alpha=1 - LEVEL, method="wilson")
    # At none or all, rounding leaves 1e-16 where Wilson's limit is exactly 0 or 1.
    return Estimate(
        value=100 * part / whole,
        low=100 * float(low) if part else 0.0,
        high=100 * float(high) if part < whole else 100.0,
        level=LEVEL,
        n=whole,
        events=part,
        unit="%",
    )


def cumulative_dose(cohort: Cohort, doses: pd.DataFrame, study: Study) -> Table:
    """Return median and quartiles of the oral dose added up from time zero to month 12, in mg.

    doses: person_id, day, value in mg/day. Its rows stand beside those of longitudinal_rows.person_rows.
    """
    arm = cohort.patients.set_index("person_id")["arm"]
    total = year_dose(cohort, doses, study)
    tables = []
    for level, persons in (("persons", total.index), ("without enough doses", arm.index.difference(total.index))):
        number = {name: int((arm.loc[persons] == name).sum()) for name in ARMS}
        tables.append(count_by_month("Cumulative dose", level, CUMULATIVE_MONTHS, number))
    parts = ("persons", "without enough doses")
    totals = tuple(
        Total(
            total=number_id("Persons", COHORT, group),
            parts=tuple(month_id("Cumulative dose", part, group, "count", CUMULATIVE_MONTHS) for part in parts),
        )
        for group in GROUPS
    )
    tables.append(Table(rows=(), totals=totals))
    for name in ARMS:
        like = Row(
            topic="Cumulative dose", group=name, statistic="median", month=CUMULATIVE_MONTHS,
            value=Summary(value=0, unit="mg"),
            rests_on=(month_id("Cumulative dose", "persons", name, "count", CUMULATIVE_MONTHS),),
        )  # fmt: skip
        own = total[arm.loc[total.index] == name]
        tables.append(describe(own, ("median", "quartile 1", "quartile 3"), like))
    return join(tables)


def year_dose(cohort: Cohort, doses: pd.DataFrame, study: Study) -> pd.Series[float]:
    """Return the dose added up from time zero to month 12 of every person for whom it can be had, in mg.

    The area below straight lines between the doses stated; after the last one before month 12 the line runs to the
    next, or stays level if there is none. Needs a baseline dose, one in the window of month 12, and entry at time zero.
    """
    last_day = CUMULATIVE_MONTHS * DAYS_A_MONTH
    patients = cohort.patients.loc[(cohort.patients["entry_day"] <= 0) & cohort.patients["prednisone"].notna()]
    chosen = [
        w for w in windows({*study.analysis.trajectory_months, CUMULATIVE_MONTHS}) if w.month == CUMULATIVE_MONTHS
    ]
    known = set(in_windows(doses, chosen)["person_id"])
    patients = patients.loc[patients["person_id"].isin(known)]
    start = pd.DataFrame(
        {"person_id": patients["person_id"], "day": 0.0, "value": patients["prednisone"].astype(float)}
    )
    later = doses.loc[(doses["day"] > 0) & doses["person_id"].isin(start["person_id"])]
    points = pd.concat([start, later[["person_id", "day", "value"]]]).astype({"day": float})
    points = points.sort_values(["person_id", "day"], kind="stable", ignore_index=True)
    person = points.groupby("person_id", sort=False)
    next_day = person["day"].shift(-1, fill_value=last_day).where(points["day"] < last_day)
    next_value = person["value"].shift(-1).fillna(points["value"])
    # A line that crosses month 12 counts up to there.
    end = next_day.clip(upper=last_day)
    slope = (next_value - points["value"]) / (next_day - points["day"])
    area = (end - points["day"]) * (points["value"] + slope * (end - points["day"]) / 2)
    return area.groupby(points["person_id"]).sum()
