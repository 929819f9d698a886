"""mapping.toml: from the fields of a REDCap project to the columns of the contract."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from registry.checking.explain import nearest
from registry.contract import TABLES, contract
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from registry.contract import Column

ACCESS_GROUP = "redcap_data_access_group"
EVENT, INSTRUMENT, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
STRUCTURE = (EVENT, INSTRUMENT, INSTANCE)
"""What REDCap adds to a row by itself."""

_LONGEST = 60

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,199}$")]
"""A column of the flat export: a variable, a checkbox's variable___code, or form_complete."""
UniqueName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,200}$")]
"""Unique name of an event or an instrument, as raw exports write it; never its label."""
DateOrder = Literal["ymd", "dmy", "mdy"]
DecimalMark = Literal[".", ","]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Source(_Frozen):
    """Where a column of the contract comes from: a field, a group of checkboxes, or a constant value.

    codes: from REDCap's raw code to the contract's text, "" for empty; without it the text is taken as it is. dates,
    decimal and missing override what the mapping says for all fields. cut_time: a time behind the date is left away.
    """

    field: FieldName | None = None
    checkbox: FieldName | None = None
    value: Annotated[str, Field(min_length=1)] | None = None
    codes: dict[str, str] = Field(default_factory=dict)
    dates: DateOrder | None = None
    decimal: DecimalMark | None = None
    missing: tuple[str, ...] | None = None
    cut_time: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Source:
        if sum(place is not None for place in (self.field, self.checkbox, self.value)) != 1:
            text = "Expected one of field, checkbox and value"
            raise ValueError(text)
        if self.checkbox is not None and not self.codes:
            text = "A checkbox needs codes: which contract text each of its choices means"
            raise ValueError(text)
        if self.value is not None and self.codes:
            text = "A constant value has no codes"
            raise ValueError(text)
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns of the export that are read."""
        if self.checkbox is not None:
            return tuple(checkbox_column(self.checkbox, code) for code in self.codes)
        return () if self.field is None else (self.field,)


class Block(_Frozen):
    """Which rows of the export give a row of one table, and from which fields.

    events: unique names; empty in a project without events. instrument: the repeating instrument; empty for rows that
    do not repeat. filled: fields that must all hold something, a checkbox column its tick. when: texts that a field
    may hold. Without filled and when, a row whose mapped fields are all empty gives nothing.
    """

    events: tuple[UniqueName, ...] = ()
    instrument: UniqueName | Literal[""] = ""
    filled: tuple[FieldName, ...] = ()
    when: dict[FieldName, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    columns: dict[str, Source]

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns of the export that are read, each once."""
        sources = (name for source in self.columns.values() for name in source.fields)
        return tuple(dict.fromkeys((*self.filled, *self.when, *sources)))


