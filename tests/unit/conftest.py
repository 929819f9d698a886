"""Handmade Results of one small study: every name that the committee report needs, numbers that add up."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analyses.longitudinal_sensitivity import CONTINUOUS, FIXED, RANDOM
from analyses.quality.answer import result_of
from analyses.quality.groups import every_centre
from analyses.result import (
    Check,
    Curve,
    Estimate,
    NotEstimable,
    Provenance,
    Result,
    Row,
    Statistic,
    Summary,
    Total,
    Value,
)
from tests.quality_sent import small_sent

SNAPSHOT = "0123456789abcdef"
ARMS = ("ivig", "rituximab")
COUNTS = {"ivig": 60, "rituximab": 44}
MONTHS = (1, 3, 6, 12, 24)
CENTRES = {"lyon": (40, 30), "leuven": (18, 10), "porto": (2, 4)}


def _row(  # noqa: PLR0917  (an id in reading order)
    value: Value | float,
    topic: str,
    level: str = "",
    group: str = "all",
    statistic: Statistic = "count",
    month: float | None = None,
    unit: str = "",
) -> Row:
    value = Summary(value=value, unit=unit) if isinstance(value, int | float) else value
    return Row(topic=topic, level=level, group=group, statistic=statistic, month=month, value=value)


def _estimate(value: float, half: float, unit: str = "", p: float | None = None) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, unit=unit, p=p, n=104, events=60)


def _by_arm(first: int, second: int, topic: str, level: str = "", month: float | None = None) -> list[Row]:
    numbers = (first, second, first + second)
    return [_row(n, topic, level, g, month=month) for n, g in zip(numbers, (*ARMS, "all"), strict=True)]


def _total(topic: str, level: str = "", month: str = "") -> Total:
    ids = [f"{topic}|{level}|{group}|count|{month}" for group in ("all", *ARMS)]
    return Total(total=ids[0], parts=tuple(ids[1:]))


def _result(name: str, title: str, rows: list[Row], **parts: object) -> Result:
    return Result.model_validate(
        {
            "name": name,
            "title": title,
            "question": f"What of {title.lower()}?",
            "rows": rows,
            "provenance": Provenance(snapshot=SNAPSHOT, data_cut="2026-06-30", cohort="incident", software={}),
            **parts,
        }
    )


def _accrual() -> Result:
    steps = [
        ("Registered", 150, 0, {}, None),
        ("Consent to research use", 146, 4, {"no consent": 4}, None),
        ("Refractory to glucocorticoids and one more", 118, 28, {"not refractory": 28}, None),
        ("Started IVIG or rituximab", 110, 8, {"neither agent": 5, "prior exposure": 3}, (62, 48)),
        ("Followed after time zero", 104, 6, {"no follow-up after time zero and enrolment": 6}, (60, 44)),
    ]
    rows: list[Row] = []
    for label, remaining, lost, reasons, arms in steps:
        rows.append(_row(remaining, "Flow", label))
        if arms:
            rows += [_row(n, "Flow", label, arm) for n, arm in zip(arms, ARMS, strict=True)]
        if label != "Registered":
            rows.append(_row(lost, "Lost", label))
        rows += [_row(n, f"Lost at: {label}", reason) for reason, n in reasons.items()]
    rows += _by_arm(60, 44, "Persons", "in the cohort")
    registered = {"lyon": 96, "leuven": 42, "porto": 12}
    for code, (ivig, rituximab) in CENTRES.items():
        rows += [
            _row(registered[code], "Persons registered", "", code),
            _row(ivig, "Persons in the cohort", "ivig", code),
            _row(rituximab, "Persons in the cohort", "rituximab", code),
            _row(ivig + rituximab, "Persons in the cohort", "", code),
            _row(registered[code] - ivig - rituximab, "Persons not in the cohort", "", code),
            _row(4210, "Rows accepted", "2026-06-28" if code != "porto" else "", code),
            _row(7, "Rows in quarantine", "2026-06-28" if code != "porto" else "", code),
        ]
    rows += [
        _row(150, "Persons registered"),
        _row(60, "Persons in the cohort", "ivig"),
        _row(44, "Persons in the cohort", "rituximab"),
        _row(104, "Persons in the cohort"),
        _row(46, "Persons not in the cohort"),
    ]
    for half_year, first, second in (("2024 H1", 2, 8), ("2024 H2", 20, 10), ("2025 H1", 18, 6), ("2025 H2", 20, 20)):
        rows += _by_arm(first, second, "Time zero", half_year)
    return _result("accrual", "Centres, inclusion and accrual", rows, totals=(_total("Persons", "in the cohort"),))


def _baseline() -> Result:
    rows = _by_arm(60, 44, "Persons", "in the cohort")
    for topic, unit, mean in (("Age", "years", 52.1), ("MMT8", "points", 118.4), ("LDH", "x ULN", 1.74)):
        for group in (*ARMS, "all"):
            numbers: dict[Statistic, float] = {
                "mean": mean, "sd": mean / 5, "median": mean, "quartile 1": mean * 0.9, "quartile 3": mean * 1.2,
            }  # fmt: skip
            rows += [_row(n, topic, "", group, statistic, unit=unit) for statistic, n in numbers.items()]
        rows += _by_arm(58, 42, topic, "measured")
        rows += _by_arm(2, 2, topic, "missing")
        rows += [_row(3.0, topic, "missing", group, "percent", unit="%") for group in (*ARMS, "all")]
        rows.append(_row(_estimate(-0.21, 0.1), topic, statistic="standardised difference"))
    for topic, levels in (("Sex", ("female", "male")), ("Diagnosis", ("DM", "PM")), ("Dysphagia", ("yes", "no"))):
        for level, (first, second) in zip((*levels, "missing"), ((40, 30), (20, 14), (0, 0)), strict=True):
            rows += _by_arm(first, second, topic, level)
            rows += [_row(60.0 if first else 0.0, topic, level, g, "percent", unit="%") for g in (*ARMS, "all")]
        rows.append(_row(0.05, topic, statistic="standardised difference"))
    return _result("baseline", "Baseline", rows)


def _survival(name: str, title: str, what: str, *, degrees: bool) -> Result:  # noqa: C901, PLR0912  (one loop a kind of row)
    rows: list[Row] = []
    levels = [("in the cohort", 60, 44), ("event before entry", 0, 0), ("no follow-up", 0, 0)]
    levels += [("never scorable", 5, 6)] if degrees else []
    levels += [("analysed", 55, 38), ("missing a covariate", 5, 8), ("complete covariates", 50, 30)]
    for suffix in ("", ", minimal response", ", major response") if degrees else ("",):
        for level, first, second in levels:
            rows += _by_arm(first, second, "Persons" + suffix, level)
        rows += _by_arm(30, 25, "Events" + suffix)
        for level, first, second in (("death", 5, 3), ("lost or withdrawn", 8, 4), ("still followed", 12, 6)):
            rows += _by_arm(first, second, "Censored" + suffix, level)
        for group, years in (("ivig", 88.3), ("rituximab", 61.9), ("all", 150.2)):
            rows.append(_row(years, "Person-years" + suffix, "", group, "person-years"))
        for month in (6.0, 12.0, 24.0):
            for arm, risk in (("ivig", 0.02 * month), ("rituximab", 0.018 * month)):
                rows.append(_row(_estimate(risk, 0.08, "probability"), "Risk" + suffix, "", arm, "risk", month))
            difference = _estimate(-0.002 * month, 0.15, "probability")
            for arm in ARMS:
                rows.append(_row(_estimate(0.05, 0.04, "probability"), "Death first" + suffix, "", arm, "risk", month))
            rows.append(
                _row(difference, "Risk difference" + suffix, "rituximab minus ivig", "all", "risk difference", month)
            )
        for arm, median in (("ivig", _estimate(17.2, 4.1)), ("rituximab", Estimate(value=22, low=15, high=math.inf))):
            rows.append(_row(median, "Median time" + suffix, "", arm, "median time"))
            rows.append(_row(_estimate(16.1, 1.2), "Restricted mean" + suffix, "", arm, "restricted mean", 24.0))
        rows.append(
            _row(
                _estimate(1.3, 1.9), "Restricted mean" + suffix, "rituximab minus ivig", "all",
                "difference in restricted means", 24.0,
            )
        )  # fmt: skip
        for level in ("adjusted, stratified by centre", "unadjusted, stratified by centre", "unadjusted"):
            rows.append(_row(_estimate(0.84, 0.3, p=0.231), "Hazard ratio" + suffix, level, statistic="hazard ratio"))
        for level in ("p, unstratified", "chi-square, unstratified", "p, stratified by centre"):
            rows.append(_row(0.31, "Log-rank test" + suffix, level, statistic="test"))
            rows.append(_row(0.28, "Gray's test" + suffix, level, statistic="test"))
        subdistribution = _estimate(0.79, 0.28, p=0.17)
        rows.append(
            _row(subdistribution, "Subdistribution hazard ratio" + suffix, "adjusted", statistic="hazard ratio")
        )
    for covariate in ("age_decades", "female", "ild"):
        rows.append(_row(_estimate(1.02, 0.2, p=0.7), "Hazard ratio of covariate", covariate, statistic="hazard ratio"))
    rows.append(_row(0.0004, "Proportional hazards", "p, adjusted model", statistic="test"))
    if not degrees:
        components = (("deterioration", 10, 9), ("no response", 12, 10), ("inefficacy", 8, 6))
        for level, first, second in (*components, ("death from myositis", 0, 0)):
            rows += _by_arm(first, second, "Component", level)
    curves = [
        Curve(
            name=f"Cumulative incidence of {what}", group=arm, kind="step", unit="probability",
            month=tuple(float(m) for m in range(0, 28, 2)), value=tuple(0.02 * m for m in range(0, 28, 2)),
            low=tuple(0.015 * m for m in range(0, 28, 2)), high=tuple(0.025 * m for m in range(0, 28, 2)),
            at_risk_month=tuple(float(m) for m in range(0, 27, 3)), at_risk=tuple(range(number, number - 36, -4)),
            events=tuple(range(0, 27, 3)),
        )
        for arm, number in (("ivig", 55), ("rituximab", 38))
    ]  # fmt: skip
    for month in (3.0, 6.0, 12.0, 24.0):
        rows.append(
            _row(_estimate(0.6 + month / 24, 0.4), "Hazard ratio over time", statistic="hazard ratio", month=month)
        )
    months = tuple(float(m) for m in range(1, 25))
    curves.append(
        Curve(
            name="Hazard ratio over time", group="all", kind="line", unit="hazard ratio", month=months,
            value=tuple(0.6 + m / 24 for m in months), low=tuple(0.3 + m / 48 for m in months),
            high=tuple(1.2 + m / 12 for m in months),
        )
    )  # fmt: skip
    check = Check(name="Proportional hazards", outcome="failed", detail="p < 0.001: the hazard ratio is an average.")
    return _result(name, title, rows, curves=tuple(curves), checks=(check,), notes=("A note on visits.",))


def _trajectory(name: str, title: str, unit: str, *, back: str, base: float) -> Result:  # noqa: C901  (the same)
    rows: list[Row] = []
    levels = (("in the cohort", 60, 44), ("without a baseline value", 2, 2), ("without a covariate", 9, 8))
    for level, first, second in (*levels, ("without a later value", 5, 5), ("in the model", 44, 29)):
        rows += _by_arm(first, second, "Persons", level)
    for month in (0, *MONTHS):
        rows += _by_arm(44 - month, 29 - month, "Persons measured", "", float(month))
    for month in (float(m) for m in MONTHS):
        for arm in ARMS:
            rows.append(_row(_estimate(base, 0.2, unit), "Adjusted mean", "", arm, "marginal mean", month))
            if back:
                rows.append(_row(_estimate(1.1, 0.2, back), "Adjusted mean", back, arm, "marginal mean", month))
        difference = _estimate(-0.12, 0.2, unit, p=0.21) if month < 24 else NotEstimable(reason="fewer than 5 persons")
        rows.append(_row(difference, "Difference", "rituximab - ivig", "all", "difference", month))
        if back:
            rows.append(
                _row(_estimate(-8, 11, "%", p=0.2), "Difference", "rituximab - ivig, %", "all", "difference", month)
            )
    rows += _beside(unit, back)
    if name == "sparing":
        for month in (0.0, 6.0, 12.0, 24.0):
            rows += _by_arm(40, 30, "Low dose", "persons with a dose", month)
            for level, first, second in (("at most 5 mg/day", 30, 20), ("more than 5 mg/day", 10, 10)):
                rows += _by_arm(first, second, "Low dose", level, month)
                rows += [_row(_estimate(70, 12, "%"), "Low dose", level, g, "percent", month) for g in (*ARMS, "all")]
        rows += _by_arm(33, 24, "Cumulative dose", "persons", 12.0)
        for arm in ARMS:
            quartiles: dict[Statistic, float] = {"median": 4210, "quartile 1": 3100, "quartile 3": 6150}
            rows += [_row(n, "Cumulative dose", "", arm, s, 12.0, unit="mg") for s, n in quartiles.items()]
    curves = [
        Curve(
            name="Adjusted mean", group=arm, kind="line", unit=back or unit, month=(0.0, *map(float, MONTHS)),
            value=tuple(base + 0.1 * i for i in range(6)), low=tuple(base - 0.1 + 0.1 * i for i in range(6)),
            high=tuple(base + 0.1 + 0.1 * i for i in range(6)), at_risk_month=(0.0, *map(float, MONTHS)),
            at_risk=(44, 43, 41, 38, 32, None),
        )
        for arm in ARMS
    ]  # fmt: skip
    return _result(name, title, rows, curves=tuple(curves))


def _beside(unit: str, back: str) -> list[Row]:
    """Return the differences by the models beside the primary one, and the slopes."""
    rows: list[Row] = []
    ends = ("", ", %") if back else ("",)
    for end in ends:
        for place, topic in enumerate((FIXED, RANDOM, CONTINUOUS), start=1):
            apart = _estimate(-8.0 - place, 11, "%") if end else _estimate(-0.12 * place, 0.2, unit)
            level = f"rituximab - ivig{end}"
            rows += [_row(apart, topic, level, "all", "difference", float(month)) for month in MONTHS]
        for span in ("month 1 to 6", "month 6 to 24"):
            change = _estimate(-30, 20, "% a year") if end else _estimate(-0.4, 0.2, f"{unit} a year")
            rows += [_row(change, "Slope", f"{span}{end}", arm, "slope") for arm in ARMS]
            rows.append(_row(change, "Slope", f"rituximab - ivig, {span}{end}", "all", "difference"))
    return rows


def _safety() -> Result:
    rows = _by_arm(60, 44, "Persons", "in the cohort")
    for group, years in (("ivig", 120.5), ("rituximab", 88.1), ("all", 208.6)):
        rows.append(_row(years, "Person-years", "", group, "person-years"))
        quartiles: dict[Statistic, float] = {"median": 24.1, "quartile 1": 12.0, "quartile 3": 33.3}
        rows += [_row(n, "Follow-up", "", group, s, unit="months") for s, n in quartiles.items()]
    for event, first, second in (("Serious infections", 9, 12), ("Thromboembolic events", 6, 1), ("Deaths", 5, 6)):
        rows += _by_arm(first, second, event)
        rows += [_row(_estimate(7.5, 3.1), event, "", group, "rate") for group in (*ARMS, "all")]
        rows.append(_row(_estimate(1.8, 0.9, p=0.2), event, "rituximab against ivig", statistic="rate ratio"))
    shares = {
        "Persons with a serious infection": {"yes": (8, 9), "no": (52, 35)},
        "Persons with a thromboembolic event": {"yes": (6, 0), "no": (54, 44)},
        "Cause of death": {"myositis": (5, 6), "alive": (55, 38)},
        "Low IgG before time zero": {"yes": (10, 9), "no": (40, 30), "not measured": (10, 5)},
        "IgG gradable after time zero": {"yes": (50, 40), "no": (10, 4)},
        "Lowest IgG, scheme A": {"none": (30, 20), "mild": (10, 10), "moderate": (10, 10), "severe": (0, 0)},
        "Lowest IgG, scheme B": {"none": (30, 20), "low": (10, 10), "severe": (10, 10)},
        "Persistently low IgG": {"yes": (10, 15), "no": (40, 25)},
        "Persons with an infusion reaction": {"yes": (9, 11), "no": (51, 33)},
    }
    for topic, levels in shares.items():
        for level, (first, second) in levels.items():
            rows += _by_arm(first, second, topic, level)
            rows += [_row(20.0 if first else 0.0, topic, level, g, "percent", unit="%") for g in (*ARMS, "all")]
    for agent in ARMS:
        rows += _by_arm(400, 90, "Infusions", agent)
        for topic in ("Infusions with a reaction", "Infusion reactions"):
            rows += _by_arm(20, 15, topic, agent)
        rows += [_row(5.2, "Infusions with a reaction", agent, g, "percent", unit="%") for g in (*ARMS, "all")]
        rows += _by_arm(0, 0, "Infusion reactions without a recorded infusion", agent)
        rows += _by_arm(20, 15, f"Infusion reactions by grade, {agent}", "grade 1")
    more, curves = _infections()
    return _result("safety", "Safety", rows + more, curves=curves)


def _infections() -> tuple[list[Row], tuple[Curve, ...]]:
    """Return the mean number of serious infections with the robust ratio of their rates."""
    rows = [
        _row(_estimate(1.8, 1.1, p=0.3), event, "rituximab against ivig, robust", statistic="rate ratio")
        for event in ("Serious infections", "Thromboembolic events")
    ]
    name = "Mean number of serious infections"
    rows += [_row(_estimate(0.005 * m, 0.04), name, "", arm, "mean", m) for arm in ARMS for m in (12.0, 24.0)]
    months = tuple(float(m) for m in range(0, 28, 2))
    curves = tuple(
        Curve(
            name=name, group=arm, kind="step", unit="events per person", month=months,
            value=tuple(share * m for m in months), low=tuple(0.5 * share * m for m in months),
            high=tuple(2 * share * m for m in months), at_risk_month=tuple(float(m) for m in range(0, 27, 3)),
            at_risk=tuple(range(number, number - 36, -4)),
        )
        for arm, number, share in (("ivig", 60, 0.005), ("rituximab", 44, 0.012))
    )  # fmt: skip
    return rows, curves


def _sequence() -> Result:
    """Return the states of 104 persons; a fifth of the time in each, shares of the first falling evenly."""
    states = ("first treatment", "in response", "relapse", "second treatment", "dead")
    rows = _by_arm(60, 44, "Persons", "in the cohort")
    for state, last in zip(states, ((16, 11), (15, 9), (12, 9), (12, 9), (5, 6)), strict=True):
        rows += _by_arm(*last, "Last state", state)
        for month in (6.0, 12.0, 24.0):
            rows += [
                _row(_estimate(0.2, 0.1, "probability"), "Probability of state", state, a, "risk", month) for a in ARMS
            ]
        for arm in ARMS:
            rows.append(_row(_estimate(4.8, 1.1, "months"), "Mean time in state", state, arm, "restricted mean", 24.0))
        rows.append(
            _row(
                _estimate(0.4, 1.7, "months"), "Mean time in state", f"{state}, rituximab minus ivig", "all",
                "difference in restricted means", 24.0,
            )
        )  # fmt: skip
    for change in ("first treatment to in response", "in response to relapse", "relapse to dead"):
        rows += _by_arm(30, 22, "Transitions", change)
    rows += _by_arm(0, 0, "Transitions", "first treatment to relapse")
    quarters = tuple(float(m) for m in range(0, 25, 3))
    curves = [
        Curve(
            name=f"Probability of state: {state}", group=arm, kind="line", unit="probability", month=quarters,
            value=value, low=value, high=value, at_risk_month=quarters, at_risk=tuple(range(number, number - 36, -4)),
        )
        for arm, number in (("ivig", 60), ("rituximab", 44))
        for place, state in enumerate(states)
        for value in [tuple(m / 120 if place else 1 - m / 30 for m in quarters)]
    ]  # fmt: skip
    return _result(
        "sequence", "From first treatment to response, relapse, switch and death", rows, curves=tuple(curves)
    )


def _centres() -> Result:
    rows: list[Row] = []
    for code, (ivig, rituximab) in CENTRES.items():
        rows += [_row(ivig, "Persons", "ivig", code), _row(rituximab, "Persons", "rituximab", code)]
        rows += [_row(ivig // 2, "Events", "ivig", code), _row(rituximab // 2, "Events", "rituximab", code)]
        ratio: Value = _estimate(0.8, 0.35) if code != "porto" else NotEstimable(reason="fewer than 10 persons")
        rows += [_row(ratio, "Hazard ratio", kind, code, "hazard ratio") for kind in ("unadjusted", "adjusted")]
    for kind in ("unadjusted, stratified by centre", "adjusted, stratified by centre"):
        rows.append(_row(_estimate(0.84, 0.3, p=0.231), "Hazard ratio", kind, statistic="hazard ratio"))
    rows += [_row(0.62, "Heterogeneity", kind, statistic="test") for kind in ("p, unadjusted", "p, adjusted")]
    return _result("centres", "Response by centre", rows)


def _quality() -> Result:
    """Return the data quality of three small centres; nobody is said to be registered twice."""
    sent = small_sent(snapshot=SNAPSHOT)
    renamed = dict(zip(sent.centres, CENTRES, strict=True))
    tables = {name: table.replace({"centre": renamed}) for name, table in sent.tables.items()}
    registered = {"lyon": 96, "leuven": 42, "porto": 12}
    changed = replace(sent, centres=tuple(sorted(CENTRES)), registered=registered, tables=tables)
    rows = result_of(changed, every_centre(changed.centres), name="quality", title="Data quality")
    others = tuple(row for row in rows.rows if row.topic not in {"Rows accepted", "Rows after"})
    kept = {row.id for row in others}
    totals = tuple(total for total in rows.totals if {total.total, *total.parts} <= kept)
    return rows.model_copy(update={"rows": others, "totals": totals})


@pytest.fixture(scope="session")
def committee_results() -> tuple[Result, ...]:
    """Return one Result for every question of the committee report."""
    return handmade_results()


def handmade_results() -> tuple[Result, ...]:
    """Return the Results of a study of 104 persons in three centres."""
    failure = _survival("failure", "Time to failure", "failure", degrees=False)
    response = _survival("response", "Time to response", "response", degrees=True)
    return (
        _accrual(),
        _baseline(),
        response,
        failure,
        _trajectory("trajectory_ldh", "LDH over time", "log2 x ULN", back="x ULN", base=0.1),
        _trajectory("trajectory_ck", "CK over time", "log2 x ULN", back="x ULN", base=0.1),
        _trajectory("trajectory_aldolase", "Aldolase over time", "log2 x ULN", back="x ULN", base=0.1),
        _trajectory("trajectory_mmt8", "MMT8 over time", "points", back="", base=130),
        _trajectory("trajectory_haq", "HAQ over time", "points", back="", base=1),
        _trajectory("trajectory_phga", "Global activity over time", "cm", back="", base=3),
        _trajectory("sparing", "Glucocorticoid dose", "log2(mg/day + 1)", back="mg/day", base=8),
        _safety(),
        _centres(),
        _sequence(),
        response.model_copy(update={"name": "response_all_users"}),
        failure.model_copy(update={"name": "failure_all_users"}),
        _quality(),
    )
