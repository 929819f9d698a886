"""How many rows and persons have each field that matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.quality.groups import plain_row
from analyses.result import ALL, NotEstimable, Row, Summary
from analyses.tabulate import Table, count_row, number_id

if TYPE_CHECKING:
    from analyses.quality.groups import Groups
    from analyses.result import Value
    from registry.quality import Sent


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field whose completeness is counted. of: what it applies to (topic of the count of its denominators).

    of_persons: whether how many lack it is masked as a count of persons is, and not only with its denominator.
    """

    name: str
    of: str
    of_persons: bool = False


VISITS, RESULTS, IVIG, STOPS = "Visits", "Results of muscle enzymes", "Courses of IVIG", "Courses stopped"
REGISTERED, RITUXIMAB, FOLLOWED = "Persons registered", "Persons given rituximab", "Persons to be followed"
FIELDS: tuple[Field, ...] = (
    Field(name="Physician global activity", of=VISITS),
    Field(name="Patient global activity", of=VISITS),
    Field(name="MMT8", of=VISITS),
    Field(name="HAQ", of=VISITS),
    Field(name="Extramuscular global activity", of=VISITS),
    Field(name="Muscle enzyme near the visit", of=VISITS),
    Field(name="ULN of a muscle enzyme", of=RESULTS),
    Field(name="Intent of IVIG", of=IVIG, of_persons=True),
    Field(name="Reason of a stop", of=STOPS, of_persons=True),
    Field(name="IgG before rituximab", of=RITUXIMAB, of_persons=True),
    Field(name="Antibody tested", of=REGISTERED, of_persons=True),
    Field(name="Seen lately", of=FOLLOWED, of_persons=True),
)
FIELD_NAMES = tuple(field.name for field in FIELDS)


def completeness(sent: Sent, groups: Groups) -> Table:
    """Return what is missing of each field, out of the rows or persons to which it applies."""
    counted = sent.tables["completeness"]
    whole = {field.of: counted[counted["field"] == field.name] for field in reversed(FIELDS)}
    rows: list[Row] = []
    for topic in dict.fromkeys(field.of for field in FIELDS):
        for group, centres in groups.members.items():
            if topic == REGISTERED:
                number = sum(sent.registered.get(centre, 0) for centre in centres)
            else:
                number = groups.summed(whole[topic], "applies", group)
            rows.append(count_row(number, topic, "", group))
    for field in FIELDS:
        of_field = counted[counted["field"] == field.name]
        for group in groups.members:
            applies = groups.summed(of_field, "applies", group)
            rows += _field(field, group, applies=applies, filled=groups.summed(of_field, "filled", group))
    ids = [(topic, "") for topic in dict.fromkeys(field.of for field in FIELDS)]
    ids += [("Missing", field.name) for field in FIELDS if field.of_persons]
    return Table(rows=tuple(rows), totals=tuple(groups.totals(ids)))


def _field(field: Field, group: str, *, applies: int, filled: int) -> list[Row]:
    whole = number_id(field.of, "", group)
    share: Value = NotEstimable(reason="not applicable: nothing that has this field")
    if applies:
        share = Summary(value=100 * filled / applies, unit="%")
    if field.of_persons:
        missing = count_row(applies - filled, "Missing", field.name, group)
        both = (missing.id, whole)
        return [missing, plain_row(share, "Complete", field.name, group, statistic="percent", rests_on=both)]
    # Whether a field of a visit or of a result was filled in tells of the file, not of what a person has or had. How
    # many visits there are is about persons, and what rests on that count is masked with it. Over all centres there is
    # no number: it would give back that of a centre whose own is masked.
    complete = plain_row(share, "Complete", field.name, group, statistic="percent", rests_on=(whole,))
    if group == ALL:
        return [complete]
    return [plain_row(applies - filled, "Missing", field.name, group, rests_on=(whole,)), complete]
