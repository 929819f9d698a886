"""Linear mixed models by restricted maximum likelihood: patients, with or without a slope, within centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import norm

from analyses.methods.mixed_models.nested_rows import nest
from analyses.methods.mixed_models.reference_grid import Design, cells, design, mistake
from analyses.methods.mixed_models.variance_search import search
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyses.methods.mixed_models.nested_rows import Nested
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.restricted_likelihood import Array
    from analyses.methods.mixed_models.variance_search import Optimum

Inference = Literal["normal"]

ZERO = 1e-8
"""A variance below this share of the residual variance is called zero, as in lme4 (standard deviation below 1e-4)."""


@dataclass(frozen=True, kw_only=True)
class MixedFit:
    """A fitted linear mixed model, as plain numbers.

    terms: term, estimate, std_error, df, low, high, p (df is infinite with inference "normal").
    covariance: of the estimates, term by term. variance: group, effect, value (variances, and the covariance of
    intercept and slope). zero: what has no variance, or intercepts and slopes that go perfectly together ("centre",
    "patient"); a result, not a failure.
    intraclass_correlation: of two values of one centre ("centre") and of one patient ("patient"), where the slope is
    zero. n rows of so many patients and centres; centres is 0 without a centre effect; dropped: rows with a missing
    value. aliased: terms that the data cannot tell from those before them; they are left out of terms. residuals:
    response minus fixed effects, under the index of the data.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    variance: pd.DataFrame
    zero: tuple[str, ...]
    intraclass_correlation: Mapping[str, float]
    reml_criterion: float
    converged: bool
    n: int
    patients: int
    centres: int
    dropped: int
    aliased: tuple[str, ...]
    notes: tuple[str, ...]
    level: float
    residuals: pd.Series[float]
    _design: Design
    _nested: Nested

    def marginal_means(
        self, over: str | Sequence[str], *, at: Mapping[str, Iterable[Level]] | None = None
    ) -> pd.DataFrame:
        """Return the estimated marginal mean of every combination of the levels of the variables in over.

        at: values of numeric variables (otherwise their mean over the rows), or some of the levels of a factor.
        Columns: those of over, estimate, std_error, df, low, high, reason. Where the data do not determine a mean,
        its numbers are missing (pandas.NA) and reason says so; else reason is empty.
        """
        head, rows = cells(self._design, _names(over), at)
        return pd.concat([head, self._functions(rows).drop(columns="p")], axis=1)

    def contrasts(
        self,
        compare: str,
        *,
        by: str | Sequence[str] = (),
        reference: Level | None = None,
        at: Mapping[str, Iterable[Level]] | None = None,
    ) -> pd.DataFrame:
        """Return the differences of marginal means between the levels of one variable and its reference level.

        compare: the variable; by: one difference for every combination of these; reference: a level of compare, the
        first if None. Columns: those of by, level, reference, estimate, std_error, df, low, high, p, reason.
        """
        others = _names(by)
        head, rows = cells(self._design, (*others, compare), at)
        levels = list(dict.fromkeys(head[compare]))
        base = levels[0] if reference is None else reference
        if base not in levels:
            raise mistake(self._design.formula, f"{compare} has no level {base}.", f"Choose one of {levels}.")
        block = rows.reshape(-1, len(levels), rows.shape[1])
        kept = [i for i, level in enumerate(levels) if level != base]
        difference = (block[:, kept] - block[:, [levels.index(base)]]).reshape(-1, rows.shape[1])
        out = head.loc[head[compare] != base].reset_index(drop=True).rename(columns={compare: "level"})
        return pd.concat([out.assign(reference=base), self._functions(difference)], axis=1)

    def _functions(self, rows: Array) -> pd.DataFrame:
        """Return linear functions of the coefficients; one that the data do not determine has a reason instead."""
        kept = list(self._nested.kept)
        left = [i for i in range(rows.shape[1]) if i not in kept]
        known = np.isclose(rows[:, left], rows[:, kept] @ self._nested.aliases, atol=1e-8).all(axis=1)
        value = rows[:, kept] @ self.terms["estimate"].to_numpy()
        square = np.einsum("ij,jk,ik->i", rows[:, kept], self.covariance.to_numpy(), rows[:, kept])
        out = _inference(value, np.sqrt(np.maximum(square, 0)), self.level).astype("Float64")
        out.loc[~known, :] = pd.NA
        return out.assign(reason=np.where(known, "", "the data hold no information on it"))


