"""Data quality in tables and a heat map: every number from a masked Result "quality" or "quality_CENTRE"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analyses import formats
from analyses.quality.completeness import FIELD_NAMES
from analyses.quality.groups import OTHERS
from analyses.quality.rule_failures import EVERY_KIND, KINDS, OTHER_RULES
from analyses.quality.timeliness import ON_TIME
from analyses.quality.uln_audit import AGREES, EVERY_ANALYTE
from analyses.result import ALL, Masked, NotEstimable, Summary
from registry.checking.catalogue import catalogue
from reports.heat_map import HeatCell, HeatRow, heat_map
from reports.pictures import Picture
from reports.tables import BLANK, NO_NUMBER, Cell, Draft, Note, levels, number, rows, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result
    from reports.tables import Table

MARK = "*"
LOW_PERCENT = 90.0
"""Below this a share is said in the words of the heat map; all of them stand in its cells."""
SHORT = dict(
    zip(
        FIELD_NAMES,
        (
            "Physician\nglobal", "Patient\nglobal", "MMT8", "HAQ", "Extra-\nmuscular", "Enzyme\nat visit",
            "ULN of\nenzymes", "Intent\nof IVIG", "Reason\nof stop", "IgG before\nrituximab", "Antibody\ntested",
            "Seen\nlately",
        ),
        strict=True,
    )
)  # fmt: skip
"""The fields as the heat map heads its columns."""


def failed(result: Result, name: str) -> bool:
    """Return whether a check of the Result failed."""
    return any(check.name == name and check.outcome == "failed" for check in result.checks)


def centres_of(result: Result, names: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the codes of the centres of a Result, and the name of every group of it; names: of centres by code."""
    groups = dict.fromkeys(row.group for row in rows(result, "Submissions", statistic="number"))
    named = {group: names.get(group, "") or group for group in groups}
    centres = tuple(group for group in groups if group not in {ALL, OTHERS})
    return centres, {**named, ALL: "All centres", OTHERS: "Other centres"}


def committee_picture(result: Result, *, names: Mapping[str, str]) -> Picture:
    """Return the completeness of every field at each centre and over all."""
    centres, every = centres_of(result, names)
    return completeness_picture(result, (*centres, ALL), names=every)


def completeness_picture(result: Result, groups: Sequence[str], *, names: Mapping[str, str]) -> Picture:
    """Return the completeness of every field by group, with the least complete ones in words; names: of the groups."""
    lines, spoken = [], []
    for group in groups:
        values = [number(result, "Complete", field, group, statistic="percent") for field in FIELD_NAMES]
        cells = tuple(
            HeatCell(
                share=value.value if isinstance(value, Summary) else None,
                text=formats.whole_percent(value.value) if isinstance(value, Summary) else "\u2013",
                masked=isinstance(value, Masked),
            )
            for value in values
        )
        lines.append(HeatRow(name=names[group], cells=cells, apart=group == ALL))
        low = [
            f"{field} {formats.percent(value.value)}"
            for field, value in zip(FIELD_NAMES, values, strict=True)
            if isinstance(value, Summary) and value.value < LOW_PERCENT
        ]
        hidden = [field for field, value in zip(FIELD_NAMES, values, strict=True) if isinstance(value, Masked)]
        spoken.append(
            f"{names[group]}: {', '.join(low) or 'none'}" + (f"; masked: {', '.join(hidden)}" if hidden else "")
        )
    return Picture(
        name="completeness",
        title="Completeness of what matters, % of what each field applies to.",
        caption="The darker, the less complete.",
        alt="Heat map of completeness by centre and field. Fields below 90\u00a0%: " + ". ".join(spoken) + ".",
        svg=heat_map(lines, [SHORT[field] for field in FIELD_NAMES], name="completeness"),
    )


