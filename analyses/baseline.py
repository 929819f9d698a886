"""Who is compared: the persons of the cohort at time zero, by arm.

Result "baseline". Ids are topic|level|group|statistic|month; GROUP is "ivig", "rituximab" or "all".

    Persons|in the cohort|GROUP|count|

Numeric topics, in this order with the others: "Age", "Disease duration", "Physician global activity",
"Patient global activity", "MMT8", "HAQ", "Extramuscular global activity", "CDASI activity", "Prednisone", "LDH", "CK",
"Aldolase", "IgG"; the unit stands in the values ("years", "cm", "points", "mg/day", "x ULN", "g/L").

    TOPIC||GROUP|mean|          TOPIC||GROUP|sd|
    TOPIC||GROUP|median|        TOPIC||GROUP|quartile 1|        TOPIC||GROUP|quartile 3|
    TOPIC|measured|GROUP|count|                     persons with a value; measured + missing = Persons
    TOPIC|missing|GROUP|count|
    TOPIC|missing|GROUP|percent|                    of all persons in the group
    TOPIC||all|standardised difference|             (comparator - reference) / pooled SD

Categories: "Sex" (female, male, missing), "Diagnosis" (DM, ADM, PM, ASyS, IMNM, overlap), "Interstitial lung disease",
"Dysphagia", "Infection before time zero", "Incident user" (yes, no, missing), "Prior immunosuppressants" (0, 1, 2, 3 or
more). Percentages are of all persons in the group: missing is a level of its own, so that the levels add up to 100 %.

    TOPIC|LEVEL|GROUP|count|    TOPIC|LEVEL|GROUP|percent|
    TOPIC||all|standardised difference|             among persons with a value

TOPICS lists all topics in the order of the table. A level "missing" is always there, 0 if nothing is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.methods.standardised_difference import of_counts, of_means
from analyses.origin import provenance
from analyses.result import ALL, NotEstimable, Result, Row, Summary, Total
from analyses.tabulate import (
    ARMS,
    COHORT,
    MISSING,
    Table,
    across_arms,
    by_arm,
    category,
    count_row,
    join,
    named,
    number_id,
    percent_row,
    persons,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analyses.result import Statistic
    from registry.cohort import Cohort
    from registry.study import Study

YES_NO: Mapping[float, str] = {1.0: "yes", 0.0: "no"}
_MOMENTS: tuple[Statistic, ...] = ("mean", "sd", "median", "quartile 1", "quartile 3")


@dataclass(frozen=True, kw_only=True)
class Numeric:
    """A topic with a number a person."""

    topic: str
    column: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class Category:
    """A topic with a level a person; names gives the level of each value, in the order of the table."""

    topic: str
    column: str
    names: Mapping[float, str] | Mapping[str, str]

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels without "missing"."""
        return tuple(dict.fromkeys(self.names.values()))


_DIAGNOSES = ("DM", "ADM", "PM", "ASyS", "IMNM", "overlap")
MOST = 3
"""Prior immunosuppressants from this number on are one level."""

VARIABLES: tuple[Numeric | Category, ...] = (
    Numeric(topic="Age", column="age", unit="years"),
    Category(topic="Sex", column="female", names={1.0: "female", 0.0: "male"}),
    Category(topic="Diagnosis", column="diagnosis", names={name: name for name in _DIAGNOSES}),
    Category(topic="Interstitial lung disease", column="ild", names=YES_NO),
    Category(topic="Dysphagia", column="dysphagia", names=YES_NO),
    Numeric(topic="Disease duration", column="disease_years", unit="years"),
    Category(
        topic="Prior immunosuppressants",
        column="prior_immunosuppressants",
        names={0.0: "0", 1.0: "1", 2.0: "2", float(MOST): "3 or more"},
    ),
    Numeric(topic="Physician global activity", column="phga", unit="cm"),
    Numeric(topic="Patient global activity", column="ptga", unit="cm"),
    Numeric(topic="MMT8", column="mmt8", unit="points"),
    Numeric(topic="HAQ", column="haq", unit="points"),
    Numeric(topic="Extramuscular global activity", column="exga", unit="cm"),
    Numeric(topic="CDASI activity", column="cdasi_activity", unit="points"),
    Numeric(topic="Prednisone", column="prednisone", unit="mg/day"),
    Numeric(topic="LDH", column="ldh_multiple", unit="x ULN"),
    Numeric(topic="CK", column="ck_multiple", unit="x ULN"),
    Numeric(topic="Aldolase", column="aldolase_multiple", unit="x ULN"),
    Numeric(topic="IgG", column="igg", unit="g/L"),
    Category(topic="Infection before time zero", column="infection_before", names=YES_NO),
    Category(topic="Incident user", column="incident", names=YES_NO),
)
TOPICS = tuple(variable.topic for variable in VARIABLES)

