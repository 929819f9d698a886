"""Text that a centre sent, made safe to show: no control characters, not endless, nothing a program acts on."""

from __future__ import annotations

import re

LONGEST = 200
"""How many characters of a value a cell shows."""
CUT = "..."

_NUMBERED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def readable(text: str, *, longest: int = LONGEST, glyphs: frozenset[int] | None = None) -> str:
    r"""Return text with what cannot be printed written out (a tab as \t), of `longest` characters at most.

    glyphs: code points that the font has; a letter that is not among them is written out as well. None is any.
    """
    # Backslashes alone would not tell a tab from what is written as one; nobody who reads a table asks for that.
    shown = "".join(_letter(letter, glyphs) for letter in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - len(CUT)].rstrip()}{CUT}"


def cell_text(text: str, *, longest: int = LONGEST) -> str:
    """Return text as the content of a string cell of a workbook.

    Spreadsheet programs read _x0009_ inside a string as the character of that number, so an underscore that would
    begin one is written as such a number itself.
    """
    return _NUMBERED.sub("_x005F_", readable(text, longest=longest))


def _letter(letter: str, glyphs: frozenset[int] | None) -> str:
    if letter.isprintable() and (glyphs is None or ord(letter) in glyphs):
        return letter
    # Controls, lone surrogates, unassigned letters, or one that the font lacks: its number says which it is.
    written = ascii(letter)[1:-1]
    return written if written != letter else f"\\x{ord(letter):02x}"
