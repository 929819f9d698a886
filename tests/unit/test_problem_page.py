"""A centre's one page sums up what it sent, is one page whatever that was, and names nobody."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pikepdf
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from registry.checking.checks import check
from registry.checking.findings import Kind
from registry.errors import Problem
from registry.intake.submission import read_submission
from reports import problem_page
from reports.centre_problems import write_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission

    Rows = dict[str, list[Mapping[str, str]]]
    WithRow = Callable[..., Rows]
    Checked = Callable[..., CheckedSubmission]
    Html = Callable[[CheckedSubmission], str]

SECRET = "anna.karenina@example.org"  # noqa: S105  (an address, not a password)


@pytest.fixture
def checked(tmp_path: Path, write_submission: Callable[..., Path]) -> Checked:
    """Return the function that writes rows, reads them, checks them and keeps the questions about single values.

    Rules on rows beside each other would ask about rows that these tests make by the dozen.
    """

    def checked(*rows: Rows, **settings: Any) -> CheckedSubmission:
        result = check(read_submission(write_submission(tmp_path / "lyon-2026-06-30", *rows, **settings)))
        queries = result.queries.filter(pc.match_substring_regex(result.queries["rule"], r"\.(soft|step)$"))
        kept = (p for p in result.problems if p.severity == "reject" or p.rule.endswith((".soft", ".step")))
        return replace(result, queries=queries, questions=queries.num_rows, problems=tuple(kept))

    return checked


@pytest.fixture
def html_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Html:
    """Return the function that gives the HTML of the page without printing it."""
    pages: list[str] = []

    def keep(html: str, **_: Any) -> Path:
        pages.append(html)
        return tmp_path / "page.pdf"

    def html_of(checked: CheckedSubmission) -> str:
        with monkeypatch.context() as patched:
            patched.setattr(problem_page, "render_pdf", keep)
            write_page(checked, tmp_path / "page.pdf")
        return pages[-1]

    return html_of


def words(html: str) -> str:
    """Return the text of a page, tags as spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def with_rejects(checked: CheckedSubmission, problems: tuple[Problem, ...]) -> CheckedSubmission:
    """Return the submission with lab rows 2, 3 and 4 in quarantine for these problems."""
    held = [
        {
            "table_name": "lab", "line": line, "file": "lab.csv", "at": line, "patient_id": "P1", "content": "{}",
            "rules": ",".join(sorted({problem.rule for problem in problems if problem.line == line})),
        }
        for line in sorted({problem.line for problem in problems})
    ]  # fmt: skip
    quarantine = pa.Table.from_pylist(held, schema=checked.quarantine.schema)
    return replace(checked, quarantine=quarantine, problems=problems, rejects=len(problems))


def many(checked: CheckedSubmission, text: str) -> CheckedSubmission:
    """Return the submission with 200 rules that one row does not meet, everything as long as can be."""
    problems = tuple(
        Problem(
            rule=f"lab.{text[:60]}{number:03}.hard",
            severity="reject",
            file="lab.csv",
            line=2,
            columns=("patient_id", "analyte", "date", "value", "unit", "method"),
            values=(text,) * 6,
            message=text,
            advice=text,
        )
        for number in range(200)
    )
    whole = Problem(rule="file.quotes", severity="reject", file=text, message=text, advice=text)
    submission = replace(checked.submission, name=text[:200])
    result = replace(with_rejects(checked, problems), submission=submission, questions=123_456, waiting=98_765)
    return replace(result, problems=(whole, *problems))


def pages(path: Path) -> int:
    with pikepdf.open(path) as pdf:
        return len(pdf.pages)


