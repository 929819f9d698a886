"""The upper limits of normal (ULN) that centres state, and whether results divided by them agree between centres."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from analyses.quality.groups import plain_row
from analyses.result import ALL, Check, NotEstimable, Row, Summary
from analyses.tabulate import Table, count_row, number_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.quality.groups import Groups
    from analyses.result import Value
    from registry.quality import Sent

    Record = Mapping[str, Any]
    Pair = tuple[str, str]

EVERY_ANALYTE = "every analyte"
AGREES = "Multiples of the ULN"
UNIT = "log2 x ULN"


@dataclass(frozen=True, kw_only=True)
class _Stated:
    """Periods and results by analyte and sex, and within by centre. least: persons that a median needs."""

    pairs: tuple[Pair, ...]
    periods: Mapping[tuple[Pair, str], Sequence[Record]]
    results: Mapping[tuple[Pair, str], Record]
    least: int

    def medians(self, pair: Pair, centre: str) -> tuple[Value, Value]:
        """Return the median log2 multiple of a centre, and the median of those of the other centres.

        Each other centre counts once, whatever its size. A median of no more persons than are masked is none.
        """
        known = {
            of: float(record["median_log2"])
            for (which, of), record in self.results.items()
            if which == pair and int(record["persons"]) >= self.least
        }
        others = [number for of, number in known.items() if of != centre]
        return (
            Summary(value=known[centre], unit=UNIT)
            if centre in known
            else NotEstimable(reason=f"fewer than {self.least} persons with a result and a ULN"),
            Summary(value=median(others), unit=UNIT) if others else NotEstimable(reason="no other centre"),
        )


def _records(sent: Sent, table: str) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in sent.tables[table].to_dict("records")]


def _stated(sent: Sent) -> _Stated:
    results = {
        ((str(row["analyte"]), str(row["sex"])), str(row["centre"])): row for row in _records(sent, "uln_multiple")
    }
    periods: dict[tuple[Pair, str], list[Record]] = {}
    for row in _records(sent, "uln_period"):
        periods.setdefault(((str(row["analyte"]), str(row["sex"])), str(row["centre"])), []).append(row)
    return _Stated(
        pairs=tuple(sorted({pair for pair, _ in results})),
        periods=periods,
        results=results,
        least=int(sent.rules["masked_count_maximum"]) + 1,
    )


def uln_audit(sent: Sent, groups: Groups) -> Table:
    """Return the limits of each centre, analyte and sex, and the median multiple beside that of the other centres."""
    stated = _stated(sent)
    rows: list[Row] = []
    for group, centres in groups.members.items():
        if group == ALL:
            continue
        for pair in stated.pairs:
            level = ", ".join(pair)
            periods = [period for centre in centres for period in stated.periods.get((pair, centre), ())]
            rows += _limits(periods, level, group) if group in groups.single else _range(periods, level, group)
            rows += _measured([stated.results[pair, c] for c in centres if (pair, c) in stated.results], level, group)
            if group in groups.single:
                rows += _medians(stated, pair, group)
        if group in groups.single:
            every = [period for (_, centre), periods in stated.periods.items() if centre == group for period in periods]
            rows += _numbers(every, EVERY_ANALYTE, group)
    return Table(rows=tuple(rows))


def _limits(periods: Sequence[Record], level: str, group: str) -> list[Row]:
    """Return every period of a limit, and what there is to say of them.

    They are the laboratory's, and told in months: of no person.
    """
    limits = [plain_row(float(p["uln"]), "ULN", f"{level}, {_when(p)}", group, unit=str(p["unit"])) for p in periods]
    return [*limits, *_numbers(periods, level, group)]


def _numbers(periods: Sequence[Record], level: str, group: str) -> list[Row]:
    """Return how often a limit of the same analyte, sex and assay changed, and how many limits are unusual."""
    assays = {(period["analyte"], period["sex"], period["method"]) for period in periods}
    outside = {(period["analyte"], period["sex"], period["uln"]) for period in periods if period["outside"]}
    return [
        plain_row(len(periods) - len(assays), "ULN, changes", level, group),
        plain_row(len(outside), "ULN, outside the usual limits", level, group),
    ]


def _when(period: Record) -> str:
    """Return method and months; limits that change within a month are told apart by their number."""
    method = f"{period['method']}, " if period["method"] else ""
    first, last = period["first_month"], period["last_month"]
    return f"{method}{first} to {last}" + (f", {period['period']}" if first == last else "")


def _range(periods: Sequence[Record], level: str, group: str) -> list[Row]:
    if not periods:
        return []
    limits, unit = [float(period["uln"]) for period in periods], str(periods[0]["unit"])
    return [
        plain_row(min(limits), "ULN", level, group, statistic="minimum", unit=unit),
        plain_row(max(limits), "ULN", level, group, statistic="maximum", unit=unit),
    ]


def _measured(records: Sequence[Record], level: str, group: str) -> list[Row]:
    results, without = (sum(int(record[name]) for record in records) for name in ("results", "without_uln"))
    persons = count_row(sum(int(record["persons"]) for record in records), "Persons measured", level, group)
    share: Value = NotEstimable(reason="not applicable: no result")
    if results:
        share = Summary(value=100 * without / results, unit="%")
    return [
        persons,
        plain_row(share, "Results without ULN", level, group, statistic="percent", rests_on=(persons.id,)),
    ]


def _medians(stated: _Stated, pair: Pair, centre: str) -> list[Row]:
    level = ", ".join(pair)
    persons = (number_id("Persons measured", level, centre),)
    own, others = stated.medians(pair, centre)
    apart: Value = NotEstimable(reason="no median to compare")
    if isinstance(own, Summary) and isinstance(others, Summary):
        apart = Summary(value=own.value - others.value, unit=UNIT)
    return [
        plain_row(own, "Multiple of the ULN", level, centre, statistic="median", rests_on=persons),
        plain_row(others, "Multiple of the ULN, other centres", level, centre, statistic="median"),
        plain_row(apart, "Multiple of the ULN, apart", level, centre, statistic="difference", rests_on=persons),
    ]


def uln_checks(sent: Sent, groups: Groups) -> list[Check]:
    """Return for each centre, analyte and sex whether its multiples lie near those of the others."""
    stated, limit = _stated(sent), float(sent.rules["uln_apart_log2"])
    checks = []
    for centre in groups.single:
        for pair in stated.pairs:
            own, others = stated.medians(pair, centre)
            name = f"{AGREES}: {centre}, {', '.join(pair)}"
            if not isinstance(own, Summary) or not isinstance(others, Summary):
                checks.append(Check(name=name, outcome="not applicable", detail="No median to compare."))
                continue
            apart = abs(own.value - others.value)
            outcome = "failed" if apart > limit else "passed"
            detail = f"The medians lie {apart:.2f} apart on a log2 scale; more than {limit:g} is marked."
            checks.append(Check.model_validate({"name": name, "outcome": outcome, "detail": detail}))
    return checks
