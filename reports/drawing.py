"""What every figure shares: size, font, colours and line styles, and its SVG with the same bytes every time."""

from __future__ import annotations

import io
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.font_manager import fontManager

from analyses.result import ALL
from reports.render import FONTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.figure import Figure

FAMILY = "Open Sans"
WIDTH_INCHES = 170 / 25.4
POINTS = 72
"""Points an inch: places of texts are reckoned in points."""
INK = "#1f2933"
FAINT = "#8a949e"
GRID = "#e4e8ec"
# Okabe-Ito blue and vermilion, the second a little darker so that small labels keep a contrast of 4.5 to 1 on paper.
# Line style and marker tell the arms apart in grey and in every kind of colour blindness.
ARM_STYLE: Mapping[str, Mapping[str, Any]] = {
    "ivig": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "rituximab": {"color": "#B94E00", "linestyle": (0, (5, 1.6)), "marker": "s"},
    ALL: {"color": INK, "linestyle": "-", "marker": "D"},
}
# Causes stand in one figure without arms, so the colours of the arms are not among theirs; each has its own dashes too.
CAUSE_STYLE: tuple[Mapping[str, Any], ...] = (
    {"color": "#1f2933", "linestyle": "-"},
    {"color": "#007556", "linestyle": (0, (5, 1.6))},
    {"color": "#A33B77", "linestyle": (0, (1.2, 1.2))},
    {"color": "#6B5B00", "linestyle": (0, (7, 1.6, 1.2, 1.6))},
    {"color": "#4C5FB0", "linestyle": (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2))},
)
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": FAMILY,
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "hatch.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.5,
}


@cache
def know_fonts() -> None:
    """Let the drawing library find the bundled fonts, once."""
    for name in FONTS:
        with as_file(files("reports").joinpath("templates", "fonts", name)) as path:
            fontManager.addfont(str(path))


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Use the settings of this report; name salts the identifiers in the SVG, so that they are the same every time."""
    know_fonts()
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        yield


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG without a date; call it within drawing."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return buffer.getvalue()
