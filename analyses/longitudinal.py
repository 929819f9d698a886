"""A measurement repeated over time, compared between the arms by a mixed model: who is in it, and the fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.covariates import covariate_name
from analyses.methods.mixed import MixedFit, linear_mixed_model
from analyses.result import NotEstimable
from analyses.tabulate import ARMS
from analyses.windows import in_windows, windows
from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyses.windows import Window
    from registry.cohort import Cohort
    from registry.study import Study

NO_BASELINE = "without a baseline value"
NO_COVARIATE = "without a covariate"
NO_LATER = "without a later value"
IN_MODEL = "in the model"
SAME = "all persons have the same value"
EMPTY = "nobody has a value"
ALIASED = "the data cannot tell them from other covariates"
PLACES = (NO_BASELINE, NO_COVARIATE, NO_LATER, IN_MODEL)
NOT_CONVERGED = NotEstimable(reason="the mixed model did not converge")


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """Persons and their values in windows, and the model fitted to one value a person and window.

    persons: person_id, arm, place (one of PLACES), baseline. measured: every value in a window, of persons in the
    model; used: the one nearest to the month, which the model reads (columns person_id, centre, arm, month, value,
    baseline, covariates). reference, comparator: the arms; a difference is comparator minus reference.
    """

    persons: pd.DataFrame
    measured: pd.DataFrame
    used: pd.DataFrame
    windows: tuple[Window, ...]
    reference: str
    comparator: str
    fit: MixedFit | NotEstimable
    notes: tuple[str, ...]

    @property
    def months(self) -> tuple[int, ...]:
        """Nominal months of the windows."""
        return tuple(window.month for window in self.windows)

    @property
    def comparison(self) -> str:
        """Level of the rows that compare the arms."""
        return f"{self.comparator} minus {self.reference}"

    def number_measured(self, arm: str, month: int) -> int:
        """Return how many persons of an arm have a value for a month; month 0 is baseline."""
        if month == 0:
            return int(((self.persons["arm"] == arm) & (self.persons["place"] == IN_MODEL)).sum())
        return int(((self.used["arm"] == arm) & (self.used["month"] == month)).sum())


def repeated(
    cohort: Cohort, study: Study, values: pd.DataFrame, *, baseline: pd.Series[float], same_as: str
) -> Repeated:
    """Return the model of values over time in a cohort.

    values: person_id, day and value on the scale of the model, none missing; those in no window, or before the entry
    of a prevalent person, are not used. baseline: the value before time zero on the same scale, a number for each row
    of cohort.patients. same_as: the covariate of the study that is this value; it is left out beside it.
    Raises UserError if the study names a covariate that the cohort does not have.
    """
    chosen = windows(study.analysis.trajectory_months)
    covariates = [name for name in dict.fromkeys(study.analysis.covariates) if name != same_as]
    unknown = [name for name in covariates if name not in cohort.patients]
    if unknown:
        raise _no_such_covariate(study, unknown)
    unrecorded = [name for name in covariates if cohort.patients[name].isna().all()]
    covariates = [name for name in covariates if name not in unrecorded]
    columns = ["person_id", "centre", "arm", "entry_day", *covariates]
    persons = cohort.patients[columns].assign(baseline=baseline.astype(float))
    late = in_windows(after_entry(cohort, values), chosen)
    persons["place"] = np.select(
        [
            persons["baseline"].isna(),
            persons[covariates].isna().any(axis=1),
            ~persons["person_id"].isin(late["person_id"]),
        ],
        [NO_BASELINE, NO_COVARIATE, NO_LATER],
        default=IN_MODEL,
    )
    members = persons.loc[persons["place"] == IN_MODEL].drop(columns=["place", "entry_day"])
    measured = late.merge(members, on="person_id")
    used = measured.drop_duplicates(["person_id", "month"], ignore_index=True)
    constant = [name for name in covariates if members[name].nunique() < 2]  # noqa: PLR2004  (two values vary)
    kept = [name for name in covariates if name not in constant]
    fit = _fit(used, study.analysis.reference, [window.month for window in chosen], kept)
    aliased = [name for name in kept if isinstance(fit, MixedFit) and name in fit.aliased]
    return Repeated(
        persons=persons[["person_id", "arm", "place", "baseline"]],
        measured=measured,
        used=used,
        windows=chosen,
        reference=study.analysis.reference,
        comparator=next(arm for arm in ARMS if arm != study.analysis.reference),
        fit=fit,
        notes=_notes(chosen, kept, {SAME: constant, EMPTY: unrecorded, ALIASED: aliased}),
    )


def after_entry(cohort: Cohort, values: pd.DataFrame) -> pd.DataFrame:
    """Return the values since a person's entry: a prevalent one is in the registry from that day only."""
    joined = values.merge(cohort.patients[["person_id", "entry_day"]], on="person_id")
    return joined.loc[joined["day"] >= joined["entry_day"]].drop(columns="entry_day")


def _fit(used: pd.DataFrame, reference: str, months: list[int], covariates: list[str]) -> MixedFit | NotEstimable:
    arms = [reference, *(arm for arm in ARMS if arm != reference)]
    data = used.assign(
        arm=pd.Categorical(used["arm"], categories=arms), month=pd.Categorical(used["month"], categories=months)
    )
    if data.empty:
        return NotEstimable(reason="nobody has a baseline value, all covariates and a later value")
    formula = " + ".join(["value ~ arm * month", "baseline", *covariates])
    fit = linear_mixed_model(formula, data, patient="person_id", centre="centre")
    if isinstance(fit, MixedFit) and not fit.converged:
        return NOT_CONVERGED
    return fit


def _notes(chosen: tuple[Window, ...], covariates: list[str], left_out: Mapping[str, list[str]]) -> tuple[str, ...]:
    adjusted = ", ".join(["the value before time zero", *(covariate_name(name) for name in covariates)])
    span = "; ".join(window.text() for window in chosen)
    notes = [
        f"A value counts for the month in whose window it was measured ({span}).",
        "Of several values in a window the nearest to the month counts; of two equally near, the earlier.",
        f"Linear mixed model with arm, month and their interaction, adjusted for {adjusted}.",
        "Random intercepts for persons within centres; restricted maximum likelihood; normal quantiles.",
        "Adjusted means hold at the average of the covariates over the measurements used.",
        "Values after a switch stay in the arm of time zero.",
        "Missing values are taken as missing at random given what was measured before.",
    ]
    notes += [f"Left out because {why}: {', '.join(names)}." for why, names in left_out.items() if names]
    return tuple(notes)


def _no_such_covariate(study: Study, unknown: list[str]) -> UserError:
    return UserError(
        f"{study.folder / 'study.toml'}, covariates",
        seen=f"Unknown: {', '.join(unknown)}.",
        expected="Expected columns of the cohort.",
        advice="Correct the names.",
        state="Nothing was analysed.",
        exit_code=ExitCode.BAD_STUDY,
    )
