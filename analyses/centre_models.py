"""The effect of the arm in every centre: from each centre alone, and from one model with shared covariate effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from analyses.event_hazard import ARM_TERM, fit, hazard_ratio
from analyses.methods.survival import CoxFit
from analyses.result import Estimate, NotEstimable
from analyses.tabulate import ARMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from analyses.event_hazard import Covariates


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Hazard ratios by centre; estimate and covariance: the log hazard ratios of those that have one, in that order."""

    ratios: Mapping[str, Estimate | NotEstimable]
    estimate: NDArray[np.float64]
    covariance: NDArray[np.float64]


def alone(people: pd.DataFrame, codes: tuple[str, ...], *, least: int) -> Effects:
    """Return the hazard ratios from the persons of each centre alone; least: persons below which there is none."""
    models = {code: _one(people[people["centre"] == code], least) for code in codes}
    fitted = [model for model in models.values() if isinstance(model, CoxFit)]
    return Effects(
        ratios={code: hazard_ratio(model, ARM_TERM) for code, model in models.items()},
        estimate=np.asarray([model.terms["estimate"].to_numpy()[0] for model in fitted], dtype=np.float64),
        covariance=np.diag([model.covariance.to_numpy()[0, 0] for model in fitted]),
    )


def shared(chosen: Covariates, unadjusted: Effects, *, least: int) -> Effects:
    """Return the hazard ratios of one model, stratified by centre, with an effect of the arm in each centre.

    Only centres that have an unadjusted hazard ratio, also among the persons with all covariates, are in the model.
    """
    people = chosen.people
    ratios = dict(unadjusted.ratios)
    for code in [code for code, value in ratios.items() if isinstance(value, Estimate)]:
        found = _one(people[people["centre"] == code], least)
        if isinstance(found, NotEstimable):
            ratios[code] = NotEstimable(reason=f"among persons with all covariates: {found.reason}")
    inside = {code: f"arm_in_centre_{i}" for i, code in enumerate(ratios) if isinstance(ratios[code], Estimate)}
    nothing = Effects(ratios=ratios, estimate=np.zeros(0), covariance=np.zeros((0, 0)))
    if not inside:
        return nothing
    columns = {term: people[ARM_TERM] * (people["centre"] == code) for code, term in inside.items()}
    used = people.assign(**columns)[people["centre"].isin(list(inside))]
    model = fit(used, " + ".join((*inside.values(), *chosen.used)), strata="centre")
    if isinstance(model, NotEstimable):
        ratios.update(dict.fromkeys(inside, model))
        return nothing
    for code, term in inside.items():
        value = hazard_ratio(model, term)
        # n and events of the model are those of all centres together
        ratios[code] = value.model_copy(update={"n": None, "events": None})
    names = list(inside.values())
    return Effects(
        ratios=ratios,
        estimate=model.terms.set_index("term").loc[names, "estimate"].to_numpy(dtype=np.float64),
        covariance=model.covariance.loc[names, names].to_numpy(dtype=np.float64),
    )


def heterogeneity(effects: Effects) -> tuple[float, int, float] | NotEstimable:
    """Return chi-square, degrees of freedom and p of the Wald test that all centres have one hazard ratio.

    With independent centres this is Cochran's Q. NotEstimable with fewer than two centres.
    """
    size = effects.estimate.size
    if size < 2:  # noqa: PLR2004  (a difference is between two)
        return NotEstimable(reason="fewer than two centres have a hazard ratio")
    contrast = np.column_stack((-np.ones(size - 1), np.eye(size - 1)))
    gap = contrast @ effects.estimate
    chi_square = float(gap @ np.linalg.solve(contrast @ effects.covariance @ contrast.T, gap))
    return chi_square, size - 1, float(chi2.sf(chi_square, size - 1))


def _one(people: pd.DataFrame, least: int) -> CoxFit | NotEstimable:
    if len(people) < least:
        return NotEstimable(reason=f"fewer than {least} persons")
    without = [arm for arm in ARMS if not ((people["arm"] == arm) & (people["event"] == 1)).any()]
    if without:
        return NotEstimable(reason=f"no event in {' and '.join(without)}")
    model = fit(people, ARM_TERM, strata=None)
    if isinstance(model, NotEstimable):
        return NotEstimable(reason="the hazard ratio would be infinite or 0")
    return model
