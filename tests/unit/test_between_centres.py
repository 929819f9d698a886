"""What only the other centres can tell: a factor of two between medians, and persons who stand at two centres."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.between_centres import between_centres, between_rules
from registry.contract import contract, create_table
from registry.keeping.database import open_memory, registry_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

SUBMISSION = "submission_id VARCHAR, centre VARCHAR, date DATE, sequence INTEGER"
QUERY = 'submission_id VARCHAR, file VARCHAR, line BIGINT, columns VARCHAR, "values" VARCHAR, rule VARCHAR'
QUERY += ", message VARCHAR, advice VARCHAR, patient_id VARCHAR"
RESULT = "submission_id VARCHAR, rule VARCHAR, table_name VARCHAR, kind VARCHAR, severity VARCHAR"
RESULT += ", tested BIGINT, failed BIGINT"
PERSON = {"sex": "female", "birth_year": 1970, "diagnosis": "DM"}
PERSON |= {"onset_date": date(2018, 11, 1), "diagnosis_date": date(2019, 1, 15)}
MEDIANS, TWINS, LINKS = "lab.centre_multiple", "patient.probable_duplicate_elsewhere", "patient.link_key_contradicts"


@pytest.fixture
def registry() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a registry of four centres, each with two submissions, without a row."""
    with open_memory() as connection:
        for name in contract():
            connection.execute(create_table(name, registry_columns(name)))
        for name, columns in (("submission", SUBMISSION), ("query", QUERY), ("rule_result", RESULT)):
            connection.execute(f"CREATE TABLE {name} ({columns})")
        for centre in ("lyon", "bern", "porto", "wien"):
            _insert(connection, "submission", [
                {"submission_id": f"{centre}-1", "centre": centre, "date": date(2026, 3, 31), "sequence": 1},
                {"submission_id": f"{centre}-2", "centre": centre, "date": date(2026, 6, 30), "sequence": 1},
            ])  # fmt: skip
        yield connection


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))


def _labs(centre: str, value: float, number: int = 20, submission: int = 2) -> list[dict[str, Any]]:
    return [
        {"submission_id": f"{centre}-{submission}", "record": f"lab.csv:{line}", "patient_id": "x", "analyte": "LDH",
         "value": value, "uln": 100}
        for line in range(2, number + 2)
    ]  # fmt: skip


def _person(centre: str, line: int = 2, **changes: object) -> dict[str, Any]:
    place = {"submission_id": f"{centre}-2", "record": f"patient.csv:{line}", "patient_id": f"code-{centre}"}
    return {**place, **PERSON, **changes}


def _asked(connection: duckdb.DuckDBPyConnection, rule: str) -> tuple[int, int, list[tuple[Any, ...]]]:
    result = next(one for one in between_centres(connection, "lyon-2") if one.rule == rule)
    where = "SELECT file, line, message, patient_id, \"values\" FROM query WHERE rule = ? AND submission_id = 'lyon-2'"
    stored = "SELECT tested, failed FROM rule_result WHERE rule = ? AND submission_id = 'lyon-2'"
    assert connection.execute(stored, [rule]).fetchall() == [(result.tested, result.failed)]
    return result.tested, result.failed, connection.execute(where, [rule]).fetchall()


@pytest.mark.parametrize(("own", "failed"), [(200, 0), (200.1, 1), (50, 0), (49.9, 1)])
def test_a_median_more_than_a_factor_of_two_away_is_asked_about(
    own: float, failed: int, registry: duckdb.DuckDBPyConnection
) -> None:
    for centre in ("bern", "porto", "wien"):
        _insert(registry, "lab", _labs(centre, 100))
    _insert(registry, "lab", _labs("lyon", own))
    tested, wrong, rows = _asked(registry, MEDIANS)
    assert (tested, wrong) == (1, failed)
    assert [(file, line, person, values) for file, line, _, person, values in rows] == [
        ("lab.csv", None, None, "")
    ] * failed


def test_the_words_say_which_way_and_how_far(registry: duckdb.DuckDBPyConnection) -> None:
    for centre, value in (("bern", 90), ("porto", 100), ("wien", 120)):
        _insert(registry, "lab", _labs(centre, value))
    _insert(registry, "lab", _labs("lyon", 600, 21))
    assert _asked(registry, MEDIANS)[2][0][2] == (
        "The median of the 21 values of LDH at this centre is 6.00 times that of the 3 other centres "
        "(6.00 and 1.00 x ULN)."
    )


