"""What a report means by its words: every threshold, the bands of the improvement score, and the clinical concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from reports.tables import Cell, Line, Table, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from analyses.result import Check, Result
    from registry.rules import Rules

MEASURE_NAMES = {
    "phga": "Physician global activity",
    "ptga": "Patient global activity",
    "mmt8": "Manual muscle testing (MMT8)",
    "haq": "Health assessment questionnaire (HAQ)",
    "enzyme": "Muscle enzyme, most abnormal at baseline",
    "exga": "Extramuscular global activity",
}
_OPEN_END = 1000
_FEW = 3
_CAPITALS = {"tis": "TIS", "ivig": "IVIG", "igg": "IgG"}


def rules_table(rules: Rules) -> Table:
    """Return every threshold with unit, source and whether it was verified; the study's own values are marked."""
    lines = []
    for rule in rules.rules.values():
        value = _plain(rule.value) + (" *" if rule.overridden else "")
        lines.append(
            Line(
                head=rule.what,
                cells=(
                    Cell(text=value),
                    words(rule.unit.replace("x ULN", "\u00d7 ULN")),
                    words(rule.source),
                    words("yes" if rule.verified else "no"),
                ),
            )
        )
    return Table(
        identifier="rules",
        caption="Every threshold used",
        head=("What", "Value", "Unit", "Source", "Verified"),
        lines=tuple(lines),
        whole=False,
        text_columns=(2, 3, 4),
    )


def bands_table(rules: Rules) -> Table:
    """Return the points of the total improvement score by measure and band of absolute percent change."""
    lines = []
    for measure, name in MEASURE_NAMES.items():
        above: Decimal | None = None
        cells = []
        for upto, points in rules.tis_bands[measure]:
            if above is None:
                band = f"up to {_plain(upto)}"
            elif upto > _OPEN_END:
                band = f"over {_plain(above)}"
            else:
                band = f"over {_plain(above)} to {_plain(upto)}"
            cells.append(words(f"{_plain(points)} ({band})"))
            above = upto
        lines.append(Line(head=name, cells=tuple(cells)))
    return Table(
        identifier="bands",
        caption="Total improvement score: points (for an improvement of so many per cent of the measure's range)",
        head=("Measure", "None", "Least", "Less", "More", "Most"),
        lines=tuple(lines),
        text_columns=(1, 2, 3, 4, 5),
    )


def concepts_table(definitions: Mapping[str, str]) -> Table:
    """Return the definition of every derived concept, as it stands above its SQL."""
    return Table(
        identifier="concepts",
        caption="Derived concepts",
        head=("Concept", "Definition"),
        lines=tuple(Line(head=_name(concept), cells=(words(definitions[concept]),)) for concept in sorted(definitions)),
        whole=False,
        text_columns=(1,),
    )


def checks_table(results: Sequence[Result]) -> Table:
    """Return the outcome of every check of the assumptions and safeguards behind the numbers, the same ones once."""
    users: dict[Check, list[str]] = {}
    for result in results:
        for check in result.checks:
            users.setdefault(check, []).append(result.title)
    return Table(
        identifier="checks",
        caption="Checks of assumptions and safeguards",
        head=("Analysis", "Check", "Outcome", "Detail"),
        lines=tuple(
            Line(
                head="; ".join(titles) if len(titles) <= _FEW or check.outcome == "failed" else "Several analyses",
                cells=(
                    words(check.name),
                    Cell(text=check.outcome, kind="strong" if check.outcome == "failed" else "text"),
                    words(check.detail),
                ),
            )
            for check, titles in users.items()
        ),
        whole=False,
        text_columns=(1, 2, 3),
    )


def notes_table(results: Sequence[Result]) -> Table:
    """Return the notes of the analyses, those that several share once and under the names of all of them."""
    users: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            users.setdefault(note, []).append(result.title)
    together: dict[tuple[str, ...], list[str]] = {}
    for note, titles in users.items():
        together.setdefault(tuple(titles), []).append(note)
    lines = []
    for shared, notes in together.items():
        # "Time to response, all users" says nothing beside "Time to response".
        names = [title for title in shared if not any(title != other and title.startswith(other) for other in shared)]
        head = "; ".join(names) if len(names) <= _FEW else "Several analyses"
        lines.append(Line(head=head, cells=(words(" ".join(notes)),)))
    return Table(
        identifier="notes",
        caption="Notes of the analyses",
        head=("Analysis", "Notes"),
        lines=tuple(lines),
        whole=False,
        text_columns=(1,),
    )


def _name(concept: str) -> str:
    return " ".join(_CAPITALS.get(word, word) for word in concept.split("_"))


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", formats.MINUS)
