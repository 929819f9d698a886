"""Figures are reproducible SVG text: aligned, told apart without colour, and honest about what is masked."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from analyses.result import Curve, Result
from reports.comparison import Comparison
from reports.forest import ForestRow, forest, half_years
from reports.mean_figures import mean_curves
from reports.pictures import forest_picture, risk_picture
from reports.step_figures import step_curves

LABELS = {"ivig": "IVIG first", "rituximab": "Rituximab first"}
TEXT = "{http://www.w3.org/2000/svg}text"


def curve(group: str, *, kind: str = "step", end: float = 26.0, at_risk: tuple[int | None, ...] = ()) -> Curve:
    months = tuple(float(m) for m in range(0, int(end) + 1, 2))
    return Curve.model_validate(
        {
            "name": "c",
            "group": group,
            "kind": kind,
            "unit": "probability",
            "month": months,
            "value": tuple(0.02 * m for m in months),
            "low": tuple(0.01 * m for m in months),
            "high": tuple(0.03 * m for m in months),
            "at_risk_month": (0.0, 6.0, 12.0, 18.0, 24.0),
            "at_risk": at_risk or (101, 82, 63, 44, 25),
            "events": (),
        }
    )


def drawn(name: str = "response", **settings: object) -> bytes:
    curves = [curve("ivig", at_risk=(101, 82, 63, 44, None)), curve("rituximab", at_risk=(202, 183, 164, 145, 126))]
    return step_curves(curves, name=name, labels=LABELS, y_label="Cumulative incidence", until=24, **settings)  # type: ignore[arg-type]


def words(svg: bytes) -> dict[str, list[tuple[float, float]]]:
    """Return where each text stands."""
    places: dict[str, list[tuple[float, float]]] = {}
    for node in ET.fromstring(svg).iter(TEXT):  # noqa: S314  (our own figure)
        place = (float(node.attrib.get("x", "nan")), float(node.attrib.get("y", "nan")))
        places.setdefault(node.text or "", []).append(place)
    return places


def test_a_figure_has_the_same_bytes_every_time_and_no_date() -> None:
    assert drawn() == drawn()
    assert b"<dc:date>" not in drawn()


def test_identifiers_of_two_figures_differ() -> None:
    identifiers = [set(re.findall(rb'<clipPath id="(\w+)"', drawn(name))) for name in ("response", "failure")]
    assert identifiers[0]
    assert identifiers[0].isdisjoint(identifiers[1])


def test_numbers_at_risk_stand_under_the_months_that_they_belong_to() -> None:
    places = words(drawn())
    for month, first, second in (("0", "101", "202"), ("12", "63", "164"), ("18", "44", "145")):
        (tick,) = places[month]
        for number in (first, second):
            ((x, y),) = places[number]
            assert x == pytest.approx(tick[0], abs=0.01)
            assert y > tick[1]
    assert places["101"][0][1] < places["202"][0][1]


def test_a_masked_number_at_risk_is_named_and_never_guessed() -> None:
    assert "masked" in words(drawn())
    assert "25" not in words(drawn())


def test_text_stays_text_in_the_font_of_the_report() -> None:
    svg = drawn().decode()
    assert "Cumulative incidence" in svg
    assert set(re.findall(r"font-family: '([^']+)'", svg)) == {"Open Sans"}


def test_arms_are_told_apart_without_colour() -> None:
    lines = re.findall(rb"stroke-dasharray: ([^;\"]+)[^\"]*stroke: (#\w+)|stroke: (#\w+)[^\"]*", drawn())
    dashed = {second for dash, second, _ in lines if dash}
    assert b"#b94e00" in dashed
    assert b"#0072b2" not in dashed


def test_a_curve_that_masking_cut_is_not_drawn_on() -> None:
    places = words(step_curves([curve("ivig", end=12), curve("rituximab", end=12)], name="c", labels=LABELS,
                               y_label="y", until=24))  # fmt: skip
    (label,), (twelve,), (last,) = places["IVIG first"][:1], places["12"], places["24"]
    assert twelve[0] < label[0] < last[0]


def test_names_at_the_ends_of_close_curves_do_not_cover_each_other() -> None:
    places = words(drawn())
    ends = [max(places[name]) for name in LABELS.values()]
    assert abs(ends[0][1] - ends[1][1]) >= 8


def test_logs_of_multiples_are_labelled_in_multiples() -> None:
    svg = mean_curves([curve("ivig", kind="line"), curve("rituximab", kind="line")], name="ldh", labels=LABELS,
                      y_label="LDH", log2_multiples=True, reference=(0.0, "upper limit of normal"))  # fmt: skip
    places = words(svg)
    assert {"1", "1.5"} <= set(places)
    assert "upper limit of normal" in places


def test_an_interval_that_leaves_the_axis_of_a_forest_ends_in_an_arrow_head() -> None:
    wide = ForestRow(name="Lyon", persons="9 / 9", values=(1.0, 0.01, 2.0), text="1.00 (0.01 to 2.00)")
    whole = ForestRow(name="Lyon", persons="9 / 9", values=(1.0, 0.5, 2.0), text="1.00 (0.50 to 2.00)")
    headings = {"name": "f", "persons": "Persons", "ratio": "Ratio", "below": "slower", "above": "faster"}
    marks = [forest([row], **headings).count(b"<use") for row in (whole, wide)]
    assert marks[1] == marks[0] + 1


def test_a_masked_half_year_has_its_mark_and_no_bar() -> None:
    places = words(half_years(("2024 H1", "2024 H2"), (7, None), name="a", texts=("7 persons", "<5")))
    ((_, zero),), ((_, bar),), ((_, masked),) = places["0"], places["7 persons"], places["<5"]
    assert zero - masked < 8 < zero - bar


def test_what_a_figure_shows_is_put_into_words(committee_results: tuple[Result, ...]) -> None:
    results = {result.name: result for result in committee_results}
    comparison = Comparison(
        reference="ivig", comparator="rituximab", maximum=4, horizon=24, months=(12,), covariates=()
    )
    picture = risk_picture(results["response"], comparison, what="response")
    assert "IVIG first: 12.0\u00a0% (4.0 to 20.0) by 6 months" in picture.alt
    centres = forest_picture(results["centres"], comparison, names={"lyon": "Lyon"})
    assert "Lyon: 0.80 (0.45 to 1.15)" in centres.alt
    assert "Centres without an estimate to show (1)" in centres.caption


def test_a_figure_whose_curves_are_withheld_is_not_drawn(committee_results: tuple[Result, ...]) -> None:
    response = next(result for result in committee_results if result.name == "response")
    comparison = Comparison(
        reference="ivig", comparator="rituximab", maximum=4, horizon=24, months=(12,), covariates=()
    )
    assert risk_picture(response.model_copy(update={"curves": ()}), comparison, what="response").svg == b""
