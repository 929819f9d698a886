"""Codes of standard vocabularies (LOINC, ATC, RxNorm, SNOMED, ICD-10, UCUM, OMOP) and what they mean here.

codelists/standard_codes.csv says of every code where it was read. What nobody has verified is not used: a wrong code
would silently give a person another drug. A study that has looked it up sends its own list, codes.csv, along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.contract import Table, codelist, contract
from registry.errors import Problem
from registry.intake.delimited import read_delimited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.intake.sent_files import SentFiles

OWN_CODES = "codes.csv"
"""The study's own list in a submission: system, code, kind, meaning. It adds to and overrides the built-in list."""
COLUMNS = ("system", "code", "kind", "meaning")
KINDS: Mapping[str, tuple[str, str]] = {
    "analyte": ("lab", "analyte"),
    "unit": ("lab", "unit"),
    "antibody": ("antibody", "antibody"),
    "result": ("antibody", "result"),
    "agent": ("course", "agent"),
    "dose_unit": ("course", "dose_unit"),
    "diagnosis": ("patient", "diagnosis"),
    "sex": ("patient", "sex"),
    "term": ("event", "term"),
    "outcome": ("event", "outcome"),
    "seriousness": ("event", "serious"),
}
"""Table and column of the contract whose codes a kind of meaning has; visit and cancer are the two that have none."""
VISIT_UNITS = ("kg", "cm")
"""Units of the items visit.weight and visit.height, which stand in the list of units as well."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What codes mean.

    meanings: by system, kind and code; a code that ends in * stands for all that begin so. unverified: codes that the
    built-in list knows but nobody has verified. prefixes: the starts of codes and their meanings, longest first.
    written: by kind and meaning, the OMOP concept id that an export writes.
    """

    meanings: Mapping[tuple[str, str, str], str]
    written: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unverified: frozenset[tuple[str, str]] = frozenset()
    prefixes: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def meaning(self, system: str, kind: str, code: str) -> str | None:
        """Return what a code means as a kind, such as an analyte; None if it is not in the lists."""
        found = self.meanings.get((system, kind, code))
        if found is None:
            listed = self.prefixes.get((system, kind), ())
            found = next((meaning for start, meaning in listed if code.startswith(start)), None)
        return found

    def advice(self, system: str, code: str) -> str:
        """Return what to do about a code that is not in the lists."""
        if (system, code) in self.unverified:
            return f"The built-in list has this code, but unverified: look it up, then state it in {OWN_CODES}."
        return f"If it is wanted, say in {OWN_CODES} what it means (columns {', '.join(COLUMNS)})."


def built_in_codes() -> Codes:
    """Return what the built-in list says of codes that have been verified."""
    rows = codelist("standard_codes")
    unverified = frozenset((row["system"], row["code"]) for row in rows if row["verified"] != "yes")
    return _codes([row for row in rows if row["verified"] == "yes"], unverified)


def read_codes(files: SentFiles) -> Codes:
    """Return the built-in list and the study's own codes.csv, if one was sent; its mistakes go into the files' list."""
    data = files.read(OWN_CODES) if OWN_CODES in files.names else None
    if data is None:
        return built_in_codes()
    codes, problems = with_own_codes(data)
    files.problems += problems
    return codes


def with_own_codes(data: bytes) -> tuple[Codes, tuple[Problem, ...]]:
    """Return the built-in list with what the bytes of a codes.csv add to it and override in it, or why they cannot."""
    known = built_in_codes()
    text = read_delimited(data, _own_table())
    if text.rows is None:
        return known, text.problems
    rows = [{name: row[name] or "" for name in COLUMNS} for row in text.rows.to_pylist()]
    wrong = [at for at, row in zip(text.rows["line"].to_pylist(), rows, strict=True) if not _sensible(row)]
    wrong += text.broken["line"].to_pylist()
    if wrong:
        return known, (*text.problems, _not_sensible(sorted(wrong)))
    own = _codes([row | {"write": "yes"} for row in rows], frozenset())
    stated = {(row["system"], row["code"]) for row in rows}
    codes = Codes(
        meanings={**known.meanings, **own.meanings},
        written={**known.written, **own.written},
        unverified=known.unverified - stated,
        prefixes={**known.prefixes, **own.prefixes},
    )
    return codes, text.problems


def _codes(rows: Sequence[Mapping[str, str]], unverified: frozenset[tuple[str, str]]) -> Codes:
    exact: dict[tuple[str, str, str], str] = {}
    written: dict[tuple[str, str], str] = {}
    starts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        if row["code"].endswith("*"):
            starts.setdefault((row["system"], row["kind"]), []).append((row["code"][:-1], row["meaning"]))
        else:
            exact[row["system"], row["kind"], row["code"]] = row["meaning"]
            if row["system"] == "omop" and row["write"] == "yes":
                written.setdefault((row["kind"], row["meaning"]), row["code"])
    return Codes(
        meanings=exact,
        written=written,
        unverified=unverified,
        # The longest start first, so that M33.13* can say otherwise than M33.1*.
        prefixes={key: tuple(sorted(listed, key=lambda one: (-len(one[0]), one))) for key, listed in starts.items()},
    )


def _sensible(row: Mapping[str, str]) -> bool:
    """Say whether a row of codes.csv is complete and means something that the contract knows."""
    kind, meaning = row["kind"], row["meaning"]
    if not row["system"] or not row["code"].rstrip("*"):
        return False
    if kind == "visit":
        return meaning in visit_items()
    if kind == "cancer":
        return meaning in {"yes", "no"}
    if kind == "unit" and meaning in VISIT_UNITS:
        return True
    if kind not in KINDS:
        return False
    table, column = KINDS[kind]
    return meaning in contract()[table][column].allowed()


def visit_items() -> tuple[str, ...]:
    """Return the measures of a visit: the columns of visit without the key."""
    table = contract()["visit"]
    return tuple(name for name in table.names if name not in table.key)


def _own_table() -> Table:
    """Return codes.csv as a table that the reader of CSV files understands."""
    columns = [{"name": name, "type": "text", "description": name} for name in COLUMNS]
    return Table.model_validate({"table": "codes", "title": "Codes", "row": "a code", "key": (), "column": columns})


def _not_sensible(lines: list[int]) -> Problem:
    return Problem(
        rule="codes.row",
        severity="reject",
        file=OWN_CODES,
        message=f"Not a code with a meaning of the contract: line {', '.join(map(str, lines[:5]))}"
        + (f" and {len(lines) - 5} more." if len(lines) > 5 else "."),  # noqa: PLR2004
        advice=f"Give system, code, kind ({', '.join((*KINDS, 'visit', 'cancer'))}) and a meaning of the contract.",
    )
