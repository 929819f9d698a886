"""What the rules found: by class of rule (Kahn et al. 2016) and centre, and the rules that fail most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.quality.groups import plain_row
from analyses.result import ALL, NotEstimable, Row, Summary, Total
from analyses.tabulate import Table, count_row, number_id, percent_row
from registry.checking.keys import WAITS

if TYPE_CHECKING:
    import pandas as pd

    from analyses.quality.groups import Groups
    from analyses.result import Value
    from registry.quality import Sent

KINDS = ("conformance", "completeness", "plausibility")
EVERY_KIND = "every class"
MOST = 10
"""How many of the rules that fail most are named."""
OTHER_RULES = "other rules"


def rule_failures(sent: Sent, groups: Groups) -> Table:
    """Return how many rules passed, failed or had nothing to test, and how many rows failed."""
    results = sent.tables["rule_result"]
    rows: list[Row] = []
    for group, centres in groups.members.items():
        own = results[results["centre"].isin(centres)]
        for kind in (*KINDS, EVERY_KIND):
            chosen = own if kind == EVERY_KIND else own[own["kind"] == kind]
            rows += _rules(chosen, kind, group)
            # The sum over the classes, by centre, would have counts of a class withheld to protect those of another.
            if kind != EVERY_KIND or group in groups.together:
                rows += _of_rows(_on_rows(chosen), kind, group)
    totals = groups.totals([("Failed", kind) for kind in KINDS])
    totals += [
        Total(
            total=number_id("Failed", EVERY_KIND, group),
            parts=tuple(number_id("Failed", kind, group) for kind in KINDS),
        )
        for group in groups.together
    ]
    most = _most(results, groups)
    return Table(rows=(*rows, *most.rows), totals=(*totals, *most.totals))


def _on_rows(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results of rules on rows; a rule on files tests files."""
    return results[results["table_name"].notna()]


def _rules(results: pd.DataFrame, kind: str, group: str) -> list[Row]:
    summed = results.groupby("rule")[["tested", "failed"]].sum()
    tested = summed["tested"] > 0
    failed = tested & (summed["failed"] > 0)
    numbers = {"passed": int((tested & ~failed).sum()), "failed": int(failed.sum())}
    numbers["not applicable"] = int((~tested).sum())
    # Rules are counted, not persons.
    return [plain_row(number, f"Rules, {state}", kind, group) for state, number in numbers.items()]


def _of_rows(results: pd.DataFrame, kind: str, group: str) -> list[Row]:
    tested, failed = int(results["tested"].sum()), int(results["failed"].sum())
    rate: Value = NotEstimable(reason="not applicable: nothing was tested")
    if tested:
        rate = Summary(value=1000 * failed / tested, unit="per 1,000")
    rows = count_row(failed, "Failed", kind, group)
    return [
        # Every row is tested by many rules: their sum counts tests, not persons.
        plain_row(tested, "Tested", kind, group),
        rows,
        plain_row(rate, "Failed", kind, group, statistic="rate", rests_on=(rows.id,)),
    ]


def _most(results: pd.DataFrame, groups: Groups) -> Table:
    """Return the rules that most rows failed, of the first group for which details are given."""
    on_rows = _on_rows(results)
    # A row that waits for the person's own row fails no rule itself: it is among the other rules.
    own_failures = on_rows[~on_rows["rule"].str.endswith(WAITS)]
    first = own_failures[own_failures["centre"].isin(groups.members[groups.together[0]])]
    summed = first.groupby(["rule", "kind"], as_index=False)["failed"].sum()
    worst = summed[summed["failed"] > 0].sort_values(["failed", "rule"], ascending=[False, True]).head(MOST)
    rows: list[Row] = []
    totals: list[Total] = []
    for group in groups.together:
        own = on_rows[on_rows["centre"].isin(groups.members[group])]
        for rule in worst["rule"]:
            rows += _one(own[own["rule"] == rule], str(rule), group)
        for kind in KINDS:
            named = tuple(worst.loc[worst["kind"] == kind, "rule"])
            of_kind = own[own["kind"] == kind]
            rest = int(of_kind.loc[~of_kind["rule"].isin(named), "failed"].sum())
            other = count_row(rest, "Rule", f"{OTHER_RULES}, {kind}", group)
            rows.append(other)
            parts = (*(number_id("Rule", str(rule), group) for rule in named), other.id)
            totals.append(Total(total=number_id("Failed", kind, group), parts=parts))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _one(results: pd.DataFrame, rule: str, group: str) -> list[Row]:
    tested, failed = int(results["tested"].sum()), int(results["failed"].sum())
    whole = count_row(tested, "Rule, tested", rule, group)
    rows = [
        whole,
        count_row(failed, "Rule", rule, group),
        percent_row(failed, tested, "Rule", rule, group, whole_id=whole.id),
    ]
    if group == ALL:
        rows.append(plain_row(int((results["failed"] > 0).sum()), "Rule, centres", rule, group))
    return rows