def submissions_table(result: Result, centres: Sequence[str], *, names: Mapping[str, str], maximum: int) -> Table:
    """Return when each centre sent last, how old the news was, and what the submission changed."""
    draft = Draft(maximum=maximum)
    for centre in (*centres, ALL):
        since = _plain(draft, result, "Since the last submission", "median", centre)
        if failed(result, f"{ON_TIME}: {centre}"):
            since = replace(since, marks=MARK)
        draft.line(
            names[centre],
            _plain(draft, result, "Submissions", "number", centre),
            since,
            _plain(draft, result, "Between submissions", "median", centre),
            _plain(draft, result, "From the last visit to the submission", "median", centre),
            *change_cells(draft, result, centre),
        )
    table = draft.table(
        "quality-submissions",
        caption="When the centres sent, and what their last submission changed of the one before",
        head=(
            "Centre", "Sent", "Months since the last", "Months between", "Days from last visit",
            "Rows added", "Rows removed (%)", "Rows changed (%)",
        ),
    )  # fmt: skip
    return noted(table, "Overdue, or more rows removed or changed than one expects. Of all centres: the median.")


def change_cells(draft: Draft, result: Result, group: str) -> tuple[Cell, Cell, Cell]:
    """Return rows added, removed and changed; the latter two with their share of the rows before and their marks."""
    if not any(row.level == "added" for row in rows(result, "Change", statistic="count", group=group)):
        return NO_NUMBER, NO_NUMBER, NO_NUMBER
    cells = [draft.number(result, "Change", "added", group, statistic="count")]
    for kind in ("removed", "changed"):
        [cell] = draft.shares(result, "Change", kind, groups=(group,))
        marked = failed(result, f"Rows {kind}: {group}")
        cells.append(replace(cell, marks=MARK) if marked else cell)
    return cells[0], cells[1], cells[2]


def _plain(draft: Draft, result: Result, topic: str, statistic: str, group: str) -> Cell:
    value = number(result, topic, "", group, statistic="median" if statistic == "median" else "number")
    if isinstance(value, NotEstimable):
        return NO_NUMBER
    if isinstance(value, Summary) and value.unit == "months":
        return draft.cell(value, text=formats.decimal(value.value, 1))
    return draft.cell(value, text=formats.decimal(value.value, 0) if isinstance(value, Summary) else None)


def rules_table(result: Result, groups: Sequence[str], *, names: Mapping[str, str], maximum: int) -> Table:
    """Return how many rules of each class passed and failed and how many rows failed them, by group."""
    draft = Draft(maximum=maximum)
    for group in groups:
        if len(groups) > 1:
            draft.group(names[group])
        for kind in (*KINDS, EVERY_KIND):
            states = (
                draft.number(result, f"Rules, {state}", kind, group, statistic="number")
                for state in ("passed", "failed", "not applicable")
            )
            tested = number(result, "Tested", kind, group, statistic="number")
            draft.line(
                kind.capitalize(),
                *states,
                draft.cell(tested, text=formats.count(tested.value) if isinstance(tested, Summary) else None),
                draft.number(result, "Failed", kind, group, statistic="count"),
                _rate(draft, result, kind, group),
            )
    return draft.table(
        "quality-rules",
        caption="Rules by class, and the rows that failed them",
        head=(
            "Class", "Rules passed", "Rules failed", "Not applicable", "Rows tested, all rules", "Rows failed",
            "Failed per 1,000",
        ),
    )  # fmt: skip


def _rate(draft: Draft, result: Result, kind: str, group: str) -> Cell:
    value = number(result, "Failed", kind, group, statistic="rate")
    if isinstance(value, NotEstimable):
        return NO_NUMBER
    if isinstance(value, Summary):
        return Cell(text="<0.01" if 0 < value.value < 0.01 else formats.decimal(value.value, 2))  # noqa: PLR2004
    return draft.cell(value)


def rules_by_centre_table(result: Result, centres: Sequence[str], *, names: Mapping[str, str], maximum: int) -> Table:
    """Return rules that failed, of those that had something to test, and how often rows failed, by centre and class."""
    draft = Draft(maximum=maximum)
    for centre in centres:
        cells = []
        for kind in KINDS:
            passed, wrong = (
                number(result, f"Rules, {state}", kind, centre, statistic="number") for state in ("passed", "failed")
            )
            text = formats.part_of(wrong, passed)
            rate = _rate(draft, result, kind, centre)
            cells += [NO_NUMBER if rate == NO_NUMBER else draft.cell(wrong, text=text), rate]
        draft.line(names[centre], *cells)
    return draft.table(
        "quality-rules-by-centre",
        caption="Rules that failed, of those with something to test, and failures per 1,000 rows tested, by centre",
        head=("Centre", *(head for kind in KINDS for head in (kind.capitalize(), "per 1,000"))),
    )


