"""The tables of the contract from a flat export of REDCap and a mapping."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from registry.checking.explain import nearest
from registry.contract import contract
from registry.intake.manifest import Csv, Redcap
from registry.intake.redcap_export import DamagedExportError, Export, export_problem
from registry.intake.redcap_mapping import EVENT, INSTRUMENT, read_mapping
from registry.intake.redcap_values import Untranslated, is_filled, value_reader
from registry.intake.tables import BROKEN, PLACES, TextTable

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Callable, Iterator, Sequence

    from registry.errors import Problem
    from registry.intake.manifest import Manifest
    from registry.intake.redcap_mapping import Block, Mapping
    from registry.intake.redcap_values import Reader, Row
    from registry.intake.sent_files import SentFiles

    Kind = tuple[str, str]
    """Event and repeating instrument of a row, each empty where there is none."""

MAXIMUM_MAPPING_BYTES = 1024 * 1024
_REPORT_EVERY = 10_000
_SHOWN = 5
_KINDS = 20
_LONGEST = 60


def read_redcap(
    files: SentFiles, manifest: Manifest | None, progress: Callable[[str, float], None]
) -> collections.abc.Mapping[str, TextTable]:
    """Return what a REDCap export holds of each table; nothing, with problems in `files`, if it cannot be trusted.

    A row of the export gives a row of every block that asks for it, in the order of the export and then of the
    mapping, so that one visit form can give several laboratory rows. A code without a translation stays as it is for
    the contract to refuse, with line and value.
    """
    redcap, dialect = (manifest.redcap, manifest.csv) if manifest else (Redcap(), Csv())
    text = files.read(redcap.mapping, maximum=MAXIMUM_MAPPING_BYTES, if_missing="Send the mapping with the export.")
    data = files.read(redcap.data, if_missing="Send the flat export, or write its name under [redcap].")
    mapping, wrong = read_mapping(text, redcap.mapping) if text is not None else (None, ())
    files.problems += wrong
    if mapping is None or data is None:
        return {}
    try:
        separator = "\t" if dialect.separator == "tab" else dialect.separator or ","
        export = Export(redcap.data, data, separator=separator, encoding=dialect.encoding)
        wrong = (*export.problems, *export.header_problems(mapping))
        files.problems += wrong
        if any(problem.severity == "reject" for problem in wrong):
            return {}
        sorter = _Sorter(mapping, export.header, decimal=mapping.decimal or dialect.decimal or ".")
        for number, (line, row) in enumerate(export.rows()):
            sorter.take(line, row)
            if number % _REPORT_EVERY == 0:
                progress(f"reading {redcap.data}", export.share)
    except DamagedExportError as error:
        files.problems += error.problems
        return {}
    progress(f"reading {redcap.data}", 1.0)
    wrong = tuple(sorter.problems(redcap.data))
    files.problems += wrong
    if any(problem.severity == "reject" for problem in wrong):
        return {}
    return {name: sorter.table(name, redcap.data) for name in contract()}


class _Sorter:
    """Takes the rows of an export one by one and puts what they give into the tables."""

    def __init__(self, mapping: Mapping, header: Sequence[str], *, decimal: str) -> None:
        self._mapping = mapping
        self._untranslated = Untranslated()
        self._at = {name: place for place, name in enumerate(header)}
        self._rows: dict[str, list[list[str | None]]] = {name: [] for name in contract()}
        self._lines: dict[str, list[int]] = {name: [] for name in contract()}
        self._seen: Counter[Kind] = Counter()
        self._silent: Counter[Kind] = Counter()
        self._blocks: dict[Kind, list[tuple[str, Callable[[Row], list[str | None] | None]]]] = {}
        for name, blocks in mapping.blocks.items():
            for block in blocks:
                read = self._block_reader(name, block, decimal)
                for event in block.events or ("",):
                    self._blocks.setdefault((event, block.instrument), []).append((name, read))

    def take(self, line: int, row: Row) -> None:
        """Put what a row of the export gives into the tables."""
        at = self._at
        kind = (row[at[EVENT]] if EVENT in at else "", row[at[INSTRUMENT]] if INSTRUMENT in at else "")
        self._seen[kind] += 1
        gave = False
        for name, read in self._blocks.get(kind, ()):
            if (values := read(row)) is not None:
                self._rows[name].append(values)
                self._lines[name].append(line)
                gave = True
        if not gave:
            self._silent[kind] += 1

    def table(self, name: str, file: str) -> TextTable:
        """Return one table with the place of every row in the export."""
        names, rows, count = contract()[name].names, self._rows[name], len(self._rows[name])
        columns = list(zip(*rows, strict=True)) or [() for _ in names]
        line = pa.array(range(1, count + 1), pa.int64())
        at = pa.array(self._lines[name], pa.int64())
        text = {column: pa.array(values, pa.string()) for column, values in zip(names, columns, strict=True)}
        return TextTable(
            rows=pa.table({"line": line, **text}),
            broken=BROKEN.empty_table(),
            count=count,
            problems=(),
            label=file,
            places=pa.Table.from_arrays([line, pa.array([file] * count, pa.string()), at], schema=PLACES),
        )

    def problems(self, file: str) -> Iterator[Problem]:
        """Yield what can be said only when every row has been seen."""
        if not self._seen:
            message, advice = "The export holds no record.", "Export the records again; nobody has left the cohort."
            yield export_problem(file, "no_records", message, advice)
            return
        yield from self._never_seen(file, "event", self._mapping.events, [event for event, _ in self._seen])
        instruments = [instrument for _, instrument in self._seen]
        yield from self._never_seen(file, "instrument", self._mapping.instruments, instruments)
        often = sorted(self._silent.items(), key=lambda item: (-item[1], item[0]))
        for kind, count in sorted(often[:_KINDS]):
            rows = f"{_rows(count)} of {_named(kind)}"
            if kind in self._blocks:
                message, advice = f"{rows} gave no row of any table: the fields that are read are empty.", ""
                yield export_problem(file, "nothing_filled", message, advice, severity="query")
            else:
                message = f"{rows} gave no row of any table: no block of the mapping reads them."
                advice = "Add a block, or leave them out of the export."
                yield export_problem(file, "unmapped", message, advice, severity="query")
        if rest := often[_KINDS:]:
            message = f"{_rows(sum(n for _, n in rest))} of {len(rest)} other events and instruments gave none either."
            yield export_problem(file, "unmapped", message, "Look at the export.", severity="query")
        for field, codes in sorted(self._untranslated.counts.items()):
            some = tuple(sorted(code[:_LONGEST] for code in codes)[:_SHOWN])
            message = f"A code without a translation stands in {_rows(codes.total())}. Different codes: {len(codes)}."
            advice = "Add it to codes in the mapping."
            yield export_problem(file, "code", message, advice, severity="query", columns=(field,), values=some)

    def _never_seen(self, file: str, what: str, named: Sequence[str], seen: Sequence[str]) -> Iterator[Problem]:
        for name in named:
            if name not in seen and name not in self._mapping.no_rows_yet:
                meant = nearest(name, sorted({other for other in seen if other and other not in named}))
                advice = (
                    f"Did you mean {meant}?"
                    if meant
                    else "Correct the mapping, or add the name to no_rows_yet if nobody has got so far."
                )
                message = f"The mapping reads this {what}, and no row of the export is of it."
                yield export_problem(file, f"{what}_unknown", message, advice, columns=(name,))

    def _block_reader(self, name: str, block: Block, decimal: str) -> Callable[[Row], list[str | None] | None]:
        """Return what makes the columns of a table from a row of the export, or None if the row gives nothing."""
        mapping, table = self._mapping, contract()[name]
        readers: list[Reader] = []
        fields: list[int] = []
        patient = self._at[mapping.record_id]
        for number, column in enumerate(table.columns):
            source = block.columns.get(column.name)
            if column.name == "patient_id":
                readers.append(lambda row: row[patient] or None)
            elif source is None:
                readers.append(_nothing)
            else:
                readers.append(
                    value_reader(
                        source,
                        column,
                        self._at,
                        missing=mapping.missing,
                        dates=mapping.dates,
                        decimal="," if decimal == "," else ".",
                        untranslated=self._untranslated,
                    )
                )
                if source.fields:
                    fields.append(number)
        filled = [(field, self._at[field]) for field in block.filled]
        when = [(self._at[field], frozenset(texts)) for field, texts in block.when.items()]
        conditional = bool(filled or when)

        def read(row: Row) -> list[str | None] | None:
            if not all(is_filled(field, row[place], mapping.missing) for field, place in filled):
                return None
            if not all(row[place] in texts for place, texts in when):
                return None
            values = [reader(row) for reader in readers]
            return values if conditional or any(values[number] is not None for number in fields) else None

        return read


def _nothing(row: Row) -> None:
    del row


def _rows(count: int) -> str:
    return f"{count} {'row' if count == 1 else 'rows'}"


def _named(kind: Kind) -> str:
    event, instrument = (text[:_LONGEST] if text.isascii() else ascii(text[:_LONGEST]) for text in kind)
    words = [f"the event {event}"] if event else []
    return ", ".join([*words, f"the instrument {instrument}" if instrument else "no repeating instrument"])