NOTES = (
    "Percentages are of all persons in the group; missing values are a level of their own.",
    "Quartiles are interpolated linearly between order statistics.",
    "Standardised difference: comparator less reference, divided by the root of the mean of the two variances.",
    "For more than two levels it is the Mahalanobis distance between the shares, which has no sign.",
    "A standardised difference beyond 0.1 is usually called imbalance.",
)


def answer(cohort: Cohort, study: Study) -> Result:
    """Return who is in each arm at time zero."""
    patients = cohort.patients
    tables = [persons(patients["arm"])]
    reference = study.analysis.reference
    for variable in VARIABLES:
        if isinstance(variable, Numeric):
            tables.append(_numeric(variable, patients, reference=reference))
        else:
            tables.append(_category(variable, patients, reference=reference))
    table = join(tables)
    return Result(
        name="baseline",
        title="Persons at time zero",
        question="Who started with IVIG and who with rituximab, and how do they differ?",
        rows=table.rows,
        totals=table.totals,
        notes=NOTES,
        provenance=provenance(cohort),
    )


def _arms(reference: str) -> tuple[str, str]:
    """Return comparator and reference."""
    return next(arm for arm in ARMS if arm != reference), reference


def _numeric(variable: Numeric, patients: pd.DataFrame, *, reference: str) -> Table:
    topic, values = variable.topic, patients[variable.column].astype(float)
    rows: list[Row] = []
    totals: list[Total] = [across_arms(topic, "measured"), across_arms(topic, MISSING)]
    groups = by_arm(patients["arm"])
    for group, chosen in groups.items():
        known = values[chosen].dropna()
        n, missing = len(known), int(chosen.sum()) - len(known)
        whole_id = number_id("Persons", COHORT, group)
        measured_id, missing_id = number_id(topic, "measured", group), number_id(topic, MISSING, group)
        totals.append(Total(total=whole_id, parts=(measured_id, missing_id)))
        for statistic, number in _moments(known, unit=variable.unit).items():
            rows.append(Row(topic=topic, group=group, statistic=statistic, value=number, rests_on=(measured_id,)))
        rows.append(count_row(n, topic, "measured", group))
        rows.append(count_row(missing, topic, MISSING, group))
        rows.append(percent_row(missing, int(chosen.sum()), topic, MISSING, group, whole_id=whole_id))
    one, other = _arms(reference)
    difference = of_means(values[groups[one]].dropna().tolist(), values[groups[other]].dropna().tolist())
    # Through the means: they are masked with a group of few, and not where only the number of missing is withheld.
    means = tuple(number_id(topic, "", arm, "mean") for arm in ARMS)
    rows.append(Row(topic=topic, group=ALL, statistic="standardised difference", value=difference, rests_on=means))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _moments(known: pd.Series[float], *, unit: str) -> dict[Statistic, Summary | NotEstimable]:
    """Return mean, standard deviation, median and quartiles, or why there are none."""
    if known.empty:
        return dict.fromkeys(_MOMENTS, NotEstimable(reason="no values"))
    sd = float(known.std(ddof=1)) if len(known) > 1 else None
    quartiles = [float(known.quantile(q, interpolation="linear")) for q in (0.5, 0.25, 0.75)]
    return {
        statistic: NotEstimable(reason="a single value") if number is None else Summary(value=number, unit=unit)
        for statistic, number in zip(_MOMENTS, (float(known.mean()), sd, *quartiles), strict=True)
    }


def _category(variable: Category, patients: pd.DataFrame, *, reference: str) -> Table:
    topic, arm, values = variable.topic, patients["arm"], patients[variable.column]
    if variable.column == "prior_immunosuppressants":
        values = values.clip(upper=MOST)
    if not isinstance(next(iter(variable.names)), str):
        values = values.astype(float)
    levels = named(values, variable.names)
    table = category(topic, levels, arm, levels=(*variable.levels, MISSING))
    counts = {name: [int(((levels == level) & (arm == name)).sum()) for level in variable.levels] for name in ARMS}
    one, other = _arms(reference)
    ids = tuple(number_id(topic, level, name) for level in variable.levels for name in ARMS)
    difference = of_counts(counts[one], counts[other])
    row = Row(topic=topic, group=ALL, statistic="standardised difference", value=difference, rests_on=ids)
    return Table(rows=(*table.rows, row), totals=table.totals)
