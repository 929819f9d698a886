"""Submissions of the format "omop": CSV tables of the OMOP common data model 5.4 as tables of the contract.

person_id becomes the patient_id; person_source_value, which is often a hospital number, is never read. What OMOP has no
place for comes from rows of observation whose source value is myoregistry:<table>.<column>, as `myoregistry export
omop` writes them: registry/sql/omop/read says what comes from where.
"""

from __future__ import annotations

from importlib.resources import files as package_files
from typing import TYPE_CHECKING

import pyarrow as pa

from registry.contract import Table, codelist, contract
from registry.intake.delimited import read_delimited
from registry.intake.made_rows import Place, Remarks
from registry.intake.standard_codes import OWN_CODES, read_codes
from registry.intake.tables import BROKEN, PLACES, TextTable
from registry.keeping.database import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb

    from registry.intake.manifest import Manifest
    from registry.intake.sent_files import SentFiles
    from registry.intake.standard_codes import Codes

NEEDED = ("person", "condition_occurrence", "drug_exposure", "measurement")
OPTIONAL = ("death", "observation")
IGNORED = ("observation_period", "visit_occurrence", "care_site", "cdm_source")
"""Tables of an export that hold nothing that the contract asks for; they may be sent and are not read."""
_WORDS = {
    "omop.concept": (
        "{n} rows of this concept left out.",
        f"If it is wanted, say in {OWN_CODES} what it means (system omop).",
    ),
    "omop.field": ("{n} observations of this name left out: it is no column of the contract.", "Correct the name."),
    "omop.loose": (
        "{n} observations left out: observation_event_id names no row of that kind of the person.",
        "Tie them to their row.",
    ),
}


def read_omop(
    files: SentFiles, manifest: Manifest | None, progress: Callable[[str, float], None]
) -> Mapping[str, TextTable]:
    """Return the eight tables that the OMOP files of a submission make; all problems go into the files' list.

    Every row keeps its place, the file and line that it was made from. Rows of concepts that the code lists do not
    have are counted and left out.
    """
    del manifest
    remarks = Remarks()
    sent = {}
    for done, name in enumerate((*NEEDED, *OPTIONAL)):
        progress(f"reading {name}.csv", done / (len(NEEDED) + len(OPTIONAL) + 1))
        sent[name] = _read(name, files, remarks)
    for name in IGNORED:
        if f"{name}.csv" in files.names:
            # Read, so that the hash of the submission holds it; what it says is not used.
            files.read(f"{name}.csv")
    codes = read_codes(files)
    if any(table is None for table in sent.values()):
        files.problems += remarks.problems()
        return {}
    progress("making the registry's tables", 1 - 1 / (len(sent) + 1))
    with open_memory() as connection:
        for name, table in sent.items():
            _create(connection, name, table)
        for name, table in _lists(codes).items():
            _create(connection, name, table)
        connection.execute(_sql("prepare"))
        made = {name: connection.sql(_sql(name)).to_arrow_table() for name in contract()}
        for rule, file, value, n in connection.execute(_sql("left_out")).fetchall():
            message, advice = _WORDS[rule]
            remarks.leave(rule, file, value or "", message, _advice(codes, rule, value) or advice, times=n)
    files.problems += remarks.problems()
    return {name: _text_table(name, rows) for name, rows in made.items()}


def omop_table(name: str) -> Table:
    """Return a table of OMOP 5.4 as the reader of CSV files understands it; only what is needed must be there."""
    columns = [
        {"name": row["column"], "type": "text", "optional": row["needed"] != "yes", "description": row["column"]}
        for row in codelist("omop_columns")
        if row["table"] == name
    ]
    return Table.model_validate({"table": name, "title": name, "row": "a row", "key": (), "column": columns})


def _read(name: str, files: SentFiles, remarks: Remarks) -> pa.Table | None:
    """Return an OMOP table as text, an empty one where it may be missing; None, with problems, if it is unreadable."""
    table = omop_table(name)
    if name in OPTIONAL and table.file not in files.names:
        return pa.schema([("line", pa.int64()), *((column, pa.string()) for column in table.names)]).empty_table()
    data = files.read(table.file, if_missing="A table without rows is a file with only its header.")
    if data is None:
        return None
    text = read_delimited(data, table)
    files.problems += text.problems
    for line, fields in zip(text.broken["line"].to_pylist(), text.broken["fields"].to_pylist(), strict=True):
        remarks.say(
            "omop.fields",
            Place(file=table.file, at=line),
            f"The row has {fields} fields, the header has another number: it was left out.",
            severity="reject",
        )
    return text.rows


def _lists(codes: Codes) -> dict[str, pa.Table]:
    """Return what the SQL looks up: concept ids by kind, units, and the columns of the contract."""
    omop = [(kind, code, meaning) for (system, kind, code), meaning in codes.meanings.items() if system == "omop"]
    kinds = {"condition_code": ("diagnosis", "cancer", "term"), "measurement_code": ("analyte", "visit", "antibody")}
    lists = {"code": _texts(("kind", "code", "meaning"), omop)}
    for name, wanted in kinds.items():
        # A concept is one thing: the first kind that a list gives it.
        first = {code: (kind, code, meaning) for kind, code, meaning in reversed(omop) if kind in wanted}
        lists[name] = _texts(("kind", "code", "meaning"), list(first.values()))
    units = [(row["unit"], row["canonical_unit"], row["factor"]) for row in codelist("units")]
    visit = [(row["item"], row["unit"], row["factor"]) for row in codelist("visit_units")]
    fields = [(table.table, name) for table in contract().values() for name in table.names]
    lists["unit"] = _texts(("unit", "canonical_unit", "factor"), units)
    lists["visit_unit"] = _decimal(_texts(("item", "unit", "factor"), visit))
    lists["field"] = _texts(("table_name", "name"), fields)
    return lists


def _texts(names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> pa.Table:
    columns = [pa.array([row[at] for row in rows], pa.string()) for at in range(len(names))]
    return pa.table(dict(zip(names, columns, strict=True)))


def _decimal(table: pa.Table) -> pa.Table:
    at = table.column_names.index("factor")
    return table.set_column(at, "factor", table["factor"].cast(pa.decimal128(10, 4)))


def _create(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table | None) -> None:
    connection.register("sent", table)
    connection.execute(f'CREATE TABLE "{name}" AS FROM sent')
    connection.unregister("sent")


def _advice(codes: Codes, rule: str, value: str | None) -> str:
    return codes.advice("omop", value) if rule == "omop.concept" and value else ""


def _text_table(name: str, made: pa.Table) -> TextTable:
    """Return made rows as the contract's table, numbered 1 to n, with their places."""
    lines = pa.array(range(1, made.num_rows + 1), pa.int64())
    columns = {"line": lines}
    for column in contract()[name].names:
        found = made[column].cast(pa.string()) if column in made.column_names else None
        columns[column] = found if found is not None else pa.nulls(made.num_rows, pa.string())
    return TextTable(
        rows=pa.table(columns),
        broken=BROKEN.empty_table(),
        count=made.num_rows,
        problems=(),
        label="OMOP",
        places=pa.table({"line": lines, "file": made["file"].cast(pa.string()), "at": made["at"]}).cast(PLACES),
    )


def _sql(name: str) -> str:
    return package_files("registry").joinpath("sql", "omop", "read", f"{name}.sql").read_text(encoding="utf-8")
