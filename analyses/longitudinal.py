"""A measurement repeated over time, compared between the arms: who counts, and which value stands for a month."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analyses.tabulate import ARMS
from analyses.windows import in_windows, windows
from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analyses.windows import Window
    from registry.cohort import Cohort
    from registry.study import Study

NO_BASELINE = "without a baseline value"
NO_COVARIATE = "without a covariate"
NO_LATER = "without a later value"
IN_MODEL = "in the model"
SAME = "all persons have the same value"
EMPTY = "nobody has a value"
PLACES = (NO_BASELINE, NO_COVARIATE, NO_LATER, IN_MODEL)


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """Persons and their values in windows, of which the models read one a person and window.

    persons: person_id, arm, place (one of PLACES), baseline. measured: every value in a window, of persons in the
    model; used: the one nearest to the month, which the models read (columns person_id, centre, arm, month, day,
    value, baseline, covariates). reference, comparator: the arms; a difference is comparator minus reference.
    covariates: those that the models adjust for beside the value before time zero; left_out: the others, by why.
    """

    persons: pd.DataFrame
    measured: pd.DataFrame
    used: pd.DataFrame
    windows: tuple[Window, ...]
    reference: str
    comparator: str
    covariates: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]

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
        return self._measured.get((arm, month), 0)

    @cached_property
    def _measured(self) -> Mapping[tuple[str, int], int]:
        at_start = self.persons.loc[self.persons["place"] == IN_MODEL].groupby("arm").size()
        later = self.used.groupby(["arm", "month"]).size()
        return {(str(arm), 0): int(n) for arm, n in at_start.items()} | {
            (str(arm), int(month)): int(n)
            for arm, month, n in zip(
                later.index.get_level_values(0), later.index.get_level_values(1), later, strict=True
            )
        }


def repeated(
    cohort: Cohort, study: Study, values: pd.DataFrame, *, baseline: pd.Series[float], same_as: str
) -> Repeated:
    """Return who of a cohort counts with which values.

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
    return Repeated(
        persons=persons[["person_id", "arm", "place", "baseline"]],
        measured=measured,
        used=used,
        windows=chosen,
        reference=study.analysis.reference,
        comparator=next(arm for arm in ARMS if arm != study.analysis.reference),
        covariates=tuple(name for name in covariates if name not in constant),
        left_out={SAME: tuple(constant), EMPTY: tuple(unrecorded)},
    )


def after_entry(cohort: Cohort, values: pd.DataFrame) -> pd.DataFrame:
    """Return the values since a person's entry: a prevalent one is in the registry from that day only."""
    joined = values.merge(cohort.patients[["person_id", "entry_day"]], on="person_id")
    return joined.loc[joined["day"] >= joined["entry_day"]].drop(columns="entry_day")


def _no_such_covariate(study: Study, unknown: list[str]) -> UserError:
    return UserError(
        f"{study.folder / 'study.toml'}, covariates",
        seen=f"Unknown: {', '.join(unknown)}.",
        expected="Expected columns of the cohort.",
        advice="Correct the names.",
        state="Nothing was analysed.",
        exit_code=ExitCode.BAD_STUDY,
    )
