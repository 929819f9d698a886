"""What C code writes to standard output while an integer program is solved reaches nobody; what comes after does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint

from analyses import integer_program

if TYPE_CHECKING:
    import pytest


def test_nothing_is_printed_while_it_is_solved(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = integer_program.milp

    def loud(*arguments: object, **settings: object) -> object:
        os.write(1, b"HighsMipSolverData\n")
        return real(*arguments, **settings)

    monkeypatch.setattr(integer_program, "milp", loud)
    # The least 3x + 2y with x + y >= 2.5 in whole numbers: y = 3.
    found = integer_program.solve(
        np.array([3.0, 2.0]),
        constraints=LinearConstraint(np.array([[1.0, 1.0]]), 2.5, np.inf),
        bounds=Bounds(0, 10),
        integrality=np.ones(2),
    )
    assert found.x.tolist() == [0, 3]
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "after\n"
