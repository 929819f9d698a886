"""Repeated measures at planned visits: a covariance matrix of the visits, and small-sample inference (MMRM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from analyses.methods.mixed_models.fixed_effects import FixedEffects
from analyses.methods.mixed_models.reference_grid import design
from analyses.methods.mixed_models.restricted_likelihood import Method
from analyses.methods.repeated_measures.estimable import no_covariance, too_few_pairs
from analyses.methods.repeated_measures.repeated_fit import RepeatedFit, repeated_fit
from analyses.methods.repeated_measures.visit_covariance import Covariance
from analyses.methods.repeated_measures.visit_inference import VisitInference, uncertainty
from analyses.methods.repeated_measures.visit_rows import arrange
from analyses.methods.repeated_measures.visit_search import search
from analyses.result import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Covariance", "Method", "RepeatedFit", "VisitInference", "mmrm"]


def mmrm(
    formula: str,
    data: pd.DataFrame,
    *,
    patient: str,
    visit: str,
    covariance: Covariance = "us",
    group: str | None = None,
    method: Method = "reml",
    inference: VisitInference = "kenward-roger",
    level: float = 0.95,
) -> RepeatedFit | NotEstimable:
    """Fit a model of repeated measures, in which the visits of a patient have a covariance matrix and no random effect.

    Patients are independent. A patient who lacks visits counts with those that are there, which is right if what is
    missing depends only on what was seen.

    Parameters
    ----------
    formula
        Fixed effects, "response ~ terms", as formulaic reads it; usually arm * C(visit) and values at baseline.
    data
        One row a patient and visit. Rows with a missing value in a variable used are dropped and counted.
    patient
        Column that names the patient.
    visit
        Column of the visit. Visits are in the order of their categories, otherwise sorted; those without a row do not
        count. toep and ar1 take them as equally far apart.
    covariance
        "us": unstructured. "toeph", "ar1h", "csh": a variance for each visit, and correlations that depend on how many
        visits lie between, are powers of one, or are all the same. "toep", "ar1", "cs": the same with one variance.
    group
        Column, constant in a patient, each level of which has a covariance of its own (the arm, for example).
    method
        "reml": restricted maximum likelihood; "ml": maximum likelihood, to compare fixed effects by their likelihood.
    inference
        "kenward-roger": standard errors and degrees of freedom of Kenward and Roger with second derivatives, as the R
        package mmrm has them; "kenward-roger-linear": without these, as SAS and mmrm's "Kenward-Roger-Linear", the
        better choice with few patients (see the notes); "satterthwaite": standard errors of the model; "normal": the
        same, and infinite degrees of freedom.
    level
        Of the intervals.

    Returns
    -------
    RepeatedFit or NotEstimable
        NotEstimable where the data cannot carry the covariance; the reason says what to change.

    Raises
    ------
    UserError
        A column that is not there, a formula that cannot be read, an infinite value, a patient with two rows of one
        visit or in two groups.
    ValueError
        A setting that is not offered, a level outside 0 to 1, Kenward and Roger with "ml".

    Notes
    -----
    Mallinckrodt et al. 2008, Drug Inf J 42:303; Kenward, Roger 1997, Biometrics 53:983. Where a covariance is not
    linear in its parameters, the standard errors of Kenward and Roger depend on what the parameters are. With
    "kenward-roger" they are those of the R package mmrm: with second derivatives, by its parameters (visit_covariance).
    SAS takes the variances and covariances of an unstructured matrix as parameters, so that the second derivatives are
    zero: "kenward-roger-linear", which does not depend on the parameters. With few patients the difference is not
    small. For Student's sleep data, ten patients with two visits each, the paired t-test has a standard error of 0.389,
    as have "kenward-roger-linear" and "satterthwaite"; mmrm and "kenward-roger" have 0.339, and with an unstructured
    covariance theirs depend on the order of the visits. Degrees of freedom depend on neither; the covariance of the
    parameters comes from the observed information, as in mmrm.

    A step of the search takes a time that depends on how many patterns of visits there are, not on how many patients.

    Checked against mmrm 0.3 (estimates, standard errors, degrees of freedom, criterion), nlme's gls (all seven
    covariances, one or one for each group), and matrices of the size of the data.
    """
    _check(covariance, method, inference, level)
    also = [name for name in (patient, visit, group) if name is not None]
    made = design(formula, data, also=also)
    if isinstance(made, NotEstimable):
        return made
    rows = arrange(made, data, patient=patient, visit=visit, group=group)
    if isinstance(rows, NotEstimable):
        return rows
    weak = too_few_pairs(rows, covariance)
    if weak:
        return NotEstimable(reason=weak)
    best = search(rows, covariance, restricted=method == "reml")
    if best is None or best.singular:
        return NotEstimable(reason=no_covariance(rows, best, covariance))
    known = uncertainty(rows, best, covariance, inference=inference, level=level)
    if isinstance(known, NotEstimable):
        return known
    effects = FixedEffects(design=made, kept=rows.kept, aliases=rows.aliases, known=known)
    return repeated_fit(rows, best, effects, covariance, method, data.index)


def _check(covariance: str, method: str, inference: str, level: float) -> None:
    for name, value, offered in (
        ("covariance", covariance, get_args(Covariance)),
        ("method", method, get_args(Method)),
        ("inference", inference, get_args(VisitInference)),
    ):
        if value not in offered:
            text = f"{name} is {value!r}; it can be one of {offered}"
            raise ValueError(text)
    if not 0 < level < 1:
        text = f"level is {level}; it lies between 0 and 1"
        raise ValueError(text)
    if method == "ml" and inference.startswith("kenward-roger"):
        raise ValueError("Kenward and Roger's inference is of restricted likelihood; with ml, choose satterthwaite")
