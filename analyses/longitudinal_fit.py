"""The models of a measurement repeated over time: one that its numbers come from, and others beside it.

By window: repeated measures (MMRM) with arm and the value before time zero, each by month, and a covariance of the
months; an unstructured one, or, where the data cannot carry that, the first of simpler ones that they can. Beside it
the same with centres as fixed effects, the same with random effects of persons and centres in place of the covariance,
and one in continuous time: a natural spline of the day itself with knots at the months of the study.

Chosen by simulation (260 studies of 240 patients as benchmarks/coverage.py draws them; share of 95 % intervals that
hold the truth). Over five months: MMRM 94.7 % for LDH, 93.5 % for MMT8 and 93.1 to 94.8 % for the other measures; in
single months 90 % (CK, month 24) to 97 %. Kenward and Roger with second derivatives, as the R package mmrm has it:
94.4 and 93.2 %, and with it centres as fixed effects 94.5 and 93.2 %, with errors that spread more in nearly every
month: they cost precision for nothing, and compare nobody where every centre gives one agent only. Random effects have
one spread for all months: intervals for CK and MMT8 are far too wide at month 1 (100 and 98 %) and too narrow at month
12 (87 and 90 %; MMRM 94 and 93 %). The value before time zero by month makes errors smaller; a covariance for each arm
changes nothing. Continuous time, 95.1 and 93.8 %, reads one value a window, too: visits are more frequent in a flare,
and with all measurements the difference of MMT8 at month 12 was 1.9 points off and held in 71 % of 100 studies; with
weights that make a window count once, in 81 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analyses.methods.mixed import MixedFit, linear_mixed_model
from analyses.methods.repeated import RepeatedFit, mmrm
from analyses.result import NotEstimable
from analyses.tabulate import ARMS
from analyses.windows import DAYS_A_MONTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyses.longitudinal import Repeated
    from analyses.methods.repeated import Covariance

STRUCTURES: dict[Covariance, str] = {
    "us": "unstructured",
    "toeph": "a variance for each month, and correlations by how many windows lie between",
    "csh": "a variance for each month, and one correlation",
    "cs": "one variance and one correlation",
}
"""Covariances of the months in the order in which they are tried, in words."""
NOBODY = NotEstimable(reason="nobody has a baseline value, all covariates and a later value")
NOT_CONVERGED = NotEstimable(reason="the model did not converge")
TOO_FEW = NotEstimable(reason="the measurements are too few, or too much alike, for the model")
NO_COVARIANCE = NotEstimable(reason="no covariance of the months can be estimated from these measurements")
ONE_CENTRE = NotEstimable(reason="there is only one centre")
MONTHS_A_YEAR = 12


@dataclass(frozen=True, kw_only=True)
class Models:
    """The fits of one measure.

    by_window: the primary one; structure: its covariance, empty if there is none. centre_fixed, centre_random,
    continuous: those beside it.
    """

    by_window: RepeatedFit | NotEstimable
    structure: Covariance | None
    centre_fixed: RepeatedFit | NotEstimable
    centre_random: MixedFit | NotEstimable
    continuous: MixedFit | NotEstimable


def fitted(data: Repeated) -> Models:
    """Return the models of a measure."""
    if data.used.empty:
        return Models(by_window=NOBODY, structure=None, centre_fixed=NOBODY, centre_random=NOBODY, continuous=NOBODY)
    rows = _typed(data)
    covariates = "".join(f" + {name}" for name in data.covariates)
    formula = f"value ~ (arm + baseline) * month{covariates}"
    one = len(rows["centre"].unique()) == 1
    by_window, structure = _repeated(formula, rows)
    return Models(
        by_window=by_window,
        structure=structure,
        centre_fixed=ONE_CENTRE if one else _repeated(f"{formula} + centre", rows)[0],
        centre_random=_usable(linear_mixed_model(formula, rows, patient="person_id", centre="centre")),
        continuous=_usable(
            linear_mixed_model(
                f"value ~ (arm + baseline) * {spline(data.months)}{covariates}", rows, patient="person_id",
                centre="centre", slope="years",
            )
        ),
    )  # fmt: skip


def spline(months: Sequence[int]) -> str:
    """Return the terms of a natural cubic spline of the years since time zero, with knots at these months.

    It is a straight line before the first month and beyond the last, and everywhere if there are fewer than three.
    """
    first, *inner, last = (month / MONTHS_A_YEAR for month in (months if len(months) > 1 else (0, *months)))
    if not inner:
        return "years"
    return f"cr(years, knots={tuple(inner)}, lower_bound={first}, upper_bound={last}, constraints='center')"


def _typed(data: Repeated) -> pd.DataFrame:
    arms = [data.reference, *(arm for arm in ARMS if arm != data.reference)]
    return data.used.assign(
        arm=pd.Categorical(data.used["arm"], categories=arms),
        month=pd.Categorical(data.used["month"], categories=data.months),
        years=data.used["day"] / (DAYS_A_MONTH * MONTHS_A_YEAR),
    )


def _repeated(formula: str, rows: pd.DataFrame) -> tuple[RepeatedFit | NotEstimable, Covariance | None]:
    """Return the fit with the first covariance that the data carry, and that covariance."""
    found: RepeatedFit | NotEstimable = NO_COVARIANCE
    for structure in STRUCTURES:
        found = mmrm(
            formula, rows, patient="person_id", visit="month", covariance=structure, inference="kenward-roger-linear"
        )
        if isinstance(found, RepeatedFit) and found.converged:
            return found, structure
    return NO_COVARIANCE if isinstance(found, NotEstimable) else NOT_CONVERGED, None


def _usable(found: MixedFit | NotEstimable) -> MixedFit | NotEstimable:
    """Return a fit that converged, or that there is none: a method's own reason may tell how few persons there are."""
    if isinstance(found, NotEstimable):
        return TOO_FEW
    return found if found.converged else NOT_CONVERGED
