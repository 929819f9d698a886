"""Events that come again: ratios of their rates, with all events of a person (Lin, Wei, Yang and Ying)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from analyses.methods.hazards.cox import cox
from analyses.methods.risk_sets import check_level
from analyses.methods.states.person_rows import person_rows

if TYPE_CHECKING:
    import pandas as pd

    from analyses.methods.hazards.cox_fit import CoxFit
    from analyses.result import NotEstimable


def recurrent_rate_ratio(
    formula: str,
    data: pd.DataFrame,
    *,
    person: str,
    entry: str,
    month: str,
    event: str,
    strata: str | None = None,
    weight: str | None = None,
    variance: Literal["sandwich", "CR2"] = "CR2",
    level: float = 0.95,
) -> CoxFit | NotEstimable:
    """Return log ratios of rates of an event that comes again (Lin, Wei, Yang and Ying 2000).

    A row of data is a stretch of a person's follow-up, at risk for entry < t <= month; event is 1 if one happened at
    its end. The rates are proportional at all times, and all events of a person count, the first as the last: the
    partial likelihood of Andersen and Gill 1982 (ties: Efron) with the sandwich variance by person, because the events
    of one person are not independent. Death may only end the follow-up here: the ratio is then that of the rates of
    those who are alive (see mean_cumulative_number for what a person has in all).
    variance: "CR2" corrects the "sandwich", which is that of the reference and of R, for few persons. With a rate
    ratio of 0.6, a gamma frailty of variance 1 and 600 simulated studies, intervals of the sandwich held the truth in
    93 % with 30 persons in an arm and in 90 % with 15, those of CR2 in 94 % of both.
    formula, strata, weight, level and what comes back: as for cox. exp(estimate) is the rate ratio. NotEstimable where
    cox is. Raises ValueError on impossible input, and if rows of a person overlap.
    Checked against R survival 3.5.3, coxph(Surv(entry, month, event) ~ ... + cluster(person)).
    """
    check_level(level)
    roles = [name for name in (person, entry, month, event) if name in data.columns]
    known = data[data[roles].notna().all(axis=1)]
    person_rows(known, person=person, entry=entry, month=month, weight=None, also=(event,))
    return cox(
        formula, data, month=month, event=event, entry=entry, strata=strata, weight=weight, cluster=person,
        variance=variance, level=level,
    )  # fmt: skip
