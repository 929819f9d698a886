"""How muscle enzymes, strength, disability and global activity move over time by arm.

Results "trajectory_ldh", "trajectory_ck" and "trajectory_aldolase" (unit "log2 x ULN"), "trajectory_mmt8" (unit
"points", scale 0 to 150), "trajectory_haq" (unit "points", scale 0 to 3) and "trajectory_phga" (unit "cm", scale 0 to
10). <arm> is ivig or rituximab, <group> an arm or all, <m> a month of study.analysis.trajectory_months (0 is baseline),
<c> the comparison "rituximab minus ivig" (comparator minus reference), <other> one of the models beside the primary
one: "centres as fixed effects", "random effects of persons and centres", "continuous time" (longitudinal_fit.py says
which models these are and why). <a> and <b> are the first month, 6 and the last month. Every row is always there; what
cannot be had is a NotEstimable.

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
    Adjusted mean            | x ULN                    | <arm>   | marginal mean           | <m>    enzymes
    Difference               | <c>                      | all     | difference              | <m>
    Difference               | <c>, %                   | all     | difference              | <m>    enzymes
    Difference, <other>      | <c>                      | all     | difference              | <m>
    Difference, <other>      | <c>, %                   | all     | difference              | <m>    enzymes
    Slope                    | month <a> to <b>         | <arm>   | slope                   |        a year
    Slope                    | month <a> to <b>, %      | <arm>   | slope                   |        enzymes
    Slope                    | <c>, month <a> to <b>    | all     | difference              |        a year
    Slope                    | <c>, month <a> to <b>, % | all     | difference              |        enzymes
    Variance                 |                          | all     | variance                | <m>
    Variance                 | centre, patient, residual| all     | variance                |        random effects
    Intraclass correlation   | centre, patient          | all     | intraclass correlation  |        random effects

Curves, one an arm: name "Adjusted mean", kind "line"; the first point (month 0) is the observed mean at baseline, the
others are the adjusted means; at_risk are the persons measured. For enzymes they are in "log2 x ULN".
Checks: "The model converged", "The covariance of the months is unstructured", "Spread of residuals by month and arm",
and, of the model with random effects, "No variance is at zero".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.longitudinal import repeated
from analyses.longitudinal_checks import checks, notes
from analyses.longitudinal_fit import fitted
from analyses.longitudinal_measures import MEASURES, values_in
from analyses.longitudinal_model import adjusted, curves, model_rows, variance_rows
from analyses.longitudinal_rows import describe, month_id, person_rows, values_of
from analyses.longitudinal_sensitivity import sensitivity_rows
from analyses.origin import provenance
from analyses.result import Result, Row, Summary
from analyses.tabulate import ARMS, join

if TYPE_CHECKING:
    from analyses.longitudinal import Repeated
    from analyses.longitudinal_measures import Outcome
    from analyses.longitudinal_model import Scale
    from analyses.tabulate import Table
    from registry.cohort import Cohort
    from registry.study import Study


def answer(cohort: Cohort, study: Study, *, outcome: Outcome) -> Result:
    """Return the trajectory of an outcome by arm; UserError if the study names a covariate that does not exist."""
    measure = MEASURES[outcome]
    scale = measure.scale
    data = repeated(
        cohort, study, values_in(cohort, measure), baseline=cohort.patients[measure.baseline], same_as=measure.baseline
    )
    models = fitted(data)
    means = adjusted(data, models, scale)
    table = join(
        [
            person_rows(data),
            _observed(data, scale),
            model_rows(data, models, scale, means),
            sensitivity_rows(data, models, scale),
            variance_rows(data, models, scale),
        ]
    )
    return Result(
        name=f"trajectory_{outcome}",
        title=measure.title,
        question=measure.question,
        rows=table.rows,
        totals=table.totals,
        curves=curves(data, scale, means),
        checks=checks(data, models),
        notes=(*measure.notes, *notes(data, models)),
        provenance=provenance(cohort),
    )


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
