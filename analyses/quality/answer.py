"""How complete, timely and consistent is what the centres send: the Result of data quality.

Result "quality". Ids are topic|level|group|statistic|month. G is the code of a centre or "all"; in the Result of one
centre ("quality_CENTRE") it is that code or "other centres". FIELD, RULE, KIND, ANALYTE, SEX and TABLE as named in
the modules beside this one; statistic "number" is of rules, files and limits, never of persons.

    Visits||G|count|   Results of muscle enzymes, Courses of IVIG, Courses stopped, Persons registered,
                       Persons given rituximab, Persons to be followed: what fields apply to
    Missing|FIELD|G|number|                             of visits and results: a number, and none for "all";
    Missing|FIELD|G|count|                              of courses and persons: a count
    Complete|FIELD|G|percent|                           not estimable where the field applies to nothing
    Rules, passed|KIND|G|number|                        also "Rules, failed" and "Rules, not applicable"; KIND is
    Tested|KIND|G|number|                               conformance, completeness, plausibility or every class;
    Failed|KIND|G|count|   Failed|KIND|G|rate|          tests, rows that failed one, and failures per 1,000 tests; of
                                                        every class only where there are details
    Rule|RULE|all|count|   Rule|RULE|all|percent|       the ten rules that fail most, in that order
    Rule, tested|RULE|all|count|   Rule, centres|RULE|all|number|
    Rule|other rules, KIND|all|count|
    Submissions||G|number|   Centres overdue||G|number|
    Since the last submission||G|median|                months; over the centres of the group
    From the last visit to the submission||G|median|    days
    Between submissions||G|median|                      months
    ULN|ANALYTE, SEX, [METHOD, ]MONTH to MONTH|CENTRE|number|           one row a period of the same limit
    ULN, changes|ANALYTE, SEX|CENTRE|number|   ULN, outside the usual limits|ANALYTE, SEX|CENTRE|number|
                                                        and of "every analyte" together
    ULN|ANALYTE, SEX|other centres|minimum|   ULN|ANALYTE, SEX|other centres|maximum|
    Persons measured|ANALYTE, SEX|G|count|   Results without ULN|ANALYTE, SEX|G|percent|
    Multiple of the ULN|ANALYTE, SEX|CENTRE|median|                     log2, of all results of the centre
    Multiple of the ULN, other centres|ANALYTE, SEX|CENTRE|median|      median of the medians of the other centres
    Multiple of the ULN, apart|ANALYTE, SEX|CENTRE|difference|
    Change|added|G|count|                               also removed and changed
    Change|removed|G|percent|   Change|changed|G|percent|   of the rows before
    Change|unchanged|all|count|   Change, TABLE|added|all|count|   also removed, changed and unchanged
    Rows accepted|DATE|CENTRE|count|                    as in Result "accrual", of centres with a submission before
    Rows after||all|count|                              their sum

Checks, one a centre: "Submission on time: CENTRE", "Rows removed: CENTRE", "Rows changed: CENTRE", and one a centre,
analyte and sex: "Multiples of the ULN: CENTRE, ANALYTE, SEX".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.quality.change import change, change_checks
from analyses.quality.completeness import completeness
from analyses.quality.groups import against_others, every_centre
from analyses.quality.rule_failures import rule_failures
from analyses.quality.timeliness import time_checks, timeliness
from analyses.quality.uln_audit import uln_audit, uln_checks
from analyses.result import Provenance, Result
from analyses.tabulate import join
from registry.errors import ExitCode, UserError
from registry.quality import read_sent

if TYPE_CHECKING:
    from analyses.quality.groups import Groups
    from registry.quality import Sent
    from registry.snapshot import Snapshot
    from registry.study import Study

EVERYBODY = "everybody registered"
NOTES = (
    "Everybody registered is counted, also who is in no comparison.",
    "A muscle enzyme is near a visit if it was measured, with a ULN, within the window of the core set.",
    "A centre's median multiple of the ULN is compared with the median of the other centres' medians.",
    "Rows are compared by their key; a person whose id changed is removed and added.",
)


def answer(snapshot: Snapshot, study: Study) -> Result:
    """Return the data quality of every centre and of all together.

    Raises UserError if the study's thresholds are no longer those that the snapshot was frozen with.
    """
    sent = read_sent(snapshot, study)
    return result_of(sent, every_centre(sent.centres), name="quality", title="Data quality")


def answer_for_centre(snapshot: Snapshot, study: Study, centre: str) -> Result:
    """Return the data quality of one centre beside all others together.

    Raises UserError if the study has no such centre, or as answer does.
    """
    names = {entry.code: entry.name for entry in study.centres}
    if centre not in names:
        raise UserError(
            str(study.folder / "study.toml"),
            seen=f"It has no centre {centre}.",
            expected=f"Expected one of: {', '.join(names)}.",
            advice="Correct the code.",
            state="Nothing was written.",
            exit_code=ExitCode.USAGE,
        )
    sent = read_sent(snapshot, study)
    groups = against_others(sent.centres, centre)
    return result_of(sent, groups, name=f"quality_{centre}", title=f"Data quality of {names[centre]}")


def result_of(sent: Sent, groups: Groups, *, name: str, title: str) -> Result:
    """Return the Result of what was sent, for groups of centres."""
    parts = (completeness, rule_failures, timeliness, uln_audit, change)
    table = join(part(sent, groups) for part in parts)
    return Result(
        name=name,
        title=title,
        question="How complete, timely and consistent is what the centres send?",
        rows=table.rows,
        totals=table.totals,
        checks=(*time_checks(sent, groups), *uln_checks(sent, groups), *change_checks(sent, groups)),
        notes=NOTES,
        provenance=Provenance(
            snapshot=sent.snapshot_id,
            data_cut=sent.data_cut.isoformat(),
            cohort=EVERYBODY,
            software=dict(sent.software),
        ),
    )
