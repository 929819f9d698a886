"""Direct identifiers in what was sent: rejected where certain, asked about where possible, and shown nowhere.

No message holds the text, nor does the content that is kept in quarantine: `identifier_conditions` replaces it by
WITHHELD in the staged table before any other condition is looked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from registry.checking.condition import Condition, rows_alone, text
from registry.checking.harmonise import parsed
from registry.checking.identifying_text import FULL_DATE, Identifier, identifiers_in, identifiers_in_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

    from registry.contract import Column, Table
    from registry.errors import Severity

WITHHELD = "(withheld)"
_IDS = ("patient_id", "link_key")
_KEPT = 100_000
"""Texts of one column that are looked at where they should have been codes, numbers or dates."""
_EVIDENCE = "data protection: the registry takes pseudonyms only"

_HEADERS = {
    "an e-mail address": r"(?:e_?)?mail(?:_?address)?|courriel|correo",
    "a phone number": r"(?:tele)?(?:phone|fon|fono)(?:_?(?:no|number|nummer))?|tel|mobile|handy|fax",
    "a name": (
        r"(?:(?:full|first|last|sur|family|given|maiden|patient|birth)_?)?name|nom|prenom|nachname|vorname"
        r"|apellidos?|cognome|(?:patient_)?initials"
    ),
    "a full date of birth": (
        r"date_of_birth|birth_?(?:date|day)|dob|geburtsdatum|date_de_naissance|fecha_de_nacimiento|data_di_nascita"
    ),
    "an address": r"(?:(?:street|home|postal)_?)?address|adresse|street|post_?code|zip(?:_?code)?|plz",
    "a national or hospital number": (
        r"ssn|nir|nhs(?:_?(?:no|number))?|mrn|bsn|pesel|cpr|dni|nie|national_?(?:id|number)|ahv|avs|codice_fiscale"
        r"|(?:social_security|insurance)_?(?:no|number)|personnummer|hospital_?(?:id|no|number)|health_card"
        r"|medical_record_?(?:no|number)"
    ),
}


def identifier_header(name: str) -> str | None:
    """Return what a column of that name holds that may not be sent, such as "a name"; None if it does not tell."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return next((what for what, pattern in _HEADERS.items() if re.fullmatch(pattern, plain)), None)


def identifier_conditions(table: Table, connection: duckdb.DuckDBPyConnection | None = None) -> tuple[Condition, ...]:
    """Return the conditions for rows with a direct identifier, after looking for them in the staged table.

    With a connection, the table identifier_found is made, and certain identifiers are replaced by WITHHELD in the
    staged table. Without one, only the words of the conditions are of use.
    """
    if connection is not None:
        _find(connection, table)
    conditions = []
    for column in (c for c in table.columns if c.type == "text" and c.references is None):
        conditions.append(_condition(table, column, "reject"))
        conditions.append(_condition(table, column, "query"))
    return (*conditions, _condition(table, None, "reject"))


def _condition(table: Table, column: Column | None, severity: Severity) -> Condition:
    certain = severity == "reject"
    end = "identifier" if certain else "possible_identifier"
    which = "seen.own" if column is None else f"seen.name = '{column.name}'"
    tested = " OR ".join(f"{text(c.name)} IS NOT NULL" for c in ([column] if column else table.columns))
    where = "" if column else "Column {0}: "
    return Condition(
        rule=f"{table.table}.{column.name}.{end}" if column else f"{table.table}.{end}",
        table=table.table,
        severity=severity,
        kind="conformance",
        columns=(column.name,) if column else (),
        source=f"{rows_alone(table.table)} LEFT JOIN identifier_found AS seen ON seen.line = row.line AND {which}",
        applies=f"({tested})",
        where=f"seen.line IS NOT NULL AND {'' if certain else 'NOT '}seen.certain",
        extra=("seen.what",) if column else ("seen.name", "seen.what"),
        message=where + (f"This holds {{{0 if column else 1}}}." if certain else "This may be {0}."),
        meaning="This is a direct identifier." if certain else "This may be a direct identifier.",
        advice="Replace it in every file; what identifies a person may not be sent. It is not shown here."
        if certain
        else "If it is, replace it in every file; else confirm. It is not shown here.",
        evidence=_EVIDENCE,
    )


def _find(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make identifier_found (name, line, what, certain, own: of a column without its own rule) and withhold texts."""
    connection.execute(
        "CREATE OR REPLACE TABLE identifier_found "
        "(name VARCHAR, line BIGINT, what VARCHAR, certain BOOLEAN, own BOOLEAN)"
    )
    if table.table == "patient":
        connection.execute("CREATE TABLE IF NOT EXISTS withheld (sent VARCHAR)")
    else:
        # The person is in quarantine for it already: its other rows wait with it.
        connection.execute(
            f'UPDATE "{table.table}" SET "patient_id$text" = ? WHERE "patient_id$text" IN (FROM withheld)', [WITHHELD]
        )
    for column in table.columns:
        found = _of_column(connection, table, column)
        if found:
            _keep(connection, table, column, found)


def _keep(connection: duckdb.DuckDBPyConnection, table: Table, column: Column, found: Iterable[Identifier]) -> None:
    rows = [{"sent": one.text, "what": one.what, "certain": one.certain} for one in found]
    connection.register("identifier", pa.Table.from_pylist(rows))
    own = column.type != "text" or column.references is not None
    connection.execute(
        "INSERT INTO identifier_found SELECT $name, row.line, identifier.what, identifier.certain, $own "
        f"FROM {rows_alone(table.table)} JOIN identifier ON identifier.sent = {text(column.name)}",
        {"name": column.name, "own": own},
    )
    if table.table == "patient" and column.name == "patient_id":
        connection.execute("INSERT INTO withheld SELECT sent FROM identifier WHERE certain")
    connection.execute(
        f'UPDATE "{table.table}" SET "{column.name}$text" = ? '
        f'WHERE "{column.name}$text" IN (SELECT sent FROM identifier WHERE certain)',
        [WITHHELD],
    )
    connection.unregister("identifier")


def _of_column(connection: duckdb.DuckDBPyConnection, table: Table, column: Column) -> tuple[Identifier, ...]:
    sent = f'"{column.name}$text"'
    year = ', any_value("birth_year$text")' if table.table == "patient" else ", NULL"
    where = f"{sent} IS NOT NULL AND {sent} <> '{WITHHELD}'"
    if column.type != "text":
        where += f' AND "{parsed(column)}" IS NULL'
    elif column.references is not None:
        where += f" AND {sent} NOT IN (SELECT patient_id FROM sent_patient WHERE patient_id IS NOT NULL)"
    rows = connection.execute(
        f'SELECT {sent}{year} FROM "{table.table}" WHERE {where} GROUP BY {sent} ORDER BY {sent} LIMIT {_KEPT}'
    ).fetchall()
    if column.name in _IDS:
        found = identifiers_in_ids([row[0] for row in rows], [row[1] or "" for row in rows])
    else:
        found = identifiers_in(row[0] for row in rows)
    if column.type == "text" and column.references is None:
        return found
    # A column without its own rules has none for what is only possible. A date in a wrong form is no identifier, but
    # one in place of the year of birth is.
    dates = column.type == "text" or column.name == "birth_year"
    return tuple(one for one in found if one.certain and (dates or one.what != FULL_DATE))
