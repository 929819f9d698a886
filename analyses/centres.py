"""Hazard ratio of response by centre: how far the centres agree.

Result "centres". CENTRE is the code of every centre of study.toml; C is the comparator and R the reference; ARM is
"ivig" or "rituximab":

    Persons|ARM, all|CENTRE, all|count|                         analysed; the level is the arm
    Events|ARM, all|CENTRE, all|count|                          moderate responses
    Hazard ratio|unadjusted|CENTRE|hazard ratio|                C against R, from that centre's persons alone
    Hazard ratio|adjusted|CENTRE|hazard ratio|                  one model: covariate effects shared by the centres,
                                                                an effect of the arm in each
    Hazard ratio|unadjusted, stratified by centre|all|hazard ratio|    the overall estimate
    Hazard ratio|adjusted, stratified by centre|all|hazard ratio|
    Heterogeneity|p, unadjusted|all|test|                       do the centres' hazard ratios differ
    Heterogeneity|p, adjusted|all|test|

"p" has a twin "chi-square" ("Heterogeneity|chi-square, adjusted|all|test|"). A centre below
analysis.minimum_centre_size, without events in both arms, or whose hazard ratio would be infinite has a NotEstimable
with the reason in both rows; a centre where only the persons with all covariates are too few, in "adjusted". Draw
"adjusted", and fall back to "unadjusted" only for all centres together. Check: "Events per term".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.centre_models import Effects, alone, heterogeneity, shared
from analyses.event_answer import shared_notes
from analyses.event_hazard import (
    ADJUSTED,
    ARM_TERM,
    adjusted,
    covariates,
    enough_events,
    fit,
    hazard_notes,
    hazard_ratio,
    variance_notes,
)
from analyses.origin import provenance
from analyses.response import MODERATE
from analyses.result import ALL, Estimate, NotEstimable, Result, Row, Summary, Total
from analyses.tabulate import ARMS, GROUPS, Table, count_row, join, number_id
from analyses.time_to_event import follow

if TYPE_CHECKING:
    import pandas as pd

    from registry.cohort import Cohort
    from registry.study import Study


def answer(cohort: Cohort, study: Study) -> Result:
    """Return the hazard ratio of moderate response in every centre and over all.

    Raises UserError if a covariate of the study is no column of the cohort.
    """
    followed = follow(cohort, study, MODERATE)
    people, chosen = followed.people, covariates(followed, study)
    codes = tuple(sorted({*(centre.code for centre in study.centres), *cohort.patients["centre"]}))
    least = study.analysis.minimum_centre_size
    unadjusted = alone(people, codes, least=least)
    by_centre = {"unadjusted": unadjusted, "adjusted": shared(chosen, unadjusted, least=least)}
    overall = {
        "unadjusted, stratified by centre": fit(people, ARM_TERM, strata="centre", cluster="centre"),
        ADJUSTED: adjusted(chosen),
    }
    rows = [row for level, effects in by_centre.items() for row in _rows(level, effects)]
    rows += [
        Row(
            topic="Hazard ratio",
            level=level,
            statistic="hazard ratio",
            value=hazard_ratio(model, ARM_TERM),
            rests_on=_ids(ALL),
        )
        for level, model in overall.items()
    ]
    rows += [row for level, effects in by_centre.items() for row in _tests(level, effects)]
    table = join((_counts(people, codes), Table(rows=tuple(rows))))
    return Result(
        name="centres",
        title="Response by centre",
        question="Do the centres agree on how soon patients improve after rituximab first and after IVIG first?",
        rows=table.rows,
        totals=table.totals,
        checks=(enough_events(chosen),),
        notes=(
            *_notes(study),
            *shared_notes(cohort, study, "response"),
            *variance_notes(overall),
            *hazard_notes(chosen),
        ),
        provenance=provenance(cohort),
    )


def _counts(people: pd.DataFrame, codes: tuple[str, ...]) -> Table:
    rows: list[Row] = []
    totals: list[Total] = []
    for topic, number in (("Persons", np.ones(len(people))), ("Events", people["event"].to_numpy())):
        for group in (*codes, ALL):
            inside = (people["centre"] == group).to_numpy() | (group == ALL)
            for arm in GROUPS:
                own = inside & ((people["arm"] == arm).to_numpy() | (arm == ALL))
                rows.append(count_row(int(number[own].sum()), topic, arm, group))
            parts = tuple(number_id(topic, arm, group) for arm in ARMS)
            totals.append(Total(total=number_id(topic, ALL, group), parts=parts))
        for arm in GROUPS:
            parts = tuple(number_id(topic, arm, code) for code in codes)
            totals.append(Total(total=number_id(topic, arm, ALL), parts=parts))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _rows(level: str, effects: Effects) -> list[Row]:
    return [
        Row(topic="Hazard ratio", level=level, group=code, statistic="hazard ratio", value=value, rests_on=_ids(code))
        for code, value in effects.ratios.items()
    ]


def _tests(level: str, effects: Effects) -> list[Row]:
    test = heterogeneity(effects)
    values: dict[str, Summary | NotEstimable]
    if isinstance(test, NotEstimable):
        values = dict.fromkeys(("p", "chi-square"), test)
    else:
        chi_square, df, p = test
        unit = f"chi-square, {df} degree{'' if df == 1 else 's'} of freedom"
        values = {"p": Summary(value=p, unit="p"), "chi-square": Summary(value=chi_square, unit=unit)}
    # with two centres the test and one hazard ratio give the other back: it goes when the counts of one are small
    compared = [code for code, ratio in effects.ratios.items() if isinstance(ratio, Estimate)]
    rests_on = (*_ids(ALL), *(i for code in compared for i in _ids(code)))
    return [
        Row(topic="Heterogeneity", level=f"{name}, {level}", statistic="test", value=value, rests_on=rests_on)
        for name, value in values.items()
    ]


def _ids(group: str) -> tuple[str, ...]:
    return tuple(number_id(topic, arm, group) for topic in ("Persons", "Events") for arm in ARMS)


def _notes(study: Study) -> tuple[str, ...]:
    return (
        (
            "Each centre's adjusted hazard ratio comes from one model: effects of the covariates are shared by the "
            "centres, the baseline hazard and the effect of the arm are each centre's own. The unadjusted one comes "
            "from that centre alone. Limits and tests of the centres are those of the model, for a centre by itself "
            "tells nothing about how alike its persons are."
        ),
        (
            f"Centres with fewer than {study.analysis.minimum_centre_size} persons, or without events in both arms, "
            "have no hazard ratio of their own; they are in the overall ones."
        ),
        "Heterogeneity is the Wald test of equal hazard ratios in the centres that have one. It sees little with few.",
    )
