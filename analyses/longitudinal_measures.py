"""What is measured again and again: the name of each measure, its question, its unit, and where its values stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from analyses.longitudinal_model import Scale

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.cohort import Cohort

Outcome = Literal["ldh", "ck", "aldolase", "mmt8", "haq", "phga"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

MMT_MAXIMUM = 150
_LOGARITHMS = Scale(unit="log2 x ULN", natural="x ULN")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure repeated over time.

    name: within a sentence. baseline: the column of cohort.patients with the value before time zero, on the scale of
    the model. analyte: of a laboratory value; column: of a value of visits.
    """

    name: str
    title: str
    question: str
    scale: Scale
    baseline: str
    notes: tuple[str, ...]
    analyte: str = ""
    column: str = ""


def _enzyme(name: str, *, title: str, analyte: str, baseline: str) -> Measure:
    return Measure(
        name=name,
        title=title,
        question=(
            f"How do multiples of the upper limit of normal of {name} move after IVIG first and after rituximab first?"
        ),
        scale=_LOGARITHMS,
        baseline=baseline,
        analyte=analyte,
        notes=(
            f"A value of {name} is divided by the upper limit of normal of its laboratory; one without it is left out.",
            "The model reads the logarithm to base 2 of that multiple: 0 is the upper limit of normal, 1 twice that.",
            "A difference d of logarithms is also given as 100 (2^d - 1) per cent.",
        ),
    )


MEASURES: Mapping[Outcome, Measure] = {
    "ldh": _enzyme("LDH", title="Lactate dehydrogenase over time", analyte="LDH", baseline="log2_ldh"),
    "ck": _enzyme("CK", title="Creatine kinase over time", analyte="CK", baseline="log2_ck"),
    "aldolase": _enzyme("aldolase", title="Aldolase over time", analyte="aldolase", baseline="log2_aldolase"),
    "mmt8": Measure(
        name="MMT8",
        title="Muscle strength over time",
        question="How does MMT8 move after IVIG first and after rituximab first?",
        scale=Scale(unit="points"),
        baseline="mmt8",
        column="mmt8",
        notes=("MMT8 of the dominant side (maximum 80) is brought to the scale of both sides (maximum 150).",),
    ),
    "haq": Measure(
        name="HAQ",
        title="Disability over time",
        question="How does the disability index of the HAQ move after IVIG first and after rituximab first?",
        scale=Scale(unit="points"),
        baseline="haq",
        column="haq",
        notes=("HAQ disability index: 0 to 3 points, in steps of 0.125; higher is worse.",),
    ),
    "phga": Measure(
        name="physician global activity",
        title="Physician global activity over time",
        question="How does physician global activity move after IVIG first and after rituximab first?",
        scale=Scale(unit="cm"),
        baseline="phga",
        column="phga",
        notes=("Physician global activity: a visual analogue scale of 0 to 10 cm; higher is worse.",),
    ),
}


def values_in(cohort: Cohort, measure: Measure) -> pd.DataFrame:
    """Return person_id, day and value of every measurement in a cohort, on the scale of the model."""
    if measure.analyte:
        rows = cohort.tables["lab_multiple"]
        rows = rows.loc[(rows["analyte"] == measure.analyte) & rows["log2_multiple"].notna()]
        value = rows["log2_multiple"].astype(float)
    else:
        rows = cohort.tables["visit"]
        rows = rows.loc[rows[measure.column].notna()]
        value = rows[measure.column].astype(float)
    if measure.column == "mmt8":
        value *= MMT_MAXIMUM / rows["mmt_maximum"].astype(float)
    frame = pd.DataFrame({"person_id": rows["person_id"], "day": rows["day"], "value": value})
    return frame.dropna()