@pytest.mark.parametrize(("values", "centres", "tested"), [(20, 3, 1), (19, 3, 0), (20, 2, 0)])
def test_too_few_values_or_centres_leave_nothing_to_test(
    values: int, centres: int, tested: int, registry: duckdb.DuckDBPyConnection
) -> None:
    for centre in ("bern", "porto", "wien")[:centres]:
        _insert(registry, "lab", _labs(centre, 100, values))
    _insert(registry, "lab", _labs("lyon", 500))
    assert _asked(registry, MEDIANS)[0] == tested


def test_other_centres_count_as_their_latest_submission_says(registry: duckdb.DuckDBPyConnection) -> None:
    for centre in ("bern", "porto", "wien"):
        _insert(registry, "lab", [*_labs(centre, 5000, submission=1), *_labs(centre, 100)])
    _insert(registry, "lab", [*_labs("lyon", 5000, submission=1), *_labs("lyon", 100)])
    assert _asked(registry, MEDIANS)[:2] == (1, 0)


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, 1),
        ({"diagnosis": "ADM"}, 1),
        ({"onset_date": date(2018, 11, 1) + timedelta(31)}, 1),
        ({"onset_date": date(2018, 11, 1) + timedelta(32)}, 0),
        ({"diagnosis_date": date(2019, 1, 15) - timedelta(31)}, 1),
        ({"diagnosis_date": date(2019, 1, 15) - timedelta(32)}, 0),
        ({"onset_date": None}, 0),
        ({"sex": "male"}, 0),
        ({"birth_year": 1971}, 0),
        ({"diagnosis": "PM"}, 0),
    ],
)
def test_the_same_person_at_two_centres_is_asked_about(
    changes: Mapping[str, object], failed: int, registry: duckdb.DuckDBPyConnection
) -> None:
    _insert(registry, "patient", [_person("lyon", 7), _person("bern", 3, **changes)])
    tested, wrong, rows = _asked(registry, TWINS)
    assert (tested, wrong) == (1, failed)
    assert [(file, line, person) for file, line, _, person, _ in rows] == [("patient.csv", 7, "code-lyon")] * failed
    assert all("A person of bern has" in row[2] and "code-bern" not in row[2] for row in rows)


def test_two_persons_of_one_centre_and_linked_ones_are_no_question(registry: duckdb.DuckDBPyConnection) -> None:
    _insert(registry, "patient", [_person("lyon", 2, link_key="a"), _person("lyon", 3), _person("bern", link_key="b")])
    assert _asked(registry, TWINS)[1] == 1
    registry.execute("DELETE FROM patient WHERE record = 'patient.csv:3'")
    registry.execute("DELETE FROM query")
    registry.execute("DELETE FROM rule_result")
    assert _asked(registry, TWINS)[1] == 0


@pytest.mark.parametrize(
    ("changes", "failed"),
    [({}, 0), ({"birth_year": 1971}, 1), ({"sex": "male"}, 1), ({"sex": "unknown"}, 0)],
)
def test_a_link_key_that_contradicts_itself_is_asked_about(
    changes: Mapping[str, object], failed: int, registry: duckdb.DuckDBPyConnection
) -> None:
    _insert(registry, "patient", [_person("lyon", link_key="a"), _person("bern", link_key="a", **changes)])
    tested, wrong, rows = _asked(registry, LINKS)
    assert (tested, wrong) == (1, failed)
    assert [row[2] for row in rows] == [
        "The person of bern with this link_key has another sex or year of birth."
    ] * failed


def test_without_link_keys_there_is_nothing_to_test(registry: duckdb.DuckDBPyConnection) -> None:
    _insert(registry, "patient", [_person("lyon"), _person("bern")])
    assert _asked(registry, LINKS)[0] == 0


def test_an_unknown_submission_is_a_mistake_of_the_caller(registry: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="no submission lyon-3"):
        between_centres(registry, "lyon-3")


def test_every_rule_says_what_to_do() -> None:
    assert [rule.id for rule in between_rules()] == [MEDIANS, LINKS, TWINS]
    assert all(rule.advice and rule.source and rule.meaning for rule in between_rules())
