"""What a centre sends and what a study needs, as files with the same bytes for the same content."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from registry.contract import TABLES, VERSION, contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from registry.simulation.centre import Centre

SENDER = "simulator"
VAS = ("phga", "ptga", "exga")


def write_submission(folder: Path, centre: Centre, day: date, tables: Mapping[str, pa.Table]) -> Path:
    """Write manifest.toml and the eight CSV files of a centre; returns the folder <centre>-<date>."""
    target = folder / f"{centre.code}-{day.isoformat()}"
    target.mkdir(parents=True, exist_ok=True)
    lines = [
        f'centre = "{centre.code}"',
        f"date = {day.isoformat()}",
        f'contract = "{VERSION}"',
        f'sender = "{SENDER}"',
    ]
    sent = dict(tables)
    if centre.vas_in_mm:
        lines += ["", "[units]", *(f'"visit.{name}" = "mm"' for name in VAS)]
        sent["visit"] = _in_millimetres(sent["visit"])
    (target / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    for name in TABLES:
        write_csv(target / contract()[name].file, sent[name])
    return target


def _in_millimetres(visit: pa.Table) -> pa.Table:
    for name in VAS:
        # Values in cm have one decimal, so that mm are whole.
        values = pc.round(pc.multiply(visit[name], 10.0))
        visit = visit.set_column(visit.column_names.index(name), name, values)
    return visit


def write_csv(path: Path, table: pa.Table) -> None:
    """Write a table as UTF-8 CSV with a header; empty is missing. Raises ArrowInvalid if a text would need quotes."""
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none", batch_size=16384)
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pyarrow.csv.write_csv(table, file, options)


def study_toml(centres: Iterable[Centre], data_date: date) -> str:
    """Return a complete study: the centres and a quarterly committee report, first due after the data date."""
    quarter = (data_date.month - 1) // 3 + 1
    due = date(data_date.year + quarter // 4, quarter % 4 * 3 + 1, 15)
    blocks = [
        "# A simulated study: no person in it exists. The truth behind the numbers stands in truth.json.",
        'name = "simulated"',
        'title = "IVIG first or rituximab first in refractory myositis (simulated)"',
        "",
    ]
    for centre in centres:
        blocks += [
            "[[centre]]",
            f'code = "{centre.code}"',
            f'name = "{centre.name}"',
            f'country = "{centre.country}"',
            "",
        ]
    blocks += [
        "[analysis]",
        'reference = "ivig"',
        "horizon_months = 24",
        "trajectory_months = [1, 3, 6, 12, 24]",
        "",
        "[[report]]",
        'name = "committee"',
        'kind = "committee"',
        'title = "Report to the steering committee (simulated data)"',
        'every = "quarter"',
        "day = 15",
        f"first_due = {due.isoformat()}",
        'data_cut = "end of the previous quarter"',
        "",
        "[[report.delivery]]",
        'kind = "folder"',
        'folder = "outbox"',
    ]
    return "\n".join(blocks) + "\n"
