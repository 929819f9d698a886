"""The tables of the contract as a file each, or as sheets of a workbook: which holds what, each read by its kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from registry.checking.explain import nearest
from registry.contract import contract
from registry.errors import Problem
from registry.intake.delimited import read_delimited
from registry.intake.encoding import EMPTY_TABLE
from registry.intake.manifest import Csv
from registry.intake.parquet import read_parquet
from registry.intake.removed import REMOVED, refuse_removed, removed_tables
from registry.intake.sent_files import NOT_READ
from registry.intake.tables import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.contract import Table
    from registry.intake.excel import Workbook
    from registry.intake.manifest import Manifest
    from registry.intake.sent_files import SentFiles
    from registry.intake.tables import TextTable

TEXT_ENDINGS = (".csv", ".tsv", ".txt")
PARQUET, EXCEL = ".parquet", ".xlsx"
OWN_SHEETS = ("Explanations", "Columns", "Checks", "Lists")
"""Sheets of the entry workbook (registry.entry_template) that hold no table."""


@dataclass(frozen=True, kw_only=True)
class _Holder:
    """A file or a sheet of it that holds a table: its name in messages, and how to read it."""

    file: str
    label: str
    read: Callable[[Callable[[float], None]], TextTable]


def read_table_files(
    files: SentFiles, manifest: Manifest | None, progress: Callable[[str, float], None]
) -> Mapping[str, TextTable]:
    """Return what the files hold of each table, and under "removed.<table>" the keys of rows that are gone.

    A missing table is a problem of `files`, but in a delta, where it has not changed.
    """
    delta = manifest is not None and manifest.kind == "delta"
    tables = dict(sorted(contract().items()))
    known = {**tables, **removed_tables()}
    settings = manifest.csv if manifest else Csv()
    holders = _holders(files, known, settings)
    found, missing = {}, []
    for done, (name, table) in enumerate(known.items()):
        holding = holders.get(name, [])
        share = partial(_share, progress, done=done, tables=len(tables))
        if len(holding) > 1:
            # They are read all the same: what was sent goes into the hash.
            unread = [h.file for h in holding if h.file == h.label and files.read(h.file) is None]
            files.problems += [] if unread else [_twice(name, [h.label for h in holding])]
        elif holding:
            read = holding[0].read(partial(share, holding[0].label))
            gone = name.startswith(REMOVED)
            found[name] = refuse_removed(read, table, delta=delta, known=manifest is not None) if gone else read
        elif name in tables and not delta:
            missing.append(table)
        share(table.file, 1.0)
    sheets = any(holder.label != holder.file for holding in holders.values() for holder in holding)
    for table in missing:
        _missing(files, table, sheets=sheets)
    if delta:
        _misnamed(files)
    return found


def _holders(files: SentFiles, known: Mapping[str, Table], settings: Csv) -> Mapping[str, list[_Holder]]:
    """Return the files and sheets that hold each table; every workbook is opened, whatever its name."""
    holders: dict[str, list[_Holder]] = {}
    workbooks = []
    for file in files.names:
        stem, ending = _stem(file), file[len(_stem(file)) :].lower()
        if ending == EXCEL:
            workbooks.append(file)
        elif stem in known and ending in (*TEXT_ENDINGS, PARQUET):
            read = partial(_read_file, files, file, known[stem], settings)
            holders.setdefault(stem, []).append(_Holder(file=file, label=file, read=read))
    for file in workbooks:
        data = files.read(file)
        if data is not None:
            _take_workbook(files, file, data, known, holders)
    return holders


def _read_file(
    files: SentFiles, file: str, table: Table, settings: Csv, progress: Callable[[float], None]
) -> TextTable:
    data = files.read(file)
    if data is None:
        # Why is among the problems of `files` already.
        return unreadable(file)
    if file.lower().endswith(PARQUET):
        return read_parquet(data, table, label=file)
    return read_delimited(data, table, label=file, settings=settings, progress=progress)


def _take_workbook(
    files: SentFiles, file: str, data: bytes, known: Mapping[str, Table], holders: dict[str, list[_Holder]]
) -> None:
    """Add the sheets of a workbook to the holders, and what is wrong with it to the problems."""
    # Reading workbooks loads a library that submissions without any do not need.
    from registry.intake.excel import is_empty, open_workbook, read_sheet  # noqa: PLC0415

    workbook, problems = open_workbook(file, data)
    if workbook is None:
        if _stem(file) not in known and set(contract()) <= set(holders):
            files.problems.append(_stranger(file, "It is not a workbook with tables; it was not read."))
            return
        files.problems += problems
        if _stem(file) in known:
            read = partial(_unreadable_workbook, file)
            holders.setdefault(_stem(file), []).append(_Holder(file=file, label=file, read=read))
        return
    sheets = {sheet: sheet for sheet in workbook.sheets if sheet in known}
    if not sheets and _stem(file) in known:
        # One table and no name: Sheet1, Tabelle1, Feuil1. Old versions of Excel add two empty sheets.
        others = [sheet for sheet in workbook.sheets if sheet not in OWN_SHEETS]
        others = others if len(others) == 1 else [sheet for sheet in others if not is_empty(workbook, sheet)]
        sheets = {others[0]: _stem(file)} if len(others) == 1 else {}
    for sheet, name in sheets.items():
        read = partial(_read_sheet, read_sheet, workbook, sheet, known[name])
        holders.setdefault(name, []).append(_Holder(file=file, label=workbook.label(sheet), read=read))
    if not sheets:
        files.problems.append(_stranger(file, "The workbook has no sheet with the name of a table; it was not read."))
        return
    for sheet in workbook.sheets:
        if sheet not in sheets and sheet not in OWN_SHEETS and not is_empty(workbook, sheet):
            files.problems.append(_stranger(workbook.label(sheet), "The contract has no such sheet; it was not read."))


def _read_sheet(
    read: Callable[[Workbook, str, Table], TextTable],
    workbook: Workbook,
    sheet: str,
    table: Table,
    progress: Callable[[float], None],
) -> TextTable:
    del progress
    return read(workbook, sheet, table)


def _unreadable_workbook(file: str, progress: Callable[[float], None]) -> TextTable:
    del progress
    return unreadable(file)


def _missing(files: SentFiles, table: Table, *, sheets: bool) -> None:
    if sheets:
        message = f"The table is missing: there is neither such a file nor a sheet called {table.table}."
        files.missing(table.file, EMPTY_TABLE.replace("file", "sheet"), message=message)
    else:
        files.missing(table.file, EMPTY_TABLE)


def _misnamed(files: SentFiles) -> None:
    """Ask about files that may be meant as a table: in a delta nothing else says that a table is not there."""
    expected = [table.file for table in contract().values()]
    for name in files.unread():
        meant = nearest(name, expected)
        if meant is not None:
            advice = f"If it is meant as {meant}, rename it and send the delta again."
            files.problems.append(
                Problem(rule="file.unknown", severity="query", file=name, message=NOT_READ, advice=advice)
            )


def _twice(name: str, labels: Sequence[str]) -> Problem:
    return Problem(
        rule="file.twice",
        severity="reject",
        file=labels[0],
        message=f"The table {name} was sent {len(labels)} times: {' and '.join(labels)}.",
        advice="Leave one of them: which of them counts cannot be told.",
    )


def _stranger(label: str, message: str) -> Problem:
    advice = "Leave it out of the next submission, or give it the name of the table that it holds."
    return Problem(rule="file.unknown", severity="query", file=label, message=message, advice=advice)


def _stem(file: str) -> str:
    return file.rpartition(".")[0] or file


def _share(progress: Callable[[str, float], None], label: str, share: float, *, done: int, tables: int) -> None:
    # Removed rows are read after the tables, and are few.
    progress(f"reading {label}", min((done + share) / tables, 1.0))
