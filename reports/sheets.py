"""Cells and sheets of a workbook that is printed as well as it is read, and that holds no formula."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side

from reports.sent_text import LONGEST, cell_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_DARK, _GREY = "FF102A43", "FF52606D"
_TOP, _WRAPPED = Alignment(vertical="top"), Alignment(vertical="top", wrap_text=True)
_MADE = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_FIXED = "2000-01-01T00:00:00Z"
"""A workbook says nothing of when it was made: the same content gives the same bytes."""
STYLES = ("title", "lead", "heading", "label", "words", "count", "head", "sent", "rejected", "question")


def new_workbook(*, title: str) -> Workbook:
    """Return an empty workbook with the styles of STYLES."""
    book = Workbook(write_only=True)
    book.properties.title = cell_text(title)
    book.properties.creator = "myoregistry"
    for style in _styles():
        book.add_named_style(style)
    return book


def new_sheet(book: Workbook, name: str, *, widths: Sequence[float], frozen: str = "", repeated: str = "") -> Any:  # noqa: ANN401
    """Return a new sheet that prints on A4 across, as wide as the paper.

    Parameters
    ----------
    book
        The workbook.
    name
        Name of the sheet.
    widths
        Width of each column, in characters.
    frozen
        The first cell that scrolls.
    repeated
        Rows that every printed page repeats, such as "1:2".
    """
    sheet = book.create_sheet(name)
    for place, width in enumerate(widths):
        sheet.column_dimensions[column_letter(place)].width = width
    if frozen:
        sheet.freeze_panes = frozen
    if repeated:
        sheet.print_title_rows = repeated
    sheet.sheet_view.showGridLines = False
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.oddFooter.left.text = "&A"
    sheet.oddFooter.right.text = "page &P of &N"
    return sheet


def text_cell(sheet: Any, text: str, style: str, *, longest: int = LONGEST) -> Any:  # noqa: ANN401
    """Return a cell that holds text and stays text, whatever the text begins with."""
    cell = WriteOnlyCell(sheet, value=cell_text(text, longest=longest))
    # Without this, openpyxl makes a formula of =1+1 and an error of #N/A; with the quote prefix, spreadsheet programs
    # leave it text when somebody edits the cell.
    cell.data_type = "s"
    cell.style = style
    cell.quotePrefix = style in {"sent", "rejected", "question"}
    return cell


def lines_cell(sheet: Any, lines: Sequence[str], style: str) -> Any:  # noqa: ANN401
    """Return a cell of several paragraphs of our own words."""
    cell = text_cell(sheet, "", style)
    cell.value = "\n".join(cell_text(line, longest=3 * LONGEST) for line in lines)[:32_000]
    cell.data_type = "s"
    return cell


def number_cell(sheet: Any, value: int, style: str = "count") -> Any:  # noqa: ANN401
    """Return a cell that holds a whole number."""
    cell = WriteOnlyCell(sheet, value=value)
    cell.style = style
    return cell


def column_letter(place: int) -> str:
    """Return the letter of a column by its place from 0, up to 25."""
    return chr(ord("A") + place)


def workbook_bytes(book: Workbook) -> bytes:
    """Return the workbook as a file, the same for the same content."""
    made = io.BytesIO()
    book.save(made)
    out = io.BytesIO()
    with zipfile.ZipFile(made) as read, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name in read.namelist():
            content = read.read(name)
            if name == "docProps/core.xml":
                content = _MADE.sub(rb"\g<1>" + _FIXED.encode(), content)
            written.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _styles() -> tuple[NamedStyle, ...]:
    thin, thick = Side(style="hair", color="FFBCCCDC"), Side(style="medium", color="FF7F1D1D")
    dashed, below = Side(style="mediumDashed", color="FF854D0E"), Side(style="medium", color="FF334E68")
    grid = Border(left=thin, right=thin, top=thin, bottom=thin)
    plain = Font(name="Calibri", size=10)
    words = NamedStyle("words", font=plain, alignment=_WRAPPED, border=grid)
    return (
        NamedStyle("title", font=Font(name="Calibri", size=16, bold=True, color=_DARK)),
        NamedStyle("lead", font=Font(name="Calibri", size=11, color=_DARK)),
        NamedStyle("heading", font=Font(name="Calibri", size=12, bold=True, color=_DARK)),
        NamedStyle("label", font=Font(name="Calibri", size=10, color=_GREY), alignment=_TOP),
        words,
        NamedStyle("count", font=plain, alignment=_TOP, border=grid, number_format="#,##0"),
        NamedStyle(
            "head",
            font=Font(name="Calibri", size=10, bold=True, color=_DARK),
            fill=PatternFill("solid", fgColor="FFE4E8EC"),
            alignment=Alignment(vertical="bottom", wrap_text=True),
            border=Border(bottom=below),
        ),
        NamedStyle("sent", font=plain, alignment=_TOP, border=grid, number_format="@"),
        NamedStyle(
            "rejected",
            font=Font(name="Calibri", size=10, bold=True, color="FF7F1D1D"),
            fill=PatternFill("solid", fgColor="FFF8B4B4"),
            alignment=_TOP,
            border=Border(left=thick, right=thick, top=thick, bottom=thick),
            number_format="@",
        ),
        NamedStyle(
            "question",
            font=Font(name="Calibri", size=10, bold=True, italic=True, color="FF713F12"),
            fill=PatternFill("solid", fgColor="FFFDE68A"),
            alignment=_TOP,
            border=Border(left=dashed, right=dashed, top=dashed, bottom=dashed),
            number_format="@",
        ),
    )
