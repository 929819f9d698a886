"""Colours and hatching of ordered states: from light to dark in even steps of contrast, which grey print keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_hex, to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_STATES = 8
# Sand, green, blue-black: lightness falls all the way, and blue and yellow, which nearly everybody tells apart, carry
# the hue. None is the colour of an arm.
_WAY = ("#f3ebc6", "#d5d6a2", "#9dbf8f", "#5f9e86", "#387a78", "#28566a", "#1b3352", "#0e1730")


@dataclass(frozen=True, kw_only=True)
class StateLook:
    """How a state is filled. hatch: None or the pattern, drawn in the colour `line`. ink: for words on it."""

    color: str
    hatch: str | None
    line: str
    ink: str


def luminance(color: str) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]  # noqa: PLR2004
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def state_looks(count: int) -> tuple[StateLook, ...]:
    """Return the looks of so many states, the first light and the last dark; each second one is hatched.

    Raises ValueError beyond MOST_STATES: neighbours could not be told apart in grey.
    """
    if not 1 <= count <= MOST_STATES:
        text = f"{count} states; 1 to {MOST_STATES} can be told apart in one figure"
        raise ValueError(text)
    way = np.array([to_rgb(color) for color in _WAY])
    fine = np.linspace(0, len(_WAY) - 1, 400)
    colors = [_between(way, x) for x in fine]
    logs = np.array([math.log(luminance(color) + 0.05) for color in colors])
    steps = np.linspace(logs[0], logs[-1], count) if count > 1 else np.array([logs[len(logs) // 3]])
    chosen = [colors[int(np.argmin(np.abs(logs - step)))] for step in steps]
    return tuple(_look(color, hatched=place % 2 == 1) for place, color in enumerate(chosen))


def _look(color: str, *, hatched: bool) -> StateLook:
    ink = max(("#ffffff", "#12181f"), key=lambda words: contrast(words, color))
    line = _between(np.array([to_rgb(color), to_rgb(ink)]), 0.28)
    return StateLook(color=color, hatch="////" if hatched else None, line=line, ink=ink)


def _between(way: NDArray[np.float64], place: float) -> str:
    red, green, blue = (float(np.interp(place, range(len(way)), own)) for own in way.T)
    return to_hex((red, green, blue))
