"""A flat CSV export of REDCap, read strictly row by row with the physical line of each."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING

from registry.checking.explain import nearest
from registry.errors import Problem
from registry.intake.encoding import line_of, read_text
from registry.intake.redcap_mapping import ACCESS_GROUP, EVENT, INSTRUMENT, STRUCTURE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.errors import Severity
    from registry.intake.redcap_mapping import Mapping

_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_LISTED = 10
_LONGEST = 60


class DamagedExportError(Exception):
    """The export cannot be read any further; holds the problems to report."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*(problem.message for problem in problems))


class Export:
    """An export while it is read: first its header, then its rows, once.

    file: its name in messages. data: its bytes. separator: what stands between fields. encoding: as the manifest
    declares it, or None. problems: questions about its bytes. Raises DamagedExportError where no row can be trusted.
    """

    def __init__(self, file: str, data: bytes, *, separator: str = ",", encoding: str | None = None) -> None:
        text, problems = read_text(file, data, encoding)
        if text is None:
            raise DamagedExportError(*problems)
        _refuse_control(file, text)
        self.file, self.problems, self._separator, self._size = file, problems, separator, len(text)
        self._raw = io.BytesIO(text)
        self._reader = csv.reader(
            io.TextIOWrapper(self._raw, encoding="utf-8", newline=""), delimiter=separator, strict=True
        )
        self.header: Sequence[str] = next(self._read(), (0, []))[1]

    @property
    def share(self) -> float:
        """Share of the bytes that have been read."""
        return self._raw.tell() / max(1, self._size)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line on which each row starts, and its fields; blank lines are no rows."""
        wrong: list[tuple[int, int]] = []
        for line, row in self._read():
            if len(row) == len(self.header):
                yield line, row
            else:
                wrong.append((line, len(row)))
        if wrong:
            line, fields = wrong[0]
            more = f" So {'has' if len(wrong) == 2 else 'have'} {len(wrong) - 1} more." if len(wrong) > 1 else ""  # noqa: PLR2004
            message = f"The row of line {line} has {fields} fields, the header has {len(self.header)}.{more}"
            raise DamagedExportError(
                export_problem(self.file, "fields", message, "Export it again; do not repair it by hand.")
            )

    def header_problems(self, mapping: Mapping) -> Iterator[Problem]:
        """Yield what the header lacks of what the mapping reads, and ask about what it has too much of."""
        if mapping.record_id not in self.header:
            yield self._no_record_id(mapping)
            return
        for name, times in Counter(self.header).items():
            if times > 1:
                message = f"The column stands {times} times in the header."
                yield export_problem(self.file, "column_twice", message, "Export it again.", columns=(_shown(name),))
        for name in mapping.fields:
            if name not in self.header:
                meant = nearest(name, [other for other in self.header if other not in mapping.fields])
                advice = f"Did you mean {meant}?" if meant else "Add the field to the export, or correct the mapping."
                message = "The mapping reads this field, and the export does not hold it."
                yield export_problem(self.file, "field_missing", message, advice, columns=(name,))
        yield from self._structure_problems(mapping)
        known = {*mapping.fields, *STRUCTURE, ACCESS_GROUP}
        unused = [name for name in self.header if name not in known and not name.endswith("_complete")]
        if unused:
            some = ", ".join(_shown(name) for name in unused[:_LISTED]) + (", ..." if len(unused) > _LISTED else "")
            message = f"The export holds fields that the mapping does not read ({len(unused)}): {some}."
            advice = "Leave them out of the export: what is not sent cannot leak."
            yield export_problem(self.file, "fields_unused", message, advice, severity="query")

    def _no_record_id(self, mapping: Mapping) -> Problem:
        joined = self._separator.join(self.header)
        other = next((s for s in _SEPARATORS if s in joined and mapping.record_id in joined.split(s)), None)
        if other is not None:
            message = f"The columns are separated by {_SEPARATORS[other]}."
            advice = "Declare the separator under [csv] in the manifest, or export with commas."
            return export_problem(self.file, "separator", message, advice)
        message = f"The first line does not hold {mapping.record_id}, which the mapping calls the record ID."
        advice = "Export raw data with variable names in the first line, not labels; or correct record_id."
        return export_problem(self.file, "header", message, advice, columns=(mapping.record_id,))

    def _structure_problems(self, mapping: Mapping) -> Iterator[Problem]:
        """Yield where the mapping and the export disagree about events and repeating instruments."""
        places = [(f"{name}[{n}]", b) for name, blocks in mapping.blocks.items() for n, b in enumerate(blocks, start=1)]
        if EVENT in self.header:
            for place, block in places:
                if not block.events:
                    message = f"The export has events, and {place} of the mapping names none."
                    yield export_problem(self.file, "event_missing", message, "Write events = [...] into the block.")
        elif mapping.events:
            message = "The mapping names events, and the export has none."
            advice = "Export the whole project, or leave events out of the mapping if the project has none."
            yield export_problem(self.file, "event_missing", message, advice, columns=(EVENT,))
        if mapping.instruments and INSTRUMENT not in self.header:
            message = "The mapping names repeating instruments, and the export has none."
            yield export_problem(
                self.file,
                "instrument_missing",
                message,
                "Export them too, or correct the mapping.",
                columns=(INSTRUMENT,),
            )

    def _read(self) -> Iterator[tuple[int, list[str]]]:
        before = 0
        try:
            before = self._reader.line_num
            for row in self._reader:
                if row:
                    yield before + 1, row
                before = self._reader.line_num
        except csv.Error:
            message = f"The quotes of the row that starts on line {before + 1} do not match."
            advice = 'A quote inside a quoted field is written twice (""). Export it again.'
            raise DamagedExportError(export_problem(self.file, "quotes", message, advice)) from None


def export_problem(
    file: str,
    rule: str,
    message: str,
    advice: str,
    *,
    severity: Severity = "reject",
    columns: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
) -> Problem:
    """Return a problem of the export as a whole."""
    return Problem(
        rule=f"redcap.{rule}",
        severity=severity,
        file=file,
        columns=columns,
        values=values,
        message=message,
        advice=advice,
    )


def _refuse_control(file: str, data: bytes) -> None:
    if (control := _CONTROL.search(data)) is not None:
        message = f"Line {line_of(data, control.start())} holds the control character 0x{data[control.start()]:02X}."
        advice = "Leave the free text field that holds it out of the export, or remove the character in REDCap."
        raise DamagedExportError(export_problem(file, "control", message, advice))


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and len(name) <= _LONGEST else ascii(name[:_LONGEST])
