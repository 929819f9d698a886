"""A registry that an older version wrote, brought forward in one transaction, after a copy of it was made."""

from __future__ import annotations

import shutil
from importlib.resources import files
from typing import TYPE_CHECKING

import pyarrow as pa

from registry.contract import contract
from registry.errors import ExitCode, UserError
from registry.keeping import audit
from registry.keeping.database import create_tables, open_database
from registry.keeping.keys import new_keys, read_keys, write_keys
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.publish import published
from registry.keeping.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from registry.keeping.keys import Keys
    from registry.study import Study

LAYOUT = "2"
_NOT_REWRITTEN = "2, not rewritten"
"""Brought forward and committed, but the bytes of what was there before may still stand in the file."""
"""1: ids in clear, no audit trail, no archive (version 0.1)."""
COPY = "registry-layout-1.duckdb"
_MOVED = ("submission", "quarantine", "query")


def migrate(study: Study, *, wait_seconds: float) -> Iterator[str]:
    """Bring the registry of a study to this version's layout, while holding its lock; say so.

    Raises UserError if a newer version wrote it.
    """
    if not study.database.is_file():
        return
    with open_database(study.database, wait_seconds=wait_seconds) as connection:
        layout = _layout(connection)
    if layout in {"", LAYOUT}:
        return
    if layout not in {"1", _NOT_REWRITTEN}:
        raise UserError(
            str(study.database),
            seen=f"A newer version of this program wrote the registry (layout {layout}).",
            expected=f"Expected layout {LAYOUT} or older.",
            advice="Use that version.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    if layout == "1":
        _commit(study)
    with open_database(study.database) as connection:
        # Also after a stop between the commit and the head: nothing else can have been done since.
        audit.write_head(study.head, audit.database_head(connection))
    rewrite(study.database)
    with open_database(study.database) as connection:
        connection.execute("UPDATE about SET value = ? WHERE name = 'layout'", [LAYOUT])
        connection.execute("CHECKPOINT")
    yield (
        f"The registry was brought from layout 1 to {LAYOUT}: person ids are pseudonyms now, and there is an audit "
        f"trail. {COPY} is the registry as it was, with ids in clear: remove it when you have seen that all is well."
    )


def _commit(study: Study) -> None:
    """Copy a registry of layout 1 and bring it forward in one transaction."""
    if not study.key_file.exists():
        write_keys(study.key_file, new_keys())
    keys = read_keys(study.key_file)
    copy = study.folder / COPY
    with study.database.open("rb") as source, published(copy) as target:
        shutil.copyfileobj(source, target)
    with open_database(study.database) as connection:
        connection.execute("BEGIN")
        try:
            _bring_forward(connection, keys)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")


def _layout(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the layout of a database; empty if it holds no registry yet."""
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "about" not in there:
        return "1" if "submission" in there else ""
    found = connection.execute("SELECT value FROM about WHERE name = 'layout'").fetchall()
    return str(found[0][0]) if found else ""


def _bring_forward(connection: duckdb.DuckDBPyConnection, keys: Keys) -> None:
    for name in (*_MOVED, *contract()):
        connection.execute(f'ALTER TABLE "{name}" RENAME TO "{name}_1"')
    create_tables(connection)
    persons = connection.execute(_sql("persons_1")).fetchall()
    pseudonyms = [person_pseudonym(keys, centre, patient_id) for centre, patient_id in persons]
    columns = [[centre for centre, _ in persons], [patient_id for _, patient_id in persons], pseudonyms]
    names = ["centre", "patient_id", "pseudonym"]
    connection.register("person", pa.table([pa.array(c, pa.string()) for c in columns], names))
    for name in contract():
        connection.execute(_sql("move_rows_1").replace("{table}", name))
    for name in _MOVED:
        connection.execute(_sql(f"move_{name}_1"))
    connection.unregister("person")
    for name in (*_MOVED, *contract()):
        connection.execute(f'DROP TABLE "{name}_1"')
    connection.execute("INSERT INTO about VALUES ('keys', ?), ('layout', ?)", [keys.fingerprint, _NOT_REWRITTEN])
    for submission_id, sha256 in connection.execute(
        "SELECT submission_id, sha256 FROM submission ORDER BY ALL"
    ).fetchall():
        tables = audit.content_hashes(connection, submission_id)
        audit.append(connection, "migrated", submission_id, {"sha256": sha256, "tables": tables})


def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "migrate", f"{name}.sql").read_text(encoding="utf-8")
