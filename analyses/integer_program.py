"""Integer programs by SciPy's HiGHS, which in rare cases prints a line of its own to standard output: not here."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scipy.optimize import milp

if TYPE_CHECKING:
    from collections.abc import Iterator


def solve(objective: Any, **settings: Any) -> Any:  # noqa: ANN401  (SciPy's own types)
    """Return what scipy.optimize.milp returns; nothing is printed meanwhile, by C code either."""
    with _silent():
        return milp(objective, **settings)


@contextmanager
def _silent() -> Iterator[None]:
    """Lead the process's standard output to nowhere: HiGHS writes to it below Python."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        kept = os.dup(1)
    except OSError:
        # There is no standard output that could be written to.
        os.close(nowhere)
        yield
        return
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
