"""Keys stand outside the database, for their owner only; pseudonyms cannot be made or undone without them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from registry.errors import ExitCode, UserError
from registry.keeping.keys import Keys, new_keys, read_keys, write_keys
from registry.keeping.pseudonyms import link_pseudonym, person_pseudonym, replace_values, withdrawal_token

if TYPE_CHECKING:
    from pathlib import Path

KEYS = Keys(pseudonym=bytes(32), archive=bytes(range(32)), withdrawn=b"w" * 32)


def test_a_pseudonym_is_the_hmac_of_purpose_centre_and_id() -> None:
    digest = hmac.new(bytes(32), b"person\0lyon\0P1", hashlib.sha256).digest()
    assert person_pseudonym(KEYS, "lyon", "P1") == base64.b32encode(digest)[:16].decode().lower()


def test_another_centre_key_purpose_or_id_gives_another_pseudonym() -> None:
    made = {
        person_pseudonym(KEYS, "lyon", "P1"),
        person_pseudonym(KEYS, "bern", "P1"),
        person_pseudonym(KEYS, "lyon", "P11"),
        person_pseudonym(new_keys(), "lyon", "P1"),
        link_pseudonym(KEYS, "P1"),
        withdrawal_token(KEYS, "lyon", "P1"),
    }
    assert len(made) == 6


def test_a_withdrawal_stays_known_when_the_keys_are_changed_and_a_pseudonym_does_not() -> None:
    changed = new_keys(after=KEYS)
    assert withdrawal_token(changed, "lyon", "P1") == withdrawal_token(KEYS, "lyon", "P1")
    assert person_pseudonym(changed, "lyon", "P1") != person_pseudonym(KEYS, "lyon", "P1")


def test_a_column_is_replaced_value_by_value_and_null_stays_null() -> None:
    column = pa.chunked_array([["a", None], ["b", "a"]], pa.string())
    seen: list[str] = []
    replaced = replace_values(column, lambda value: seen.append(value) or value.upper())  # type: ignore[func-returns-value]
    assert replaced.to_pylist() == ["A", None, "B", "A"]
    assert sorted(seen) == ["a", "b"]


def test_keys_are_written_for_their_owner_only_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "registry.key"
    keys = new_keys(after=new_keys())
    write_keys(path, keys)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keys(path) == keys
    assert [p.name for p in tmp_path.iterdir()] == ["registry.key"]


def test_keys_do_not_show_themselves() -> None:
    keys = new_keys(after=KEYS)
    assert keys.pseudonym.hex() not in repr(keys)
    assert repr(keys) == f"Keys({keys.fingerprint})"
    assert len({keys.fingerprint, KEYS.fingerprint}) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o001])
def test_keys_that_others_can_use_are_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "registry.key"
    write_keys(path, KEYS)
    path.chmod(mode)
    with pytest.raises(UserError, match=f"mode {mode:04o}") as caught:
        read_keys(path)
    assert caught.value.exit_code == ExitCode.BAD_STUDY
    assert "chmod 600 registry.key" in caught.value.advice


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"pseudonym": "00"}',
        b"\xff\xfe",
        b'{"pseudonym": 1, "archive": 2, "withdrawn": 3}',
    ],
)
def test_a_damaged_key_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "registry.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UserError, match="damaged"):
        read_keys(path)


def test_a_missing_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_keys(tmp_path / "registry.key")
