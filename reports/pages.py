"""Templates into HTML: everything escaped, nothing undefined, nothing missing."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return a template of reports/templates filled with plain values.

    Raises ValueError if a value that is printed is None or NaN, and jinja2.UndefinedError if it is not there: a report
    must not have a hole in it.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: object) -> object:
    if value is None:
        raise ValueError("a template prints a value that is missing (None)")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a template prints a number that is not finite")
    return value
