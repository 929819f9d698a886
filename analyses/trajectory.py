"""How muscle enzyme and strength move over time by arm: log2 of the LDH multiple, and MMT8.

Result "trajectory_ldh" (unit "log2 x ULN") and "trajectory_mmt8" (unit "points", scale 0 to 150). <arm> is ivig or
rituximab, <group> an arm or all, <m> a month of study.analysis.trajectory_months (0 is baseline), <c> the comparison
"rituximab minus ivig" (comparator minus reference). Every row is always there; what cannot be had is a NotEstimable.

    topic                    | level                    | group   | statistic               | month
    Persons                  | in the cohort            | <group> | count                   |
    Persons                  | without a baseline value | <group> | count                   |
    Persons                  | without a covariate      | <group> | count                   |
    Persons                  | without a later value    | <group> | count                   |
    Persons                  | in the model             | <group> | count                   |
    Persons measured         |                          | <group> | count                   | 0, <m>
    Measurements             |                          | <group> | count                   | <m>    all in the window
    Observed value           |                          | <arm>   | mean, sd                | 0, <m>
    Adjusted mean            |                          | <arm>   | marginal mean           | <m>
    Adjusted mean            | x ULN                    | <arm>   | marginal mean           | <m>    LDH only
    Difference               | <c>                      | all     | difference              | <m>
    Difference               | <c>, %                   | all     | difference              | <m>    LDH only
    Variance                 | centre, patient, residual| all     | variance                |
    Intraclass correlation   | centre, patient          | all     | intraclass correlation  |

Curves, one an arm: name "Adjusted mean", kind "line"; the first point (month 0) is the observed mean at baseline, the
others are the adjusted means; at_risk are the persons measured. For LDH they are in "log2 x ULN".
Checks: "The model converged", "No variance is at zero", "Spread of residuals by month".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

from analyses.longitudinal import repeated
from analyses.longitudinal_model import Scale, checks, curves, model_rows, variance_rows
from analyses.longitudinal_rows import describe, month_id, person_rows, values_of
from analyses.origin import provenance
from analyses.result import Result, Row, Summary
from analyses.tabulate import ARMS, join

if TYPE_CHECKING:
    from analyses.longitudinal import Repeated
    from analyses.tabulate import Table
    from registry.cohort import Cohort
    from registry.study import Study

Outcome = Literal["ldh", "mmt8"]

SCALES = {"ldh": Scale(unit="log2 x ULN", natural="x ULN"), "mmt8": Scale(unit="points")}
TITLES = {"ldh": "Lactate dehydrogenase over time", "mmt8": "Muscle strength over time"}
QUESTIONS = {
    "ldh": "How do multiples of the upper limit of normal of LDH move after IVIG first and after rituximab first?",
    "mmt8": "How does MMT8 move after IVIG first and after rituximab first?",
}
BASELINES = {"ldh": "log2_ldh", "mmt8": "mmt8"}
MMT_MAXIMUM = 150


def answer(cohort: Cohort, study: Study, *, outcome: Outcome) -> Result:
    """Return the trajectory of an outcome by arm; UserError if the study names a covariate that does not exist."""
    scale = SCALES[outcome]
    read = _ldh if outcome == "ldh" else _mmt8
    data = repeated(
        cohort, study, read(cohort), baseline=cohort.patients[BASELINES[outcome]], same_as=BASELINES[outcome]
    )
    table = join([person_rows(data), _observed(data, scale), model_rows(data, scale), variance_rows(data, scale)])
    return Result(
        name=f"trajectory_{outcome}",
        title=TITLES[outcome],
        question=QUESTIONS[outcome],
        rows=table.rows,
        totals=table.totals,
        curves=curves(data, scale),
        checks=checks(data),
        notes=(*NOTES[outcome], *data.notes),
        provenance=provenance(cohort),
    )


NOTES = {
    "ldh": (
        "LDH is divided by the upper limit of normal of its laboratory; a value without one is left out.",
        "The model reads the logarithm to base 2 of that multiple: 0 is the upper limit of normal, 1 is twice that.",
        "A difference d of logarithms is also given as 100 (2^d - 1) per cent.",
    ),
    "mmt8": ("MMT8 of the dominant side (maximum 80) is brought to the scale of both sides (maximum 150).",),
}


def _ldh(cohort: Cohort) -> pd.DataFrame:
    lab = cohort.tables["lab_multiple"]
    lab = lab.loc[(lab["analyte"] == "LDH") & lab["log2_multiple"].notna()]
    return pd.DataFrame({"person_id": lab["person_id"], "day": lab["day"], "value": lab["log2_multiple"].astype(float)})


def _mmt8(cohort: Cohort) -> pd.DataFrame:
    visit = cohort.tables["visit"]
    visit = visit.loc[visit["mmt8"].notna() & visit["mmt_maximum"].notna()]
    value = visit["mmt8"].astype(float) * MMT_MAXIMUM / visit["mmt_maximum"].astype(float)
    return pd.DataFrame({"person_id": visit["person_id"], "day": visit["day"], "value": value})


def _observed(data: Repeated, scale: Scale) -> Table:
    """Return mean and standard deviation of the values that the model read."""
    tables = []
    for month in (0, *data.months):
        for arm in ARMS:
            like = Row(
                topic="Observed value", group=arm, statistic="mean", month=month,
                value=Summary(value=0, unit=scale.unit),
                rests_on=(month_id("Persons measured", "", arm, "count", month),),
            )  # fmt: skip
            tables.append(describe(values_of(data, arm, month), ("mean", "sd"), like))
    return join(tables)