class Mapping(_Frozen):
    """What a project's export means.

    record_id: name of the project's record ID field, whose value is patient_id in every table. missing: missing data
    codes, read as empty. no_rows_yet: events and repeating instruments of which the export may hold no row; any other
    that the mapping names must stand in it, so that a misspelt one does not empty a table.
    """

    record_id: FieldName
    missing: tuple[str, ...] = ()
    dates: DateOrder = "ymd"
    decimal: DecimalMark | None = None
    no_rows_yet: tuple[UniqueName, ...] = ()
    blocks: dict[str, tuple[Block, ...]]

    @field_validator("blocks")
    @classmethod
    def _patients(cls, blocks: dict[str, tuple[Block, ...]]) -> dict[str, tuple[Block, ...]]:
        if not blocks.get("patient"):
            text = "No block feeds the table patient, to which every other row belongs"
            raise ValueError(text)
        return blocks

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns of the export that the mapping reads, the record ID first, each once."""
        names = (name for blocks in self.blocks.values() for block in blocks for name in block.fields)
        return tuple(dict.fromkeys((self.record_id, *names)))

    @property
    def events(self) -> tuple[str, ...]:
        """Events that blocks read, each once."""
        names = (name for blocks in self.blocks.values() for block in blocks for name in block.events)
        return tuple(dict.fromkeys(names))

    @property
    def instruments(self) -> tuple[str, ...]:
        """Repeating instruments that blocks read, each once."""
        names = (block.instrument for blocks in self.blocks.values() for block in blocks)
        return tuple(dict.fromkeys(name for name in names if name))


def checkbox_column(field: str, code: str) -> str:
    """Return the column of one choice of a checkbox field in a flat export: a minus is written as an underscore."""
    return f"{field}___{code.lower().replace('-', '_')}"


def read_mapping(data: bytes, file: str) -> tuple[Mapping | None, tuple[Problem, ...]]:
    """Return the mapping, None if anything is wrong with it, and everything that is, each with its place."""
    try:
        raw = tomllib.loads(data.decode("utf-8-sig"), parse_float=Decimal)
    except UnicodeDecodeError:
        return None, (_problem(file, "unreadable", None, "The file is not in UTF-8.", "Save it as UTF-8."),)
    except (ValueError, RecursionError) as error:
        return None, (_problem(file, "unreadable", None, f"The file is not TOML: {error}.", "Correct that place."),)
    settings = {name: value for name, value in raw.items() if name not in TABLES}
    blocks = {name: raw[name] for name in TABLES if name in raw}
    try:
        mapping = Mapping.model_validate({**settings, "blocks": blocks})
    except ValidationError as error:
        return None, tuple(_setting_problem(file, e["loc"], e["type"], e["msg"]) for e in error.errors())
    wrong = tuple(_contract_problems(mapping, file))
    return (None if wrong else mapping), wrong


def _setting_problem(file: str, loc: Sequence[int | str], kind: str, text: str) -> Problem:
    place = _place(loc)
    if kind == "missing":
        message, advice = "The setting is missing.", "Add it."
    elif kind == "extra_forbidden":
        meant = nearest(str(loc[-1]), [*TABLES, *Mapping.model_fields] if len(loc) == 1 else _settings_below())
        message = "There is no such setting."
        advice = f"Did you mean {meant}?" if meant else "Remove it, or correct its name."
    elif kind == "string_pattern_mismatch":
        message = "Expected a name as REDCap's raw export writes it: lower case letters, digits and underscores."
        advice = "Take variable names from the data dictionary and event names from Define My Events, not the labels."
    else:
        message, advice = f"{text.removeprefix('Value error, ')}.", "Correct it."
    return _problem(file, "setting", place, message, advice)


def _settings_below() -> list[str]:
    return [*Block.model_fields, *Source.model_fields]


def _place(loc: Sequence[int | str]) -> str:
    """Return where a setting stands, such as lab[2].columns.value, blocks counted from 1 as people do."""
    parts = [part for number, part in enumerate(loc) if (number, part) != (0, "blocks")]
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".") or "patient"


def _contract_problems(mapping: Mapping, file: str) -> Iterator[Problem]:
    for name, blocks in mapping.blocks.items():
        for number, block in enumerate(blocks, start=1):
            for place, message, advice in _block_problems(name, block):
                where = f"{name}[{number}].columns" + (f".{place}" if place else "")
                yield _problem(file, "column", where, message, advice)


def _block_problems(name: str, block: Block) -> Iterator[tuple[str, str, str]]:
    table = contract()[name]
    for column in block.columns:
        if column == "patient_id":
            yield column, "It is the record ID of every row.", "Remove it; record_id says which field that is."
        elif column not in table.names:
            meant = nearest(column, table.names)
            advice = f"Did you mean {meant}?" if meant else f"The table has {', '.join(table.names)}."
            yield column[:_LONGEST], f"The table {name} has no such column.", advice
    for expected in table.columns:
        source = block.columns.get(expected.name)
        if source is not None:
            yield from ((expected.name, message, advice) for message, advice in _source_problems(expected, source))
        elif expected.required and expected.name != "patient_id":
            yield expected.name, "A required column has no source.", "Name its field, or give a constant value."


def _source_problems(column: Column, source: Source) -> Iterator[tuple[str, str]]:
    allowed = column.allowed()
    texts = (*filter(None, source.codes.values()), *(() if source.value is None else (source.value,)))
    for text in texts if allowed else ():
        if text not in allowed:
            meant = nearest(text, allowed)
            advice = f"Did you mean {meant}?" if meant else f"Expected {_listed(allowed)}."
            yield f"The contract has no code {text[:_LONGEST]!r} here.", advice
    if column.type != "date" and (source.dates is not None or source.cut_time):
        yield "Only a date column has dates and cut_time.", "Remove them."
    if column.type not in {"integer", "decimal"} and source.decimal is not None:
        yield "Only a number has a decimal mark.", "Remove decimal."


def _listed(codes: Iterable[str]) -> str:
    shown = list(codes)
    most = 12
    return "one of: " + ", ".join(shown[:most]) + (", ..." if len(shown) > most else "")


def _problem(file: str, rule: str, place: str | None, message: str, advice: str) -> Problem:
    return Problem(
        rule=f"redcap.{rule}",
        severity="reject",
        file=file,
        columns=() if place is None else (place,),
        message=message,
        advice=advice,
    )
