"""Time to response: moderate improvement (TIS >= 40) first, minimal (>= 20) and major (>= 60) beside it.

Result "response". ARM is "ivig" or "rituximab"; MONTH is 6, 12, 24 and the horizon; C is the comparator and R the
reference of study.toml. Ids are topic|level|group|statistic|month:

    Persons|in the cohort|ARM, all|count|                      everybody in the cohort
    Persons|never scorable|ARM, all|count|                     excluded: no visit whose score can decide
    Persons|event before entry|ARM, all|count|                 excluded: prevalent, and responded before
    Persons|no follow-up|ARM, all|count|                       excluded: not followed after time zero (or entry)
    Persons|analysed|ARM, all|count|
    Persons|missing a covariate|ARM, all|count|                analysed, but not in the adjusted hazard ratio
    Persons|complete covariates|ARM, all|count|
    Events||ARM, all|count|
    Events||ARM|count|MONTH                                    events by the month
    Events|complete covariates|ARM, all|count|
    Events|missing a covariate|ARM, all|count|
    Censored|death|ARM, all|count|                             death first, the competing event
    Censored|lost or withdrawn|ARM, all|count|
    Censored|still followed|ARM, all|count|
    Person-years||ARM, all|person-years|
    Death first||ARM|count|MONTH                               deaths without the event by the month
    Risk||ARM|risk|MONTH                                       Aalen-Johansen, death competing; unit "probability"
    Risk difference|C minus R|all|risk difference|MONTH
    Death first||ARM|risk|MONTH                                of death without the event; unit "probability"
    Median time||ARM|median time|                              by which half of all had it; infinity is "not reached"
    Restricted mean||ARM|restricted mean|HORIZON               months without the event, up to the horizon
    Restricted mean|C minus R|all|difference in restricted means|HORIZON
    Log-rank test|p, unstratified|all|test|
    Log-rank test|chi-square, unstratified|all|test|
    Log-rank test|p, stratified by centre|all|test|
    Log-rank test|chi-square, stratified by centre|all|test|
    Gray's test|p, unstratified|all|test|                      of the risks; not with delayed entry
    Gray's test|chi-square, unstratified|all|test|
    Gray's test|p, stratified by centre|all|test|
    Gray's test|chi-square, stratified by centre|all|test|
    Hazard ratio|adjusted, stratified by centre|all|hazard ratio|      C against R
    Hazard ratio|unadjusted, stratified by centre|all|hazard ratio|
    Hazard ratio|unadjusted|all|hazard ratio|
    Subdistribution hazard ratio|adjusted|all|hazard ratio|            C against R; not stratified
    Hazard ratio of covariate|COVARIATE|all|hazard ratio|       one a covariate of study.toml, of the adjusted model
    Proportional hazards|p, adjusted model|all|test|            of the arm; beside it a Check "Proportional hazards"
    Hazard ratio over time||all|hazard ratio|WHEN              C against R, adjusted, smoothed; WHEN is 3, 6, 12, 24

Minimal and major response have the same rows with ", minimal response" or ", major response" after the topic (for
example "Risk, major response||ivig|risk|12"), but not the last three. A covariate with one value only has a
NotEstimable. Hazard ratios have their variance by centre and df; where centres are too few, a note says so. Checks:
"Proportional hazards", "Events per term". Curves: "Cumulative incidence of response", "... of minimal response",
"... of major response" (kind "step", unit "probability", groups ARM), numbers at risk and events (cumulative) every
three months; "Hazard ratio over time" (kind "line", unit "hazard ratio", group "all"), of whole months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.event_answer import competing_notes, shared_notes, short_answer, whole_answer
from analyses.event_hazard import variance_notes
from analyses.origin import provenance
from analyses.result import Result
from analyses.tabulate import join
from analyses.time_to_event import Outcome, follow

if TYPE_CHECKING:
    from registry.cohort import Cohort
    from registry.study import Study

MODERATE = Outcome(day="response_40_day", name="response", seen="scorable", seen_day="response_40_day")
MINIMAL = Outcome(
    day="response_20_day",
    name="minimal response",
    suffix=", minimal response",
    seen=MODERATE.seen,
    seen_day=MODERATE.seen_day,
)
MAJOR = Outcome(
    day="response_60_day",
    name="major response",
    suffix=", major response",
    seen=MODERATE.seen,
    seen_day=MODERATE.seen_day,
)


def answer(cohort: Cohort, study: Study) -> Result:
    """Return when patients respond, by first agent.

    Raises UserError if a covariate of the study is no column of the cohort.
    """
    first = whole_answer(follow(cohort, study, MODERATE), study)
    others = tuple(short_answer(follow(cohort, study, outcome), study) for outcome in (MINIMAL, MAJOR))
    table = join((first.table, *(other.table for other in others)))
    return Result(
        name="response",
        title="Time to response",
        question="How soon do patients improve after IVIG first, and how soon after rituximab first?",
        rows=table.rows,
        totals=table.totals,
        curves=(*first.curves, *(curve for other in others for curve in other.curves)),
        checks=first.checks,
        notes=(
            *_notes(study),
            *shared_notes(cohort, study, "response"),
            *competing_notes(study, "response"),
            *variance_notes({name: model for part in (first, *others) for name, model in part.models.items()}),
            *first.notes,
        ),
        provenance=provenance(cohort),
    )


def _notes(study: Study) -> tuple[str, ...]:
    cuts = tuple(f"{study.rules[f'tis_{degree}']:f}" for degree in ("minimal", "moderate", "major"))
    return (
        (
            "Response is moderate improvement: the first visit with a total improvement score (TIS) of at least "
            f"{cuts[1]}. Minimal is at least {cuts[0]}, major at least {cuts[2]}. It is dated by the visit that "
            "found it."
        ),
        (
            "A score with missing measures counts where its lowest possible value reaches the cut. Persons without a "
            "response and without any visit whose score could decide are never scorable and excluded."
        ),
    )
