"""What arrived comes back byte for byte; what was changed, cut off, exchanged or moved does not open at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from registry.errors import UserError
from registry.keeping import archive
from registry.keeping.archive import seal, sealed_with, unseal
from registry.keeping.keys import Keys, new_keys

if TYPE_CHECKING:
    from pathlib import Path

KEYS = new_keys()


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an archive of several chunks, with what was sealed in the folder `sent`."""
    monkeypatch.setattr(archive, "CHUNK_BYTES", 1000)
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "lab.csv").write_bytes(os.urandom(4321))
    (sent / "empty.csv").write_bytes(b"")
    (sent / "Übersicht.xlsx").write_bytes(b"PK planted " * 50)
    path = tmp_path / "lyon-2026-06-30-1.sealed"
    seal(path, [(p.name, p) for p in sorted(sent.iterdir())], keys=KEYS, submission_id="lyon-2026-06-30-1")
    return path


def _open(path: Path, folder: Path, keys: Keys = KEYS, name: str = "lyon-2026-06-30-1") -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    names = unseal(path, folder, keys=keys, submission_id=name)
    return {name: (folder / name).read_bytes() for name in names}


def test_what_arrived_comes_back_byte_for_byte(sealed: Path, tmp_path: Path) -> None:
    sent = {p.name: p.read_bytes() for p in (tmp_path / "sent").iterdir()}
    assert _open(sealed, tmp_path / "out") == sent
    assert b"planted" not in sealed.read_bytes()
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert sealed_with(sealed) == KEYS.fingerprint


def test_no_byte_can_be_changed_unnoticed(sealed: Path, tmp_path: Path) -> None:
    good = sealed.read_bytes()
    for at in range(0, len(good), 37):
        sealed.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(UserError, match="cannot be opened"):
            _open(sealed, tmp_path / "out")


@pytest.mark.parametrize("left", [0, 5, 30, 31, 1000, 1031, 1046, 1047, -1016, -1])
def test_no_end_can_be_cut_off_unnoticed(sealed: Path, tmp_path: Path, left: int) -> None:
    sealed.write_bytes(sealed.read_bytes()[:left])
    with pytest.raises(UserError, match="cannot be opened"):
        _open(sealed, tmp_path / "out")


def test_whole_chunks_cannot_be_left_out_repeated_or_exchanged(sealed: Path, tmp_path: Path) -> None:
    head, size = 8 + 16 + 8, 1000 + 16
    good = sealed.read_bytes()
    chunks = [good[at : at + size] for at in range(head, len(good), size)]
    assert len(chunks) > 3
    for wrong in (chunks[:-1], chunks[1:], [chunks[1], chunks[0], *chunks[2:]], [*chunks, chunks[-1]]):
        sealed.write_bytes(good[:head] + b"".join(wrong))
        with pytest.raises(UserError, match="cannot be opened"):
            _open(sealed, tmp_path / "out")


def test_an_archive_opens_only_as_the_submission_that_it_is(sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="belongs to another submission"):
        _open(sealed, tmp_path / "out", name="lyon-2026-06-30-2")


def test_other_keys_are_named_and_do_not_open_it(sealed: Path, tmp_path: Path) -> None:
    other = new_keys()
    with pytest.raises(UserError, match=rf"sealed with other keys \({KEYS.fingerprint}; here are {other.fingerprint}"):
        _open(sealed, tmp_path / "out", keys=other)


def test_while_keys_are_changed_the_previous_ones_open_it_too(sealed: Path, tmp_path: Path) -> None:
    assert len(_open(sealed, tmp_path / "out", keys=new_keys(after=KEYS))) == 3


def test_two_archives_of_the_same_files_have_nothing_in_common(sealed: Path, tmp_path: Path) -> None:
    first = sealed.read_bytes()
    sent = [(p.name, p) for p in sorted((tmp_path / "sent").iterdir())]
    seal(sealed, sent, keys=KEYS, submission_id="lyon-2026-06-30-1")
    second = sealed.read_bytes()
    assert first[24:32] != second[24:32]
    assert first[32:64] != second[32:64]


def test_a_missing_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        _open(tmp_path / "nothing.sealed", tmp_path / "out")
