"""How much glucocorticoid the arms save: oral prednisone-equivalent dose over time.

Result "sparing". <arm> is ivig or rituximab, <group> an arm or all, <m> a month of study.analysis.trajectory_months (0
is baseline), <c> the comparison "rituximab minus ivig" (comparator minus reference), <d> the rule low_glucocorticoid_mg
("5"), <other>, <a> and <b> as in trajectory.py. Every row is always there; what cannot be had is a NotEstimable.

    topic            | level                    | group   | statistic              | month
    Persons          | in the cohort            | <group> | count                  |
    Persons          | without a baseline value | <group> | count                  |
    Persons          | without a covariate      | <group> | count                  |
    Persons          | without a later value    | <group> | count                  |
    Persons          | in the model             | <group> | count                  |
    Persons measured |                          | <group> | count                  | 0, <m>
    Measurements     |                          | <group> | count                  | <m>  all in the window
    Observed value   |                          | <arm>   | mean, sd               | 0, <m>  mg/day
    Observed value   |                          | <arm>   | median, quartile 1, 3  | 0, <m>  mg/day
    Adjusted mean    |                          | <arm>   | marginal mean          | <m>  log2(mg/day + 1)
    Adjusted mean    | mg/day                   | <arm>   | marginal mean          | <m>  2^mean - 1
    Difference       | <c>                      | all     | difference             | <m>  log2(mg/day + 1)
    Difference       | <c>, %                   | all     | difference             | <m>  of dose + 1 mg/day
    Difference, <other> | <c>                   | all     | difference             | <m>  log2(mg/day + 1)
    Difference, <other> | <c>, %                | all     | difference             | <m>  of dose + 1 mg/day
    Slope            | month <a> to <b>         | <arm>   | slope                  |  log2(mg/day + 1) a year
    Slope            | month <a> to <b>, %      | <arm>   | slope                  |  % of dose + 1 mg/day a year
    Slope            | <c>, month <a> to <b>    | all     | difference             |  log2(mg/day + 1) a year
    Slope            | <c>, month <a> to <b>, % | all     | difference             |  % of dose + 1 mg/day a year
    Variance         |                          | all     | variance               | <m>
    Variance         | centre, patient, residual | all     | variance               |
    Intraclass correlation | centre, patient    | all     | intraclass correlation |
    Low dose         | persons with a dose      | <group> | count                  | 0, 6, 12, 24
    Low dose         | at most <d> mg/day       | <group> | count, percent         | 0, 6, 12, 24  Wilson interval
    Low dose         | more than <d> mg/day     | <group> | count                  | 0, 6, 12, 24
    Cumulative dose  | persons                  | <group> | count                  | 12
    Cumulative dose  | without enough doses     | <group> | count                  | 12
    Cumulative dose  |                          | <arm>   | median, quartile 1, 3  | 12  mg

"quartile 1, 3" stands for "quartile 1" and "quartile 3".

Curves, one an arm: name "Adjusted mean", kind "line", unit "mg/day"; the first point (month 0) is the observed typical
dose at baseline (2^mean of log2(dose + 1), minus 1); at_risk are the persons measured.
Checks: those of trajectory.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.dose_burden import cumulative_dose, low_dose
from analyses.longitudinal import repeated
from analyses.longitudinal_checks import checks, notes
from analyses.longitudinal_fit import fitted
from analyses.longitudinal_model import Scale, adjusted, curves, model_rows, variance_rows
from analyses.longitudinal_rows import describe, month_id, person_rows, values_of
from analyses.longitudinal_sensitivity import sensitivity_rows
from analyses.origin import provenance
from analyses.result import Result, Row, Summary
from analyses.tabulate import ARMS, join

if TYPE_CHECKING:
    from analyses.longitudinal import Repeated
    from analyses.tabulate import Table
    from registry.cohort import Cohort
    from registry.study import Study

DOSE = Scale(unit="log2(mg/day + 1)", natural="mg/day", offset=1, drawn="natural")
DECIMALS = 6
"""Doses are kept to six decimals, so that one that comes back from its logarithm is the one that went in."""

NOTES = (
    "Dose is the oral daily dose as prednisone; pulses are not in it.",
    "The model reads the logarithm to base 2 of dose + 1 mg/day: doses are skewed and spread less as they are tapered.",
    "Transformed back, an adjusted mean is a typical (geometric) dose and lies below the arithmetic mean.",
    "A difference in per cent is that of dose + 1 mg/day.",
    "The share at a low dose is that of the persons with a dose in the window of the month, with Wilson's interval.",
    "Cumulative dose: the area from time zero to month 12 below straight lines between the doses stated.",
    "If no dose is stated after month 12, the last one before it is carried forward.",
    "Cumulative dose is that of persons with a dose at baseline and one in the window of month 12.",
)


def answer(cohort: Cohort, study: Study) -> Result:
    """Return the glucocorticoid dose over time; UserError if the study names a covariate that does not exist."""
    doses = _doses(cohort)
    logged = doses.assign(value=np.log2(doses["value"] + DOSE.offset))
    before = cohort.patients["prednisone"].astype(float).add(DOSE.offset).map(np.log2)
    data = repeated(cohort, study, logged, baseline=before, same_as="prednisone")
    models = fitted(data)
    means = adjusted(data, models, DOSE)
    table = join(
        [
            person_rows(data),
            _observed(data),
            model_rows(data, models, DOSE, means),
            sensitivity_rows(data, models, DOSE),
            variance_rows(data, models, DOSE),
            low_dose(cohort, doses, study),
            cumulative_dose(cohort, doses, study),
        ]
    )
    return Result(
        name="sparing",
        title="Glucocorticoid dose over time",
        question="How far can glucocorticoids be reduced after IVIG first and after rituximab first?",
        rows=table.rows,
        totals=table.totals,
        curves=curves(data, DOSE, means),
        checks=checks(data, models),
        notes=(*NOTES, *notes(data, models)),
        provenance=provenance(cohort),
    )


def _doses(cohort: Cohort) -> pd.DataFrame:
    stated = cohort.tables["prednisone_equivalent"]
    stated = stated.loc[stated["oral_mg_day"].notna()]
    return pd.DataFrame(
        {"person_id": stated["person_id"], "day": stated["day"], "value": stated["oral_mg_day"].astype(float)}
    )


def _observed(data: Repeated) -> Table:
    """Return how the doses that the model read are distributed, in mg/day."""
    tables = []
    for month in (0, *data.months):
        for arm in ARMS:
            like = Row(
                topic="Observed value", group=arm, statistic="mean", month=month,
                value=Summary(value=0, unit=DOSE.natural),
                rests_on=(month_id("Persons measured", "", arm, "count", month),),
            )  # fmt: skip
            dose = (2 ** values_of(data, arm, month) - DOSE.offset).round(DECIMALS)
            tables.append(describe(dose, ("mean", "sd", "median", "quartile 1", "quartile 3"), like))
    return join(tables)
