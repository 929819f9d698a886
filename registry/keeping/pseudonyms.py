"""Person ids as keyed pseudonyms: the same person has the same one, and nobody without the key can tell whose it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.keeping.keys import Keys

PSEUDONYM_BYTES = 10
"""80 bits: among a million persons two have the same one with a chance of 4e-13."""


def person_pseudonym(keys: Keys, centre: str, patient_id: str) -> str:
    """Return the pseudonym of a person of a centre: 16 small letters and digits.

    HMAC-SHA256 (RFC 2104) of the key over purpose, centre and id, cut to 80 bits, in base 32 (RFC 4648).
    """
    return _code(keys.pseudonym, "person", centre, patient_id)


def link_pseudonym(keys: Keys, link_key: str) -> str:
    """Return the pseudonym of a link key, the same for every centre."""
    return _code(keys.pseudonym, "link", "", link_key)


def withdrawal_token(keys: Keys, centre: str, patient_id: str) -> str:
    """Return what stands for a person in the list of withdrawals; it cannot be matched with a pseudonym."""
    return _code(keys.withdrawn, "withdrawn", centre, patient_id)


def replace_values(column: pa.ChunkedArray, code: Callable[[str], str]) -> pa.ChunkedArray:
    """Return a text column with every value replaced; each distinct value is computed once, null stays null."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = pa.array([code(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([pc.take(codes, encoded.indices)], pa.string())


def _code(key: bytes, purpose: str, centre: str, value: str) -> str:
    # The parts cannot run into each other: neither a centre's code nor a purpose holds a NUL.
    digest = hmac.digest(key, f"{purpose}\x00{centre}\x00{value}".encode(), hashlib.sha256)
    return base64.b32encode(digest[:PSEUDONYM_BYTES]).decode().lower()
