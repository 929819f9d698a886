"""A submission as an archive: the same as its folder, and refused in words where it is not what it says."""

from __future__ import annotations

import struct
import warnings
import zipfile
from typing import TYPE_CHECKING

import pytest

from registry.checking.checks import check
from registry.intake import sent_files, zip_archive
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.errors import Problem


@pytest.fixture
def sent(tmp_path: Path, write_submission: Callable[..., Path]) -> Path:
    return write_submission(tmp_path / "lyon-2026-06-30")


def pack(folder: Path, prefix: str = "", *, method: int = zipfile.ZIP_DEFLATED, more: Mapping[str, bytes] = {}) -> Path:
    """Pack the files of a folder, each under a prefix, and more members by name."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", method) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted(folder.iterdir()):
            file.write(path, prefix + path.name)
        for name, data in more.items():
            file.writestr(name, data)
    return target


def refused(path: Path) -> Problem:
    """Return the one problem of an archive that is refused as a whole."""
    read = read_submission(path)
    (problem,) = read.problems
    assert (problem.severity, problem.line, read.tables, read.manifest) == ("reject", None, {}, None)
    assert check(read).refused
    return problem


@pytest.mark.parametrize("prefix", ["", "lyon-2026-06-30/", "lyon-2026-06-30\\", "anything/"])
def test_an_archive_is_its_folder(prefix: str, sent: Path) -> None:
    as_folder, as_archive = read_submission(sent), read_submission(pack(sent, prefix))
    assert (as_archive.name, as_archive.sha256) == (as_folder.name, as_folder.sha256)
    assert as_archive.problems == as_folder.problems == ()
    assert {name: rows.to_pylist() for name, rows in as_archive.tables.items()} == {
        name: rows.to_pylist() for name, rows in as_folder.tables.items()
    }


def test_nothing_is_written_when_an_archive_is_read(sent: Path, tmp_path: Path) -> None:
    path = pack(sent, "lyon-2026-06-30/")
    before = sorted(tmp_path.rglob("*"))
    read_submission(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_macs_put_into_archives_is_passed_over(sent: Path) -> None:
    path = pack(sent, "in/", more={"__MACOSX/in/._lab.csv": b"x", "in/.DS_Store": b"x", "in/": b""})
    assert read_submission(path).problems == ()


def test_a_stranger_in_an_archive_is_asked_about(sent: Path) -> None:
    (problem,) = read_submission(pack(sent, more={"notes.docx": b"x"})).problems
    assert (problem.file, problem.severity) == ("notes.docx", "query")


@pytest.mark.parametrize("name", ["../lab.csv", "/etc/lab.csv", "in/../../lab.csv", "C:\\lab.csv", "in//lab.csv"])
def test_a_name_that_leads_out_is_refused(name: str, sent: Path) -> None:
    (sent / "lab.csv").unlink()
    problem = refused(pack(sent, more={name: b"x"}))
    assert problem.rule == "archive.name"
    assert "leads out of the archive" in problem.message


@pytest.mark.parametrize("name", ["a/b/lab.csv", "notes/lab.csv"])
def test_more_than_one_folder_is_refused(name: str, sent: Path) -> None:
    problem = refused(pack(sent, more={name: b"x"}))
    assert (problem.rule, problem.file) == ("archive.folders", "lyon-2026-06-30.zip")
    assert "no folder" in problem.message


def test_two_files_of_one_name_are_refused(sent: Path) -> None:
    assert (
        refused(pack(sent, more={"lab.csv": b"x"})).message
        == "The archive holds 'lab.csv' twice: which of them counts?"
    )


def test_a_password_is_told(sent: Path) -> None:
    path = pack(sent)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))
    problem = refused(path)
    assert problem.message == "1 of its files need a password, the first is 'antibody.csv'."


def test_a_method_whose_output_cannot_be_limited_is_refused(sent: Path) -> None:
    assert refused(pack(sent, method=zipfile.ZIP_LZMA)).rule == "archive.method"


def test_a_bomb_is_refused_before_it_is_unpacked(sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(sent, more={"event.tsv": b"0" * (64 * 1024 * 1024)})
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    problem = refused(path)
    assert problem.rule == "archive.ratio"
    monkeypatch.setattr(zip_archive, "MAXIMUM_UNPACKED_BYTES", 1024)
    problem = refused(path)
    assert (problem.rule, "at most 1,024 are read" in problem.message) == ("archive.size", True)


def test_a_file_that_is_longer_than_it_says_is_damaged_and_not_unpacked(sent: Path) -> None:
    path = pack(sent, more={"notes.csv": b"0" * 1_000_000})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 1_000)))
    (sent / "lab.csv").unlink()
    with zipfile.ZipFile(path) as file, pytest.raises(zipfile.BadZipFile):
        zip_archive.read_member(file, file.getinfo("notes.csv"))


def test_too_many_files_are_refused(sent: Path) -> None:
    assert refused(pack(sent, more={f"{n}.csv": b"" for n in range(1000)})).rule == "archive.files"


def test_an_archive_larger_than_what_is_read_is_refused(sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_files, "MAXIMUM_BYTES", 100)
    assert refused(pack(sent)).rule == "archive.size"


def test_a_damaged_file_in_an_archive_is_named(sent: Path) -> None:
    path = pack(sent, method=zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"812.5", b"912.5", 1))
    (problem,) = read_submission(path).problems
    assert (problem.rule, problem.file, problem.severity) == ("file.unreadable", "lab.csv", "reject")
    assert "Bad CRC-32" in problem.message
    assert problem.advice == "The archive is damaged: pack it again."


@pytest.mark.parametrize("cut", [0, 1, 2, 30, 500, -30])
def test_a_cut_archive_is_damaged(cut: int, sent: Path) -> None:
    path = pack(sent)
    path.write_bytes(path.read_bytes()[:cut])
    assert refused(path).rule == "archive.damaged"


def test_an_archive_is_known_by_its_bytes_too(sent: Path) -> None:
    path = pack(sent)
    read = read_submission(path.rename(path.with_suffix(".bin")))
    assert len(read.tables) == 8


def test_a_large_file_in_an_archive_is_refused_by_its_size(sent: Path) -> None:
    (sent / "manifest.toml").write_text((sent / "manifest.toml").read_text() + "#" * 70_000)
    (problem, *_) = read_submission(pack(sent)).problems
    assert (problem.rule, problem.file) == ("file.size", "manifest.toml")