def linear_mixed_model(
    formula: str,
    data: pd.DataFrame,
    *,
    patient: str,
    centre: str | None = None,
    slope: str | None = None,
    inference: Inference = "normal",
    level: float = 0.95,
) -> MixedFit | NotEstimable:
    """Fit a linear mixed model by restricted maximum likelihood.

    Parameters
    ----------
    formula
        Fixed effects, "response ~ terms", as formulaic reads it.
    data
        One row a measurement. Rows with a missing value in a variable used are dropped and counted.
    patient
        Column that names the patient, who has a random intercept.
    centre
        Column that names the centre, which has a random intercept around which those of its patients lie.
    slope
        Numeric column of which the patient has a random slope, correlated with the intercept.
    inference
        "normal": standard errors of the model and normal quantiles; df is infinite. The intervals are too narrow by a
        little for what varies between few centres or patients.
    level
        Of the intervals.

    Returns
    -------
    MixedFit or NotEstimable
        NotEstimable where the data cannot carry the model; the reason says what to change.

    Raises
    ------
    UserError
        A column that is not there, a formula that cannot be read, an infinite value, a patient in two centres.
    ValueError
        A level outside 0 to 1, or an inference that is not offered.

    Notes
    -----
    Laird, Ware 1982, Biometrics 38:963; criterion of Bates et al. 2015, J Stat Softw 67(1). Checked against lme4
    1.1-31 (estimates and standard errors 1e-6 relative, criterion 1e-9 absolute) and emmeans 1.8.4 (means and their
    differences).
    """
    if inference not in get_args(Inference):
        text = f"inference is {inference!r}; it can be one of {get_args(Inference)}"
        raise ValueError(text)
    if not 0 < level < 1:
        text = f"level is {level}; it lies between 0 and 1"
        raise ValueError(text)
    made = design(formula, data, also=[name for name in (patient, centre, slope) if name is not None])
    if isinstance(made, NotEstimable):
        return made
    nested = nest(made, data, patient=patient, centre=centre, slope=slope)
    if isinstance(nested, NotEstimable):
        return nested
    best = search(nested.sums, centres=nested.sums.first is not None)
    if best is None:
        return NotEstimable(reason="the values of a patient differ too little beside those of different patients")
    back = np.linalg.inv(nested.triangle)
    covariance = best.point.sigma2 * back @ best.point.inverse @ back.T
    names = [made.terms[i] for i in nested.kept]
    estimate = back @ (best.point.beta + nested.least_squares)
    variance = _variance(best, nested, slope)
    scaled = best.root @ best.root.T
    zero = tuple(
        name
        for name, share in (("centre", best.f), ("patient", float(np.linalg.eigvalsh(scaled)[0])))
        if share < ZERO and (name == "patient" or nested.sums.first is not None)
    )
    aliased = tuple(term for i, term in enumerate(made.terms) if i not in nested.kept)
    return MixedFit(
        terms=_inference(estimate, np.sqrt(np.diag(covariance)), level).assign(term=names)[
            ["term", "estimate", "std_error", "df", "low", "high", "p"]
        ],
        covariance=pd.DataFrame(covariance, index=names, columns=names),
        variance=variance,
        zero=zero,
        intraclass_correlation=_correlation(variance),
        reml_criterion=best.point.criterion + 2 * float(np.log(np.abs(np.diag(nested.triangle))).sum()),
        converged=best.converged,
        n=nested.sums.n,
        patients=nested.patients,
        centres=nested.centres,
        dropped=made.dropped,
        aliased=aliased,
        notes=_notes(best, nested, zero=zero, aliased=aliased, dropped=made.dropped),
        level=level,
        residuals=pd.Series(made.y - made.x[:, list(nested.kept)] @ estimate, index=data.index[made.rows]),
        _design=made,
        _nested=nested,
    )


def _inference(value: Array, error: Array, level: float) -> pd.DataFrame:
    reach = norm.ppf((1 + level) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 only where a function is zero by construction
        p = np.where(error > 0, 2 * norm.sf(np.abs(value / error)), 1.0)
    return pd.DataFrame(
        {"estimate": value, "std_error": error, "df": np.inf, "low": value - reach, "high": value + reach, "p": p}
    )


def _variance(best: Optimum, nested: Nested, slope: str | None) -> pd.DataFrame:
    """Return the variances in the units of the response and of the slope variable."""
    rows = [] if nested.sums.first is None else [("centre", "intercept", best.f * best.point.sigma2)]
    shift = np.array([[1.0, -nested.middle / nested.width], [0.0, 1 / nested.width]])
    factor = shift[: len(best.root), : len(best.root)] @ best.root
    patient = best.point.sigma2 * factor @ factor.T
    rows.append(("patient", "intercept", patient[0, 0]))
    if slope is not None:
        rows += [("patient", slope, patient[1, 1]), ("patient", f"intercept, {slope}", patient[0, 1])]
    rows.append(("residual", "", best.point.sigma2))
    return pd.DataFrame(rows, columns=["group", "effect", "value"])


def _correlation(variance: pd.DataFrame) -> dict[str, float]:
    intercept = variance.loc[variance["effect"].isin(["intercept", ""])].set_index("group")["value"]
    total = float(intercept.sum())
    between = float(intercept.get("centre", 0.0))
    patient = {"patient": (between + float(intercept["patient"])) / total}
    return {"centre": between / total, **patient} if "centre" in intercept else patient


def _notes(
    best: Optimum, nested: Nested, *, zero: tuple[str, ...], aliased: tuple[str, ...], dropped: int
) -> tuple[str, ...]:
    notes = []
    if "centre" in zero:
        notes.append("The variance of the centre effect is estimated at zero, the limit of what it can be.")
    if "patient" in zero and len(best.root) == 1:
        notes.append("The variance of the patient effect is estimated at zero, the limit of what it can be.")
    elif "patient" in zero:
        notes.append("A variance of the patient effects is estimated at zero, or their correlation at 1 or -1.")
    if not best.converged:
        notes.append(
            "Neither of two optimisers reached a maximum of the restricted likelihood; do not use the numbers."
        )
    elif best.optimiser != "L-BFGS-B":
        notes.append(f"The first optimiser failed; {best.optimiser} reached the maximum.")
    if nested.centres == 1:
        notes.append("There is one centre; its effect cannot be told from the intercept and is left out.")
    if aliased:
        notes.append(f"Left out because the data cannot tell them from other terms: {', '.join(aliased)}.")
    if dropped:
        notes.append(f"{dropped} rows with a missing value were left out.")
    return tuple(notes)


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
