"""How much room words take in a figure, where they are broken into lines, and how they are kept apart."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from reports.drawing import FAMILY, know_fonts

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE = 1.36
"""Height of a line of text, in its size."""


def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Return the width of a text in points: that of its longest line."""
    know_fonts()
    font = FontProperties(family=FAMILY, size=size, weight="bold" if bold else "normal")
    widths = (text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in text.split("\n"))
    return float(max(widths, default=0.0))


def text_height(text: str, *, size: float) -> float:
    """Return the height of a text in points, with the room between its lines."""
    return LINE * size * (text.count("\n") + 1)


def wrapped(text: str, *, most: float, size: float, bold: bool = False) -> str:
    """Return a text broken into lines of at most so many points: at spaces, behind hyphens, else within a word."""
    lines = [""]
    for piece in re.findall(r"[^\s-]+-?|-|[^\S\n]+", text):
        longer = lines[-1] + (" " if piece.isspace() else piece)
        if text_width(longer.rstrip(), size=size, bold=bold) <= most:
            lines[-1] = longer
            continue
        if lines[-1].strip():
            lines.append("")
        for letter in piece.strip():
            if lines[-1] and text_width(lines[-1] + letter, size=size, bold=bold) > most:
                lines.append("")
            lines[-1] += letter
    return "\n".join(line.strip() for line in lines if line.strip())


def spread(wanted: Sequence[float], heights: Sequence[float], *, low: float, high: float) -> tuple[float, ...]:
    """Return places as near to the wanted ones as can be at which texts of these heights do not touch.

    Least sum of squared moves; texts of equal wish keep their order from below. All stay between low and high if they
    fit there; if not, they rise above high rather than cover each other.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    offsets = [0.0]
    for before, after in pairwise(order):
        offsets.append(offsets[-1] + (heights[before] + heights[after]) / 2)
    blocks: list[tuple[float, int]] = []  # mean and size: those that had to move together
    for i, offset in zip(order, offsets, strict=False):
        mean, size = wanted[i] - offset, 1
        while blocks and blocks[-1][0] >= mean:
            other, members = blocks.pop()
            mean, size = (mean * size + other * members) / (size + members), size + members
        blocks.append((mean, size))
    level = [mean for mean, size in blocks for _ in range(size)]
    places = [0.0] * len(wanted)
    if order:
        least, most = low + heights[order[0]] / 2, high - heights[order[-1]] / 2 - offsets[-1]
        for i, offset, mean in zip(order, offsets, level, strict=True):
            places[i] = max(least, min(mean, most)) + offset
    return tuple(places)
