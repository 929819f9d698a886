"""A page becomes a PDF whole or not at all, reads nothing but its own files, and is the same every time."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pikepdf
import pytest

from registry.errors import ExitCode, UserError
from reports.pages import fill
from reports.render import Limits, publish, render_pdf

CUT = date(2026, 6, 30)
FIGURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20">'
    b'<text x="5" y="15" style="font-family: \'Open Sans\'; font-size: 8px">63.5 %</text></svg>'
)


def page(body: str = "<p>Risk \u2265 40</p>", *, language: str = ' lang="en"') -> str:
    return (
        f'<!doctype html><html{language}><head><meta charset="utf-8"><title>Report</title>'
        f'<link rel="stylesheet" href="report:print.css"></head><body>{body}</body></html>'
    )


def rendered(folder: Path, html: str, *, name: str = "report.pdf", limits: Limits | None = None) -> Path:
    return render_pdf(html, figures={"figure.svg": FIGURE}, cut=CUT, output=folder / name, limits=limits)


def refused(folder: Path, html: str, *, limits: Limits | None = None) -> str:
    """Return what was seen when the page was refused, after checking that an earlier report survived it."""
    earlier = folder / "report.pdf"
    earlier.write_bytes(b"the report of last quarter")
    with pytest.raises(UserError) as caught:
        rendered(folder, html, limits=limits)
    assert caught.value.exit_code == ExitCode.REPORT_FAILED
    assert [path.name for path in folder.iterdir()] == ["report.pdf"]
    assert earlier.read_bytes() == b"the report of last quarter"
    return caught.value.seen


def test_a_page_becomes_a_tagged_pdf_and_nothing_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="reports"):
        path = rendered(tmp_path, page('<h1>One</h1><img src="report:figure.svg" alt="A risk of 63.5 %">'))
    assert caplog.records == []
    with pikepdf.open(path) as pdf:
        assert str(pdf.Root.Lang) == "en"
        assert bool(pdf.Root.MarkInfo.Marked)
        assert str(pdf.docinfo["/Title"]) == "Report"
        xmp = pdf.Root.Metadata.read_bytes()
        assert b"pdfuaid" in xmp
        fonts = {str(font.BaseFont).split("+")[-1] for font in pdf.objects if getattr(font, "Type", "") == "/Font"}
    assert fonts == {"Open-Sans", "Open-Sans-Bold"}


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    html = page('<img src="report:figure.svg" alt="A risk">')
    first, second = (rendered(tmp_path, html, name=name).read_bytes() for name in ("a.pdf", "b.pdf"))
    assert first == second


def test_another_page_gets_another_identifier(tmp_path: Path) -> None:
    identifiers = []
    for name, body in (("a.pdf", "<p>one</p>"), ("b.pdf", "<p>two</p>")):
        with pikepdf.open(rendered(tmp_path, page(body), name=name)) as pdf:
            identifiers.append(bytes(pdf.trailer.ID[0]))
    assert identifiers[0] != identifiers[1]


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/hostname",
        "http://127.0.0.1:9/figure.svg",
        "report:../job.json",
        "report:job.json",
        "report:other.svg",
        "figure.svg",
    ],
)
def test_a_page_cannot_read_what_is_not_its_own(tmp_path: Path, address: str) -> None:
    seen = refused(tmp_path, page(f'<img src="{address}" alt="x">'))
    assert "not one of its own files" in seen or "Relative URI reference" in seen


def test_a_page_may_carry_data_of_its_own(tmp_path: Path) -> None:
    dot = "data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20width='9'%20height='9'/%3E"
    assert rendered(tmp_path, page(f'<img src="{dot}" alt="a dot">')).is_file()


def test_an_attachment_cannot_be_smuggled_in(tmp_path: Path) -> None:
    refused(tmp_path, page('<a rel="attachment" href="file:///etc/passwd">x</a>'))


def test_an_image_without_words_fails_the_report(tmp_path: Path) -> None:
    assert "no required alt description" in refused(tmp_path, page('<img src="report:figure.svg">'))


def test_a_page_without_language_fails_the_report(tmp_path: Path) -> None:
    assert "lang" in refused(tmp_path, page(language=""))


def test_a_warning_of_the_layout_engine_is_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rendered(tmp_path, page('<p style="colour: red">x</p>'))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "colour" in caplog.text


def test_a_character_without_a_glyph_is_named(tmp_path: Path) -> None:
    assert "\u6771 (U+6771)" in refused(tmp_path, page("<p>\u6771\u4eac</p>"))


def test_a_character_is_found_behind_an_entity_and_in_a_figure(tmp_path: Path) -> None:
    assert "U+2192" in refused(tmp_path, page("<p>&rarr;</p>"))
    with pytest.raises(UserError, match=r"U\+2192"):
        render_pdf(
            page(), figures={"f.svg": FIGURE.replace(b"63.5", "\u2192".encode())}, cut=CUT, output=tmp_path / "f.pdf"
        )


def test_a_child_that_needs_too_much_memory_is_a_clear_error(tmp_path: Path) -> None:
    seen = refused(tmp_path, page(), limits=Limits(memory_bytes=48 * 1024**2))
    assert "layout engine" in seen


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    cells = "<tr>" + "<td>x</td>" * 20 + "</tr>"
    seen = refused(tmp_path, page(f"<table>{cells * 400}</table>"), limits=Limits(cpu_seconds=1))
    assert "SIGXCPU (limit of processor time)" in seen


def test_waiting_has_an_end(tmp_path: Path) -> None:
    assert "still at work" in refused(tmp_path, page(), limits=Limits(wait_seconds=0))


def test_a_file_is_published_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    output = tmp_path / "made" / "report.pdf"
    publish(b"one", output)
    publish(b"two", output)
    assert output.read_bytes() == b"two"
    assert list(output.parent.iterdir()) == [output]


def test_a_file_that_cannot_be_published_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "report.pdf"
    output.mkdir()
    with pytest.raises(OSError, match="directory"):
        publish(b"one", output)
    assert list(tmp_path.iterdir()) == [output]


def test_templates_escape_what_they_print() -> None:
    cell = {"text": "<script>", "marks": "", "kind": "text"}
    html = _table(cell)
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


@pytest.mark.parametrize("hole", [None, float("nan"), float("inf")])
def test_templates_refuse_a_missing_number(hole: object) -> None:
    with pytest.raises(ValueError, match=r"missing|not finite"):
        _table({"text": hole, "marks": "", "kind": "text"})


def test_templates_refuse_a_name_that_is_not_there() -> None:
    with pytest.raises(Exception, match="undefined"):
        fill("committee.html.j2", {})


def _table(cell: dict[str, object]) -> str:
    from reports.pages import _environment  # noqa: PLC0415  (only here is a template made of text)

    template = _environment().from_string('{% from "parts.html.j2" import show %}{{ show(table) }}')
    line = {"head": "h", "kind": "row", "cells": [cell]}
    table = {
        "identifier": "t", "caption": "c", "head": ["", "x"], "lines": [line], "notes": [], "whole": True,
        "withheld": False,
    }  # fmt: skip
    return template.render(table=table | {"text_columns": ()})


def test_the_font_has_what_formats_and_templates_print(tmp_path: Path) -> None:
    assert rendered(
        tmp_path, page("<p>\u2212 \u00d7 \u2013 \u00a0 \u2002 \u00b7 \u2265 \u2264 <b>\u2212</b></p>")
    ).is_file()
