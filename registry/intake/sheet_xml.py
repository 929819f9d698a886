"""What the reader of workbooks does not tell, from the XML itself: the size of a sheet, errors, uncalculated formulas.

python-calamine gives an empty cell for #N/A and for a formula that was never calculated, and makes room for every cell
up to the farthest: both would go unseen.
"""

from __future__ import annotations

import re
from posixpath import join, normpath
from typing import TYPE_CHECKING
from xml.parsers.expat import ParserCreate

from registry.intake.cells import Unusable

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterator, Mapping

NO_VALUE = "(formula without a value)"
_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_STEP, _OVERLAP = 4 * 1024 * 1024, 4096
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*?\sr=[\"'](\d+)")
_FAR = re.compile(rb"\sr=[\"']([A-Z]{2,3})\d")
_MARKED = re.compile(rb"\st=[\"']e[\"']|<(?:\w+:)?f[\s/>]")
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_LETTERS = 26


def sheet_files(archive: zipfile.ZipFile) -> Mapping[str, str]:
    """Return the file inside the workbook of each sheet, by the sheet's name."""
    targets: dict[str, str] = {}
    found: dict[str, str] = {}

    def relation(name: str, attributes: dict[str, str]) -> None:
        if _local(name) == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def sheet(name: str, attributes: dict[str, str]) -> None:
        if _local(name) == "sheet":
            key = next((value for key, value in attributes.items() if _local(key) == "id"), "")
            target = targets.get(key, "")
            found[attributes.get("name", "")] = (
                target.lstrip("/") if target[:1] == "/" else normpath(join("xl", target))
            )

    for file, handler in ((_RELATIONS, relation), (_WORKBOOK, sheet)):
        parser = ParserCreate()
        parser.StartElementHandler = handler
        parser.Parse(archive.read(file), True)  # noqa: FBT003  (expat has no name for it)
    return found


def size_and_marks(archive: zipfile.ZipFile, member: str) -> tuple[int, int, bool]:
    """Return the last row, the last column (26 if it is at most that) and whether there are errors or formulas."""
    rows, columns, marked = 0, _LETTERS, False
    for text in _overlapping(archive, member):
        rows = max(rows, *(int(found[1]) for found in _ROW.finditer(text)), 0)
        columns = max(columns, *(_number(letters.decode()) for letters in {m[1] for m in _FAR.finditer(text)}), 0)
        marked = marked or _MARKED.search(text) is not None
    return rows, columns, marked


def unusable_cells(archive: zipfile.ZipFile, member: str) -> Mapping[tuple[int, int], Unusable]:
    """Return what stands in cells without a value, by row and column from 0."""
    found: dict[tuple[int, int], Unusable] = {}
    at, kind, formula, inside = (0, -1), "", False, False
    text: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal at, kind, formula, inside
        name = _local(name)
        if name == "row":
            at = (int(attributes["r"]) - 1 if "r" in attributes else at[0] + 1, -1)
        elif name == "c":
            place = _REFERENCE.fullmatch(attributes.get("r", ""))
            at = (int(place[2]) - 1, _number(place[1]) - 1) if place else (at[0], at[1] + 1)
            kind, formula = attributes.get("t", "n"), False
            text.clear()
        elif name == "f":
            formula = True
        inside = name == "v"

    def end(name: str) -> None:
        nonlocal inside
        inside = False
        if _local(name) == "c":
            value = "".join(text)
            if kind == "e":
                found[at] = Unusable(value)
            elif formula and not value and kind != "str":
                found[at] = Unusable(NO_VALUE)

    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = _if(lambda: inside, text.append)
    with archive.open(member) as file:
        parser.ParseFile(file)
    return found


def _overlapping(archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """Read a file in pieces, each beginning with the end of the one before: no tag is cut."""
    tail = b""
    with archive.open(member) as file:
        while piece := file.read(_STEP):
            yield tail + piece
            tail = piece[-_OVERLAP:]


def _if(condition: Callable[[], bool], act: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: act(text) if condition() else None


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * _LETTERS + ord(letter) - ord("A") + 1
    return number
