"""A hash of many rows, whatever their order, in little memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

_ROWS_AT_A_TIME = 50_000


def digest_of_rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object] | None = None
) -> tuple[int, str]:
    """Return how many rows a query of row hashes has, and the SHA-256 of those hashes one after the other.

    query: one text column, sorted. DuckDB can spill a sort; an aggregate of a million hashes it cannot.
    """
    result = connection.execute(query, values)
    rows, digest = 0, hashlib.sha256()
    while some := result.fetchmany(_ROWS_AT_A_TIME):
        rows += len(some)
        digest.update("".join(text for (text,) in some).encode())
    return rows, digest.hexdigest()
