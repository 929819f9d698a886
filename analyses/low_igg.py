"""Persons with low IgG before and after time zero, by two schemes: part of the Result "safety"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.tabulate import Table, category, join, named

if TYPE_CHECKING:
    import pandas as pd

GRADABLE = "IgG gradable after time zero"
YES_NO = {1.0: "yes", 0.0: "no"}


def low_igg(patients: pd.DataFrame) -> Table:
    """Return baseline prevalence, and grades of the lowest value among those with a gradable one.

    patients: one row a person with arm, igg_baseline_low, igg_graded, igg_grade_a, igg_grade_b, igg_persistent.
    """
    arm = patients["arm"]
    before = named(patients["igg_baseline_low"], YES_NO, missing="not measured")
    gradable = patients["igg_graded"] > 0
    graded = patients[gradable]
    whole = (GRADABLE, "yes")
    return join(
        [
            category("Low IgG before time zero", before, arm, levels=("yes", "no", "not measured")),
            category(GRADABLE, named(gradable.astype(float), YES_NO), arm, levels=("yes", "no")),
            category(
                "Lowest IgG, scheme A",
                graded["igg_grade_a"],
                graded["arm"],
                levels=("none", "mild", "moderate", "severe"),
                whole=whole,
            ),
            category(
                "Lowest IgG, scheme B",
                graded["igg_grade_b"],
                graded["arm"],
                levels=("none", "low", "severe"),
                whole=whole,
            ),
            category(
                "Persistently low IgG",
                named(graded["igg_persistent"], YES_NO),
                graded["arm"],
                levels=("yes", "no"),
                whole=whole,
            ),
        ]
    )
