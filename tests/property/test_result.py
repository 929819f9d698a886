"""Every Result comes back from JSON as it went in, to the last bit, and its JSON is the same every time."""

from __future__ import annotations

import math
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from analyses.result import (
    Check,
    Curve,
    Estimate,
    Masked,
    NotEstimable,
    Provenance,
    Result,
    Row,
    Statistic,
    Summary,
    Total,
    Value,
)

TEXT = st.text(max_size=12)
NUMBER = st.floats(allow_nan=False)
COUNT = st.integers(min_value=0, max_value=10**6)
MAYBE_COUNT = st.none() | COUNT

VALUES: st.SearchStrategy[Value] = st.one_of(
    st.builds(Summary, value=NUMBER, unit=TEXT),
    st.builds(
        Estimate, value=NUMBER, low=NUMBER, high=NUMBER, level=st.floats(0.5, 0.999), p=st.none() | st.floats(0, 1),
        df=st.none() | st.floats(1, 1e6), n=MAYBE_COUNT, events=MAYBE_COUNT, unit=TEXT,
    ),
    st.builds(NotEstimable, reason=TEXT),
    st.builds(Masked, reason=TEXT),
)  # fmt: skip
ROWS = st.builds(
    Row, topic=TEXT, level=TEXT, group=TEXT, statistic=st.sampled_from(get_args(Statistic)),
    month=st.none() | st.floats(0, 240), value=VALUES,
)  # fmt: skip


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    n = draw(st.integers(1, 5))
    columns = {k: draw(st.tuples(*[NUMBER] * n)) for k in ("month", "value", "low", "high", "at_risk_month")}
    counts = {k: draw(st.tuples(*[MAYBE_COUNT] * n)) for k in ("at_risk", "events")}
    kind = draw(st.sampled_from(["step", "line"]))
    return Curve.model_validate(
        {"name": draw(TEXT), "group": draw(TEXT), "kind": kind, "unit": "", **columns, **counts}
    )


@st.composite
def results(draw: st.DrawFn) -> Result:
    rows = draw(st.lists(ROWS, min_size=1, max_size=6, unique_by=lambda row: row.id))
    some = st.lists(st.sampled_from([row.id for row in rows]), max_size=2).map(tuple)
    rows = [row.model_copy(update={"rests_on": draw(some)}) for row in rows]
    total = st.builds(Total, total=st.sampled_from([row.id for row in rows]), parts=some)
    check = st.builds(Check, name=TEXT, outcome=st.sampled_from(["passed", "failed", "not applicable"]), detail=TEXT)
    origin = st.builds(
        Provenance, snapshot=TEXT, data_cut=TEXT, cohort=TEXT, software=st.dictionaries(TEXT, TEXT, max_size=3)
    )
    return Result(
        name=draw(TEXT), title=draw(TEXT), question=draw(TEXT), rows=tuple(rows),
        totals=tuple(draw(st.lists(total, max_size=2))), curves=tuple(draw(st.lists(curves(), max_size=2))),
        checks=tuple(draw(st.lists(check, max_size=2))), notes=tuple(draw(st.lists(TEXT, max_size=2))),
        provenance=draw(origin),
    )  # fmt: skip


@given(results())
def test_json_is_lossless(result: Result) -> None:
    text = result.to_json()
    back = Result.from_json(text)
    assert back == result
    assert back.to_json() == text
    assert text.endswith("}\n")


@given(NUMBER)
def test_every_bit_of_a_number_survives(number: float) -> None:
    back = Summary.model_validate_json(Summary(value=number).model_dump_json()).value
    assert (back, math.copysign(1, back)) == (number, math.copysign(1, number))
