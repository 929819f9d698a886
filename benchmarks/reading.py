"""Rows a second and peak memory of reading tables: CSV with and without quotes, Parquet and Excel.

python benchmarks/reading.py [--rows 1000000]

Every reader works in a process of its own on the same rows; the reading alone is timed. The csv module is what the fast
way is compared with: it reads every file that holds a quote.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from registry.contract import contract
from registry.intake.by_csv_module import read_rows
from registry.intake.delimited import read_delimited
from registry.intake.parquet import read_parquet

EXCEL_ROWS = 100_000
"""Excel is read at a tenth of the size: nobody sends a million rows in it."""
LAB = contract()["lab"]


def rows(count: int) -> pa.Table:
    """Return laboratory rows as a centre sends them."""
    random = np.random.default_rng(1)
    days = np.datetime64("2010-01-01") + random.integers(0, 5000, count)
    columns = {
        "patient_id": [f"P{n:06}" for n in random.integers(1, max(count // 20, 2), count)],
        "analyte": random.choice(["CK", "LDH", "AST", "ALT", "aldolase", "IgG"], count),
        "date": days.astype(str),
        "value": np.round(random.lognormal(6, 1, count), 1).astype(str),
        "unit": ["U/L"] * count,
        "lln": ["30"] * count,
        "uln": ["170"] * count,
        "method": ["IFCC"] * count,
    }
    return pa.table({name: pa.array(list(values), pa.string()) for name, values in columns.items()})


def write(folder: Path, count: int) -> None:
    """Write the files of the benchmark."""
    table = rows(count)
    # The header has no quotes either: pyarrow quotes it whatever is asked for.
    with (folder / "plain.csv").open("wb") as file:
        file.write((",".join(LAB.names) + "\n").encode())
        pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(include_header=False, quoting_style="none"))
    pyarrow.csv.write_csv(table, folder / "quoted.csv", pyarrow.csv.WriteOptions(quoting_style="all_valid"))
    pq.write_table(table, folder / "lab.parquet")
    from openpyxl import Workbook  # noqa: PLC0415  (only here)

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("lab")
    sheet.append(list(LAB.names))
    for row in table.slice(0, EXCEL_ROWS).to_pylist():
        sheet.append([float(value) if name == "value" else value for name, value in row.items()])
    workbook.save(folder / "lab.xlsx")


def read(way: str, folder: Path) -> tuple[int, float, float]:
    """Read one file in one way; return rows, seconds and the peak of this process in MB."""
    name = {"fast": "plain.csv", "csv module": "plain.csv", "quoted": "quoted.csv", "parquet": "lab.parquet"}
    data = (folder / name.get(way, "lab.xlsx")).read_bytes()
    start = time.perf_counter()
    if way == "csv module":
        found = read_rows(data, ",", "lab.csv").rows
    elif way == "parquet":
        found = read_parquet(data, LAB).rows
    elif way == "excel":
        from registry.intake.excel import open_workbook, read_sheet  # noqa: PLC0415  (its memory is not the others')

        workbook, _ = open_workbook("lab.xlsx", data)
        found = read_sheet(workbook, "lab", LAB).rows if workbook else None
    else:
        found = read_delimited(data, LAB).rows
    seconds = time.perf_counter() - start
    if found is None:
        sys.exit(f"{way}: the file could not be read")
    return found.num_rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(way: str, folder: str, count: int) -> list[str]:
    """Do one part of the benchmark in a process of its own and return the words that it prints."""
    command = [sys.executable, __file__, "--way", way, "--folder", folder, "--rows", str(count)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603


def main() -> None:
    """Print a line for each way of reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way == "write":
        write(options.folder, options.rows)
        return
    if options.way:
        print(*read(options.way, options.folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        # A process inherits the peak of the one that starts it: this one must stay small.
        run("write", folder, options.rows)
        size = (Path(folder) / "plain.csv").stat().st_size / 1e6
        print(f"{options.rows:,} laboratory rows, {size:.0f} MB of CSV (Excel: {min(options.rows, EXCEL_ROWS):,} rows)")
        print(f"{'way':<12}{'rows':>12}{'seconds':>10}{'rows/s':>12}{'peak MB':>10}{'x csv module':>14}")
        speeds = {}
        for way in ("csv module", "fast", "quoted", "parquet", "excel"):
            output = run(way, folder, options.rows)
            count, seconds, peak = int(output[0]), float(output[1]), float(output[2])
            speeds[way] = count / seconds
            ratio = speeds[way] / speeds["csv module"]
            print(f"{way:<12}{count:>12,}{seconds:>10.2f}{speeds[way]:>12,.0f}{peak:>10.0f}{ratio:>14.1f}")


if __name__ == "__main__":
    main()
