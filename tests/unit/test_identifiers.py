"""Direct identifiers are told from pseudonyms, rejected, and shown nowhere."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING

import pytest

from registry.checking.checks import check
from registry.checking.identifiers import WITHHELD, identifier_header
from registry.checking.identifying_text import identifiers_in, identifiers_in_ids
from registry.checking.national_numbers import NUMBERS
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.checking.national_numbers import Number

RUNNING = [f"P{i:03}" for i in range(1, 60)]
KNOWN = {
    "a French social security number": ("255081416802538", "255081416802539"),
    "a Belgian national number": ("85073003328", "85073003329"),
    "a Dutch citizen service number": ("111222333", "111222334"),
    "a German health insurance number": ("A123456780", "A123456781"),
    "a German tax number": ("86095742719", "86095742718"),
    "an Italian tax code": ("RSSMRA85T10A562S", "RSSMRA85T10A562T"),
    "a Spanish identity number": ("12345678Z", "12345678A"),
    "a British health service number": ("9434765919", "9434765918"),
    "a Swiss insurance number": ("7569217076985", "7569217076984"),
    "a Swedish personal number": ("811218-9876", "811218-9875"),
    "a Danish personal number": ("070761-4285", "320761-4285"),
    "a Norwegian national number": ("29029600013", "29029600014"),
    "a Finnish personal code": ("131052-308T", "131052-308U"),
    "an American social security number": ("123-45-6789", "000-45-6789"),
    "a Polish personal number": ("44051401359", "44051401358"),
}
"""Numbers that the offices themselves print as examples, and the same with one digit wrong."""


@pytest.mark.parametrize("what", KNOWN)
def test_a_national_number_is_told_by_its_check_digits(what: str) -> None:
    right, wrong = KNOWN[what]
    kinds = [number for number in NUMBERS if number.what == what]
    assert [any(n.shape.fullmatch(one) and n.passes(one) for n in kinds) for one in (right, wrong)] == [True, False]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{number.what} {number.odd}")
def test_chance_is_what_random_digits_pass(number: Number) -> None:
    # The letters and hyphens of a shape stay as in the example, its digits are drawn.
    example = next((one for one in KNOWN[number.what] if number.shape.fullmatch(one)), "0000000000")
    draw = random.Random(1)
    drawn = ["".join(draw.choice("0123456789") if c.isdigit() else c for c in example) for _ in range(20_000)]
    shaped = [one for one in drawn if number.shape.fullmatch(one)]
    passed = sum(number.passes(one) for one in shaped) / len(shaped)
    assert passed <= 1.1 * number.chance + 3 * math.sqrt(number.chance / len(shaped))


@pytest.mark.parametrize(
    "one",
    ["jane.doe@example.org", "+33 6 12 34 56 78", "06 12 34 56 78", "555-123-4567", "1970-04-12", "12.04.1970",
     "P1_1970-04-12", "255081416802538", "123-45-6789"],
)  # fmt: skip
def test_some_texts_are_certain_wherever_they_stand(one: str) -> None:
    assert [found.certain for found in identifiers_in([one])] == [True]
    assert [found.text for found in identifiers_in_ids([*RUNNING, one]) if found.certain] == [one]


@pytest.mark.parametrize(
    "one", ["IFCC 37 C", "Roche cobas c501", "ELISA 2020-13-45", "data manager", "a-b", "2020-17", ""]
)
def test_other_texts_are_nothing(one: str) -> None:
    assert identifiers_in([one]) == ()


def test_a_title_before_a_name_is_only_possible() -> None:
    assert [(found.what, found.certain) for found in identifiers_in(["Dr. Meier"])] == [("a name", False)]


def test_dates_without_separators_are_certain_in_most_ids_or_with_the_year_of_birth_beside() -> None:
    dates = [f"19{70 + i}0412" for i in range(9)]
    assert [found.certain for found in identifiers_in_ids(dates)] == [True] * 9
    assert [found.certain for found in identifiers_in_ids(["12041970"])] == [True]
    year_and_number = [f"2020{i:04}" for i in range(1, 400)]
    assert not any(found.certain for found in identifiers_in_ids(year_and_number))
    many = [*year_and_number, "19700412"]
    born = [""] * len(year_and_number)
    assert [f.certain for f in identifiers_in_ids(many, [*born, "1970"]) if f.text == "19700412"] == [True]
    assert [f.certain for f in identifiers_in_ids(many, [*born, "1971"]) if f.text == "19700412"] == [False]


def test_names_are_certain_in_a_column_of_names_and_possible_among_numbers() -> None:
    names = ["Dupont", "martin", "Garcia-Lopez", "MEIER"]
    assert {found.text for found in identifiers_in_ids(names) if found.certain} == set(names)
    assert [(f.text, f.certain) for f in identifiers_in_ids([*RUNNING, "Dupont"])] == [("Dupont", False)]
    assert identifiers_in_ids(["founder"]) == ()


@pytest.mark.parametrize("digits", [8, 9, 10, 11])
def test_random_numbers_are_almost_never_rejected(digits: int) -> None:
    draw = random.Random(digits)
    found = []
    for _ in range(50):
        found += identifiers_in_ids([str(draw.randrange(10 ** (digits - 1), 10**digits)) for _ in range(200)])
    assert not any(one.certain for one in found)
    assert len(found) <= 30


@pytest.mark.parametrize("scheme", ["P{:03}", "lyon-{:04}", "MYO-2020-{:02}", "2005-{:04}", "{}", "1{:07}", "A{:09}"])
def test_running_numbers_are_never_asked_about(scheme: str) -> None:
    assert identifiers_in_ids([scheme.format(i) for i in range(1, 2000)]) == ()


@pytest.mark.parametrize(
    ("header", "what"),
    [("Surname", "a name"), ("birth_date", "a full date of birth"), ("DOB", "a full date of birth"),
     ("Phone No", "a phone number"), ("e-mail", "an e-mail address"), ("Address", "an address"),
     ("MRN", "a national or hospital number"), ("NIR", "a national or hospital number"), ("birth_year", None),
     ("patient_id", None), ("agent", None)],
)  # fmt: skip
def test_a_column_is_told_by_its_name(header: str, what: str | None) -> None:
    assert identifier_header(header) == what


def test_a_file_with_a_column_of_names_is_refused_and_no_value_is_quoted(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    lines = (folder / "patient.csv").read_text(encoding="utf-8").splitlines()
    named = [lines[0] + ",surname", *(line + ",Secretname" for line in lines[1:])]
    (folder / "patient.csv").write_text("\n".join(named) + "\n", encoding="utf-8")
    [problem] = [p for p in read_submission(folder).problems if p.file == "patient.csv"]
    assert (problem.rule, problem.columns) == ("file.column_identifier", ("surname",))
    assert problem.message == "The column seems to hold a name."
    assert "Secretname" not in repr(problem)


def test_an_identifier_is_rejected_and_stands_in_no_message_and_no_quarantine(
    tmp_path: Path, write_submission: Callable[..., Path], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    rows = {
        name: [{**row, "patient_id": row["patient_id"].replace("P1", "1970-04-12")} for row in values]
        for name, values in good_rows.items()
    }
    rows["lab"][2] = {**rows["lab"][2], "method": "ask jane.doe@example.org"}
    rows["visit"][1] = {**rows["visit"][1], "phga": "06 12 34 56 78"}
    checked = check(read_submission(write_submission(tmp_path / "lyon-2026-06-30", rows)))
    found = [(problem.rule, problem.line) for problem in checked.problems if "identifier" in problem.rule]
    assert found == [("lab.method.identifier", 4), ("patient.patient_id.identifier", 2), ("visit.identifier", 3)]
    assert "Column phga: This holds a phone number." in [problem.message for problem in checked.problems]
    kept = json.dumps(checked.quarantine.to_pylist()) + str(checked.problems) + str(checked.queries.to_pylist())
    assert [text for text in ("1970-04-12", "jane", "06 12 34") if text in kept] == []
    assert WITHHELD in kept
    assert {row["line"] for row in checked.rows["patient"].to_pylist()} == {3}
    # The other rows of the person wait with it, and are not told of one by one.
    assert checked.waiting == 7
