"""The rows of a checked submission as the registry keeps them: pseudonyms in place of ids, nobody who has withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from registry.contract import contract, stored_columns
from registry.intake.tables import PLACES
from registry.keeping.pseudonyms import link_pseudonym, person_pseudonym, replace_values, withdrawal_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.checking.checks import CheckedSubmission
    from registry.intake.submission import Submission
    from registry.keeping.keys import Keys

LINKED = "link_key"


@dataclass(frozen=True, kw_only=True)
class KeptRows:
    """What is written to the registry of a submission.

    rows: by table of the contract, record and the stored columns. quarantine, queries: as in the tables of that name,
    without the submission. left_out: by table, how many rows of persons who have withdrawn stand in neither.
    withdrawn: ids of those persons, as the centre writes them.
    """

    rows: Mapping[str, pa.Table]
    quarantine: pa.Table
    queries: pa.Table
    left_out: Mapping[str, int]
    withdrawn: frozenset[str]


def kept_rows(checked: CheckedSubmission, *, keys: Keys, withdrawals: frozenset[str]) -> KeptRows:
    """Return what the registry keeps of a checked submission.

    withdrawals: tokens of the persons who have withdrawn their consent, at any centre.
    """
    submission = checked.submission
    withdrawn = persons_withdrawn(submission, keys, withdrawals)
    rows, left_out = {}, {}
    for name, table in checked.rows.items():
        stay = _without(table, withdrawn)
        left_out[name] = table.num_rows - stay.num_rows
        rows[name] = _hidden(_with_record(stay, submission, name), submission.centre, keys)
    quarantine, queries = (_without(table, withdrawn) for table in (checked.quarantine, checked.queries))
    for name in pc.value_counts(checked.quarantine["table_name"]).to_pylist():
        there = pc.sum(pc.equal(quarantine["table_name"], name["values"])).as_py() or 0
        left_out[name["values"]] = left_out.get(name["values"], 0) + name["counts"] - there
    return KeptRows(
        rows=rows,
        quarantine=_hidden(quarantine, submission.centre, keys).select(
            ["table_name", "file", "at", "rules", "patient_id"]
        ),
        queries=_hidden(_unquoted(queries), submission.centre, keys).select(
            ["file", "at", "columns", "values", "rule", "message", "advice", "patient_id"]
        ),
        left_out=left_out,
        withdrawn=withdrawn,
    )


def persons_withdrawn(submission: Submission, keys: Keys, withdrawals: frozenset[str]) -> frozenset[str]:
    """Return the ids in a submission, as the centre writes them, of persons who have withdrawn their consent."""
    if not withdrawals:
        return frozenset()
    ids = {
        name
        for table in (*submission.tables.values(), *submission.removed.values())
        if "patient_id" in table.column_names
        for name in pc.unique(table["patient_id"]).to_pylist()
        if name is not None
    }
    return frozenset(name for name in ids if withdrawal_token(keys, submission.centre, name) in withdrawals)


def _without(table: pa.Table, persons: frozenset[str]) -> pa.Table:
    if not persons:
        return table
    theirs = pc.is_in(table["patient_id"], pa.array(sorted(persons), pa.string()))
    return table.filter(pc.invert(pc.fill_null(theirs, False)))  # noqa: FBT003  (a value, not a switch)


def _with_record(table: pa.Table, submission: Submission, name: str) -> pa.Table:
    """Put the record, '<file>:<line>', in the place of the line."""
    places = submission.places.get(name, PLACES.empty_table())
    found = pc.index_in(table["line"], places["line"].combine_chunks())
    file = pc.fill_null(pc.take(places["file"].combine_chunks(), found), submission.label(name))
    at = pc.coalesce(pc.take(places["at"].combine_chunks(), found), table["line"])
    record = pc.binary_join_element_wise(file, pc.cast(at, pa.string()), ":")
    columns = [column for column, _ in stored_columns(contract()[name])]
    return table.select(columns).add_column(0, "record", record)


def _hidden(table: pa.Table, centre: str, keys: Keys) -> pa.Table:
    """Replace ids and link keys by their pseudonyms."""
    for column in ("patient_id", LINKED):
        if column in table.column_names:
            code = (
                (lambda v: link_pseudonym(keys, v)) if column == LINKED else lambda v: person_pseudonym(keys, centre, v)
            )
            at = table.column_names.index(column)
            table = table.set_column(at, column, replace_values(table[column], code))
    return table


def _unquoted(queries: pa.Table) -> pa.Table:
    """Take away quoted values where an id or a link key is among them."""
    names = pc.match_substring_regex(queries["columns"], f"\\b(patient_id|{LINKED})\\b")
    values = pc.if_else(names, "", queries["values"])
    return queries.set_column(queries.column_names.index("values"), "values", values)
