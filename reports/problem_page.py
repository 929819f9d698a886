"""One page for a centre about its submission: what was sent, what was checked, what is wrong, what to do."""

from __future__ import annotations

from datetime import date
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from reports.advice import NOT_KNOWN, SEVERITIES, next_steps, number, verdict
from reports.pages import fill
from reports.problem_counts import class_counts, failures, table_counts
from reports.render import glyphs, render_pdf
from reports.sent_text import readable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission
    from reports.problem_counts import Failure

STYLESHEET = "centre_problems.css"
MOST_FAILURES = 10
_WORDS, _NAME, _VALUE, _PLACE = 170, 60, 40, 90
_CLOSING = "The workbook that comes with this page lists the rows as they were sent, with every problem marked."
_NO_DATE = date(1970, 1, 1)
"""Stands in the file's metadata, where nobody reads it, if the manifest gives no date."""


def write_page(checked: CheckedSubmission, path: Path) -> Path:
    """Write one page (A4, PDF/UA-1) that sums up the problems of a submission and return its path.

    Of single rows it shows one line and value a rule, and no value that identifies a person. It is one page whatever
    was sent, and the same bytes for the same submission. Raises UserError (REPORT_FAILED) if the PDF cannot be made.
    """
    style = files("reports").joinpath("templates", STYLESHEET).read_bytes()
    html = fill("centre_problems.html.j2", _values(checked))
    return render_pdf(html, figures={STYLESHEET: style}, cut=checked.submission.date or _NO_DATE, output=path)


def _values(checked: CheckedSubmission) -> dict[str, object]:
    submission, counts, found = checked.submission, table_counts(checked), failures(checked)
    day = submission.date.isoformat() if submission.date else ""
    return {
        "name": _shown(submission.name, _NAME),
        "centre": _shown(submission.centre, _NAME) or NOT_KNOWN,
        "date": day or NOT_KNOWN,
        "date_iso": day,
        "contract": _shown(submission.manifest.contract, _VALUE) if submission.manifest else NOT_KNOWN,
        "fingerprint": f"files {submission.sha256[:12]}",
        "software_version": version("myoregistry"),
        "verdict": verdict(checked, counts),
        "held": checked.refused or checked.quarantine.num_rows > 0,
        "tables": [
            {
                "table": count.table,
                "cells": [
                    "not read" if count.sent is None else f"{count.sent:,}",
                    *(f"{value:,}" for value in (count.taken_in, count.quarantined, count.questions)),
                ],
            }
            for count in counts
        ]
        + [_all(counts)],
        "classes": [
            {"kind": count.kind, "cells": [f"{n:,}" for n in (count.passed, count.failed, count.not_applicable)]}
            for count in class_counts(checked)
        ],
        "failures": [_failure(failure) for failure in found[:MOST_FAILURES]],
        "failures_caption": _caption(found),
        "count_head": "Rows",
        "steps": next_steps(checked),
        "closing": _CLOSING if found else "",
    }


def _all(counts: Sequence[Any]) -> dict[str, object]:
    columns = zip(*((one.sent or 0, one.taken_in, one.quarantined, one.questions) for one in counts), strict=True)
    return {"table": "all", "cells": [f"{sum(values):,}" for values in columns]}


def _caption(found: Sequence[Failure]) -> str:
    if len(found) <= MOST_FAILURES:
        return f"What is wrong: {number(len(found), 'rule')} not met"
    return f"What is wrong: the {MOST_FAILURES} most frequent of {len(found):,} rules not met; the workbook has all"


def _failure(failure: Failure) -> dict[str, str]:
    example = failure.example
    values = ", ".join(_shown(value, _VALUE) for value in example.values)
    where = _shown(example.where(), _PLACE)
    return {
        "severity": SEVERITIES[failure.severity],
        "style": failure.severity,
        "message": _shown(example.message, _WORDS),
        "advice": _shown(example.advice, _WORDS),
        "example": f"{where}: {_shown(values, 2 * _VALUE)}" if values else where,
        "rule": _shown(failure.rule, _PLACE),
        "count": "file" if example.line is None else f"{failure.count:,}",
    }


def _shown(text: str, longest: int) -> str:
    return readable(text, longest=longest, glyphs=glyphs())