@pytest.mark.parametrize("text", ["W" * 400, "A long word " * 60, "\u6771" * 400, "</td></table>" * 30, "\u00ad" * 400])
def test_it_is_one_page_whatever_was_sent(
    text: str, checked: Checked, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        path = write_page(many(checked(), text), tmp_path / "page.pdf")
    assert (pages(path), caplog.records) == (1, [])


def test_one_page_is_tagged_and_the_same_bytes_for_the_same_submission(
    checked: Checked, with_row: WithRow, tmp_path: Path
) -> None:
    result = checked(with_row("visit", phga="65"))
    first, second = (write_page(result, tmp_path / name) for name in ("a.pdf", "b.pdf"))
    assert first.read_bytes() == second.read_bytes()
    with pikepdf.open(first) as pdf:
        assert (len(pdf.pages), str(pdf.Root.Lang), bool(pdf.Root.MarkInfo.Marked)) == (1, "en", True)
        assert b"pdfuaid" in pdf.Root.Metadata.read_bytes()
        assert [round(float(end)) for end in pdf.pages[0].MediaBox[2:]] == [595, 842]


def test_a_good_submission_needs_nothing(checked: Checked, html_of: Html) -> None:
    text = words(html_of(checked()))
    assert "Complete: all 14 rows are taken in." in text
    assert "Nothing needs to be done." in text
    assert "What is wrong" not in text
    assert "workbook" not in text


def test_rows_are_counted_by_table_and_in_all(
    checked: Checked,
    with_row: WithRow,
    html_of: Html,
) -> None:
    rows = with_row("visit", phga="65", haq="1.1")
    text = words(html_of(checked(rows)))
    assert "13 of 14 rows are taken in; 1 is in quarantine. 1 question to you." in text
    assert "visit 2 1 1 1 lab 3 3 0 0" in text
    assert "all 14 13 1 1" in text
    assert "visit.csv, line 2, column phga: 65" in text
    assert "visit.phga.hard" in text


def test_a_file_that_cannot_be_read_is_not_called_empty_and_nothing_counts_as_taken_in(
    checked: Checked, tmp_path: Path, html_of: Html
) -> None:
    checked()
    (tmp_path / "lyon-2026-06-30" / "lab.csv").write_text("nonsense\n1\n")
    text = words(html_of(check(read_submission(tmp_path / "lyon-2026-06-30"))))
    assert "so nothing of this submission is taken in" in text
    assert "lab not read 0 0 0" in text
    assert "patient 2 0 0 0" in text
    assert "without that nothing counts" in text


def test_a_submission_without_a_readable_manifest_has_a_page_without_an_invented_date(
    checked: Checked, tmp_path: Path
) -> None:
    checked()
    (tmp_path / "lyon-2026-06-30" / "manifest.toml").write_text("not toml at all")
    path = write_page(check(read_submission(tmp_path / "lyon-2026-06-30")), tmp_path / "page.pdf")
    with pikepdf.open(path) as pdf:
        assert len(pdf.pages) == 1
        assert not {"/CreationDate", "/ModDate"} & set(pdf.docinfo.keys())


def test_a_rule_that_had_nothing_to_test_is_not_counted_as_passed(checked: Checked, html_of: Html) -> None:
    lines = [("conformance", 5, 1), ("conformance", 5, 0), ("conformance", 0, 0), ("completeness", 0, 0)]
    lines += [("plausibility", 9, 0), ("plausibility", 9, 0), ("plausibility", 9, 9)]
    results = pa.Table.from_pylist(
        [
            {
                "rule": f"r{n}",
                "table_name": "lab",
                "kind": kind,
                "severity": "reject",
                "tested": tested,
                "failed": failed,
            }
            for n, (kind, tested, failed) in enumerate(lines)
        ]
    )
    text = words(html_of(replace(checked(), results=results)))
    assert "conformance 1 1 1 completeness 0 0 1 plausibility 2 1 0" in text


def test_problems_of_files_come_first_and_then_the_ten_most_frequent(checked: Checked, html_of: Html) -> None:
    problems = [
        Problem(rule=f"lab.rule{n:02}", severity="reject", file="lab.csv", line=line, message=f"Wrong by rule {n}.")
        for n in range(12)
        for line in (2, 3, 4)[: 1 + (n == 7) + (n in {5, 7})]
    ]
    result = with_rejects(checked(), tuple(problems))
    whole = Problem(rule="file.stranger", severity="query", file="x.csv", message="No file of the contract.")
    html = html_of(replace(result, problems=(whole, *problems)))
    shown = re.findall(r'<div class="line rule">([^<]*)</div></td>\s*<td>([^<]*)</td>', html)
    expected = [("file.stranger", "file"), ("lab.rule07", "3"), ("lab.rule05", "2"), ("lab.rule00", "1")]
    assert shown[:4] == expected
    assert len(shown) == 10
    assert "the 10 most frequent of 13 rules not met" in html


def test_text_from_outside_is_escaped(
    checked: Checked,
    with_row: WithRow,
    html_of: Html,
) -> None:
    result = checked(with_row("event", term="<script>alert(1)</script>", grade='"><img src=x>'))
    result = replace(result, submission=replace(result.submission, name="<b>lyon</b>"))
    html = html_of(result)
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;lyon&lt;/b&gt;" in html


@pytest.mark.parametrize("rule", ["identifier.email", "lab.method.identifier", "lab.identifier.email"])
def test_what_identifies_a_person_is_in_no_example_also_not_of_another_rule(
    rule: str, checked: Checked, html_of: Html
) -> None:
    problems = (
        Problem(
            rule=rule, severity="reject", file="lab.csv", line=2, columns=("method",), values=(SECRET,),
            message=f"{SECRET} is an e-mail address.", advice=f"Remove {SECRET}.",
        ),
        Problem(
            rule="lab.method.pattern", severity="reject", file="lab.csv", line=2, columns=("method",), values=(SECRET,),
            message=f"Expected an assay, not {SECRET}.", advice=f"Write {SECRET.upper()}.",
        ),
    )  # fmt: skip
    text = words(html_of(with_rejects(checked(), problems)))
    assert SECRET not in text
    assert SECRET.upper() not in text
    assert "column method: (not repeated)" in text
    assert "(not repeated) is an e-mail address. Remove (not repeated)." in text
    assert "Expected an assay, not (not repeated)." in text


def test_an_example_is_taken_from_a_row_that_does_not_tell_who_somebody_is(checked: Checked, html_of: Html) -> None:
    def hard(line: int, value: str) -> Problem:
        return Problem(
            rule="lab.value.hard", severity="reject", file="lab.csv", line=line, columns=("value",), values=(value,),
            message="Too large.",
        )  # fmt: skip

    telling = Problem(rule="identifier.name", severity="reject", file="lab.csv", line=2, message="A name.")
    result = with_rejects(checked(), (telling, hard(2, "111111"), hard(3, "222222")))
    text = words(html_of(replace(result, kinds=(Kind(file="lab.csv", rule="identifier.name", more=3),))))
    assert "lab.csv, line 3, column value: 222222" in text
    assert "111111" not in text