def worst_rules_table(
    result: Result, groups: Sequence[str], *, names: Mapping[str, str], maximum: int, advise: bool
) -> Table:
    """Return the rules that most rows failed, in that order, with their words; advise: with what to do as well."""
    draft = Draft(maximum=maximum)
    known = {rule.id: rule for rule in catalogue()}
    for rule in levels(result, "Rule"):
        if rule.startswith(OTHER_RULES):
            continue
        told = known.get(rule)
        text = f"{told.message} {told.advice if advise else ''}".strip() if told else ""
        cells = [cell for group in groups for cell in draft.shares(result, "Rule", rule, groups=(group,))]
        if groups == (ALL,):
            centres = rows(result, "Rule, centres", statistic="number")
            cells.append(next((draft.of_row(row) for row in centres if row.level == rule), BLANK))
        draft.line(rule, words(text), *cells)
    heads = ("Rows failed (% of tested)", "Centres") if groups == (ALL,) else tuple(names[group] for group in groups)
    table = draft.table(
        "quality-worst",
        caption="The rules that fail most, by rows that failed"
        + ("" if groups == (ALL,) else f" at {names[groups[0]]} (% of tested)"),
        head=("Rule", "What it says" + (" and what to do" if advise else ""), *heads),
        whole=not advise,
    )
    return replace(table, text_columns=(1,))


def multiples_table(result: Result, centres: Sequence[str], *, names: Mapping[str, str], maximum: int) -> Table:
    """Return how far the median multiple of the ULN of each centre lies from the others', by analyte and sex."""
    draft = Draft(maximum=maximum)
    pairs = [tuple(level.split(", ")) for level in levels(result, "Persons measured")]
    analytes = tuple(dict.fromkeys(pair[0] for pair in pairs))
    sexes = [sex for sex in ("female", "male") if any(pair[1] == sex for pair in pairs)]
    for centre in centres:
        cells = [_apart(result, centre, analyte, sexes) for analyte in analytes]
        numbers = (
            draft.number(result, topic, EVERY_ANALYTE, centre, statistic="number")
            for topic in ("ULN, changes", "ULN, outside the usual limits")
        )
        draft.line(names[centre], *cells, *numbers)
    heads = (*(f"{analyte}, {' / '.join(sex[0] for sex in sexes)}" for analyte in analytes), "Changes", "Unusual ULNs")
    table = draft.table(
        "quality-uln",
        caption="Median multiple of the ULN (female / male) against the other centres, log2 (1 is a doubling)",
        head=("Centre", *heads),
    )
    table = replace(table, notes=(Note(mark="", text="\u2013: too few persons, or masked."), *table.notes))
    return noted(table, "More than one doubling apart, as if another unit, assay or limit were in use.")


def _apart(result: Result, centre: str, analyte: str, sexes: Sequence[str]) -> Cell:
    texts, marked = [], False
    for sex in sexes:
        found = rows(result, "Multiple of the ULN, apart", statistic="difference", group=centre)
        value = next((row.value for row in found if row.level == f"{analyte}, {sex}"), None)
        texts.append(formats.signed(value.value, 1) if isinstance(value, Summary) else "\u2013")
        marked = marked or failed(result, f"{AGREES}: {centre}, {analyte}, {sex}")
    return Cell(text=" / ".join(texts), marks=MARK if marked else "")


def noted(table: Table, text: str, *, mark: str = MARK) -> Table:
    """Return a table with the note of a mark, if one of its cells has it."""
    if not any(cell.marks == mark for line in table.lines for cell in line.cells):
        return table
    return replace(table, notes=(Note(mark=mark, text=text), *table.notes))
