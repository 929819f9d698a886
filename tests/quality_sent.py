"""What three small centres sent, as text tables: nice is new, oslo is far off, and rome sent nothing."""

from __future__ import annotations

from datetime import date

import pandas as pd

from registry.quality import Sent
from registry.rules import load_rules

COMPLETENESS = """
    centre | field                        | applies | filled
    nice   | Physician global activity    | 50      | 50
    nice   | HAQ                          | 50      | 20
    nice   | ULN of a muscle enzyme       | 80      | 78
    nice   | Intent of IVIG               | 12      | 10
    nice   | IgG before rituximab         | 3       | 3
    nice   | Seen lately                  | 20      | 20
    nice   | Antibody tested              | 20      | 12
    oslo   | Physician global activity    | 30      | 27
    oslo   | HAQ                          | 30      | 30
    oslo   | ULN of a muscle enzyme       | 40      | 40
    oslo   | IgG before rituximab         | 9       | 0
    oslo   | Seen lately                  | 28      | 21
    oslo   | Antibody tested              | 30      | 30
    """
RULE_RESULT = """
    centre | submission_id | rule       | table_name | kind         | severity | tested | failed
    nice   | n1            | lab.a      | lab        | plausibility | query    | 100    | 7
    nice   | n1            | lab.b      | lab        | plausibility | query    | 100    | 0
    nice   | n1            | visit.c    | visit      | completeness | query    | 50     | 25
    nice   | n1            | visit.d    | visit      | conformance  | reject   | 0      | 0
    nice   | n1            | files.e    |            | conformance  | reject   | 8      | 1
    oslo   | o2            | lab.a      | lab        | plausibility | query    | 60     | 0
    oslo   | o2            | lab.b      | lab        | plausibility | query    | 60     | 30
    oslo   | o2            | visit.c    | visit      | completeness | query    | 30     | 0
    oslo   | o2            | visit.d    | visit      | conformance  | reject   | 10     | 2
    oslo   | o2            | lab.p.waits | lab       | conformance  | reject   | 60     | 50
    """
TIMELINESS = """
    centre | submission_date | days_old | days_from_visit | submissions | days_between | overdue
    nice   | 2026-06-30      | 0        | 10              | 1           |              | false
    oslo   | 2026-01-31      | 150      | 30              | 3           | 91           | true
    """
ULN_PERIOD = """
    centre | analyte | sex    | method | period | uln | first_month | last_month | outside | unit
    nice   | CK      | female |        | 1      | 150 | 2020-01     | 2021-05    | false   | U/L
    nice   | CK      | female |        | 2      | 170 | 2021-06     | 2026-01    | false   | U/L
    nice   | LDH     | male   | IFCC   | 1      | 250 | 2020-02     | 2025-01    | false   | U/L
    nice   | LDH     | male   | DGKC   | 1      | 480 | 2020-02     | 2024-01    | false   | U/L
    oslo   | CK      | female |        | 1      | 3   | 2019-01     | 2026-01    | true    | U/L
    """
ULN_MULTIPLE = """
    centre | analyte | sex    | results | without_uln | persons | median_log2
    nice   | CK      | female | 60      | 6           | 8       | 1
    nice   | LDH     | male   | 40      | 0           | 4       | 0.5
    oslo   | CK      | female | 50      | 0           | 9       | 6.9
    oslo   | LDH     | male   | 30      | 30          | 0       |
    """
SUBMISSION_CHANGE = """
    centre | submission_id | replaces | table_name | change    | rows
    nice   | n1            |          | lab        | added     | 120
    oslo   | o2            | o1       | lab        | added     | 10
    oslo   | o2            | o1       | lab        | removed   | 6
    oslo   | o2            | o1       | lab        | changed   | 5
    oslo   | o2            | o1       | lab        | unchanged | 64
    oslo   | o2            | o1       | visit      | unchanged | 25
    """
SUBMISSION = """
    centre | date       | accepted | quarantined
    nice   | 2026-06-30 | 120      | 0
    oslo   | 2026-01-31 | 104      | 2
    """
TABLES = {
    "completeness": COMPLETENESS,
    "rule_result": RULE_RESULT,
    "timeliness": TIMELINESS,
    "uln_period": ULN_PERIOD,
    "uln_multiple": ULN_MULTIPLE,
    "submission_change": SUBMISSION_CHANGE,
    "submission": SUBMISSION,
}
_TEXT = {"method", "centre", "field", "rule"}


def frame(text: str) -> pd.DataFrame:
    """Return a text table as a frame: numbers where all cells of a column are, empty cells as missing."""
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    found = pd.DataFrame([[cell or None for cell in line] for line in lines], columns=header)
    for name in found.columns:
        if name in _TEXT:
            found[name] = found[name].fillna("")
        elif name.endswith("date"):
            found[name] = pd.to_datetime(found[name])
        elif set(found[name].dropna()) <= {"true", "false"}:
            found[name] = found[name] == "true"
        elif name in {"applies", "filled", "tested", "failed", "rows", "accepted", "results", "without_uln", "persons"}:
            found[name] = found[name].astype(int)
        elif name in {"days_old", "days_from_visit", "days_between", "uln", "median_log2"}:
            found[name] = found[name].astype(float)
        elif name in {"submissions", "period", "quarantined"}:
            found[name] = found[name].astype(int)
    return found


def small_sent(*, snapshot: str = "0" * 16, **changed: str) -> Sent:
    """Return what the three centres sent; changed: text tables in place of those above."""
    return Sent(
        snapshot_id=snapshot,
        data_cut=date(2026, 6, 30),
        centres=("nice", "oslo", "rome"),
        registered={"nice": 20, "oslo": 30},
        tables={name: frame(text) for name, text in (TABLES | changed).items()},
        rules=load_rules(),
        software={},
    )
