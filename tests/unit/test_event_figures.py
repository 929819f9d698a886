"""Figures of time to event: no word over another, numbers under their months, readable in grey, put into words."""

from __future__ import annotations

import re
from functools import cache
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from analyses.result import Curve, Estimate, Masked, NotEstimable, Provenance, Result, Row, Summary
from reports.comparison import Comparison
from reports.drawing import ARM_STYLE, CAUSE_STYLE
from reports.event_pictures import (
    causes_picture,
    hazard_ratio_picture,
    number_picture,
    states_picture,
    survival_picture,
)
from reports.hazard_figures import hazard_over_time
from reports.lettering import spread, text_width, wrapped
from reports.pictures import Picture
from reports.render import glyphs
from reports.state_colours import MOST_STATES, contrast, state_looks
from reports.state_figures import PREFIX, stacked_states
from reports.step_figures import axis_end, step_curves

LABELS = {"ivig": "IVIG first", "rituximab": "Rituximab first", "all": "All"}
LONG = {
    "ivig": "Intravenous immunoglobulin first, then as the physician decides",
    "rituximab": "Rituximab first, then so",
}
STATES = {"a": "On IVIG, no response yet", "b": "On rituximab, no response yet", "c": "Minimal response",
          "d": "Moderate or major response", "e": "Relapse after a response on both agents", "f": "Dead"}  # fmt: skip
CAUSES = {"response": "Response", "switch": "Switch without response", "death": "Death without either"}
SVG = "{http://www.w3.org/2000/svg}"


def steps(group: str = "ivig", *, name: str = "c", rate: float = 0.03, until: int = 24, survival: bool = False,
          masked: bool = False, end: float | None = None) -> Curve:  # fmt: skip
    end = until + 2 if end is None else end
    month = tuple(float(m) for m in np.arange(0, end + 0.1, 0.5))
    risk = [1 - float(np.exp(-rate * m)) for m in month]
    low, high = [0.7 * r for r in risk], [min(1.0, 1.3 * r) for r in risk]
    columns = (risk, low, high) if not survival else ([1 - r for r in c] for c in (risk, high, low))
    value, low, high = columns
    grid = tuple(float(m) for m in range(0, until + 1, 3))
    return Curve(
        name=name, group=group, kind="step", unit="probability", month=month, value=tuple(value), low=tuple(low),
        high=tuple(high), at_risk_month=grid,
        at_risk=tuple(None if masked else 1100 - 7 * i - 500 * (group == "ivig") for i in range(len(grid))),
    )  # fmt: skip


def bare(curve: Curve) -> Curve:
    return curve.model_copy(update={"low": curve.value, "high": curve.value})


def occupation(group: str = "ivig", *, until: int = 24, kind: str = "line", masked: bool = False) -> list[Curve]:
    month = [float(m) for m in range(until + 1)]
    first = [0.3 + 0.7 * float(np.exp(-m / 6)) for m in month]
    shares = {"a": first, "b": [0.3 * (1 - f) for f in first], "c": [0.4 * (1 - f) for f in first],
              "d": [0.295 * (1 - f) for f in first], "e": [0.004 * (1 - f) for f in first]}  # fmt: skip
    shares["f"] = [1 - sum(own[i] for own in shares.values()) for i in range(len(month))]
    return [
        Curve.model_validate({
            "name": PREFIX + state, "group": group, "kind": kind, "unit": "probability", "month": month,
            "value": own, "low": own, "high": own, "at_risk_month": month[::3],
            "at_risk": [None if masked else 90 - i for i in range(len(month[::3]))],
        })
        for state, own in shares.items()
    ]  # fmt: skip


def ratios(*, half: float = 0.4, until: int = 24, slope: float = 0.05) -> Curve:
    month = np.linspace(0.5, until, 30)
    value = 0.5 * np.exp(slope * month)
    return Curve(
        name="Hazard ratio over time", group="all", kind="line", unit="hazard ratio", month=tuple(month.tolist()),
        value=tuple(value.tolist()), low=tuple((value * np.exp(-half)).tolist()),
        high=tuple((value * np.exp(half)).tolist()),
    )  # fmt: skip


COX = Estimate(value=0.84, low=0.6, high=1.18)
WORDS = {
    "below": "slower with rituximab",
    "above": "faster with rituximab",
    "constant_label": "Constant: 0.84 (0.60 to 1.18)",
}


def step_figure(curves: list[Curve], *, until: float = 24, labels: dict[str, str] = LABELS, **more: Any) -> bytes:
    return step_curves(curves, name="steps", labels=labels, y_label="Cumulative incidence", until=until, **more)


def state_figure(*groups: list[Curve], until: float = 24, labels: dict[str, str] = LABELS) -> bytes:
    by_group = {curves[0].group: curves for curves in groups}
    return stacked_states(by_group, name="states", labels=labels, states=STATES, until=until)


def every_figure() -> dict[str, bytes]:
    same = steps(until=60, masked=True)
    causes = {f"Cumulative incidence of {c}": label for c, label in CAUSES.items()}
    rates = (0.04, 0.0021, 0.002)
    weights = {"ivig": [321.4] * 9, "rituximab": [None] * 9}
    return {
        "two": step_figure([steps(), steps("rituximab", rate=0.05)], weighted=weights),
        "survival": step_figure([steps(survival=True), steps("rituximab", survival=True, rate=0.0001)]),
        "coincide": step_figure([same, same.model_copy(update={"group": "rituximab"})], until=60, labels=LONG),
        "cut": step_figure([steps(end=12), steps("rituximab", rate=0.031, masked=True)]),
        "cut late": step_figure([bare(steps(end=23, rate=0.0339)), bare(steps("rituximab", rate=0.03))]),
        "both cut": step_figure([steps(end=12), steps("rituximab", end=13)]),
        "causes": step_figure(
            [steps(name=c, rate=r) for c, r in zip(causes, rates, strict=True)], labels={**LABELS, **causes}
        ),
        "states": state_figure(occupation(), occupation("rituximab")),
        "states, long": state_figure(
            occupation(until=60, masked=True), occupation("rituximab", until=60, masked=True), until=60, labels=LONG
        ),
        "states, one": state_figure(occupation(kind="step")),
        "states, cut": state_figure(occupation(), occupation("rituximab", until=12)),
        "ratio": hazard_over_time(ratios(), COX, name="r", until=24, **WORDS),
        "ratio, near 1": hazard_over_time(
            ratios(), Estimate(value=1, low=0.5, high=2), name="r", until=24, below="slower " * 12,
            above="faster " * 12,
            constant_label="Constant, from a model with many words: 1.00 (0.50 to 2.00)",
        ),
        "ratio, high": hazard_over_time(
            ratios(), Estimate(value=2, low=1, high=4), name="r", until=24, below="slower", above="faster",
            constant_label="Constant: 2.00 (1.00 to 4.00)",
        ),
        "ratio, wild": hazard_over_time(ratios(half=4.0), None, name="r", until=24, **WORDS),
    }  # fmt: skip


NAMES = (
    "two", "survival", "coincide", "cut", "cut late", "both cut", "causes", "states", "states, long", "states, one",
    "states, cut", "ratio", "ratio, near 1", "ratio, high", "ratio, wild",
)  # fmt: skip


@cache
def figures() -> dict[str, bytes]:
    return every_figure()


def texts(svg: bytes) -> list[tuple[str, float, float, float, float]]:
    """Return each line of text with its box: left, right, top, bottom (points from the upper left)."""
    found = []
    for node in ET.fromstring(svg).iter(f"{SVG}text"):  # noqa: S314  (our own figure)
        style, text = node.attrib["style"], node.text or ""
        size = float(re.search(r"font-size: ([\d.]+)px", style)[1])  # type: ignore[index]
        wide = text_width(text, size=size, bold="font-weight: 700" in style)
        moved = re.search(r"translate\(([\d.-]+) ([\d.-]+)\)", node.attrib.get("transform", ""))
        x, y = (float(moved[1]), float(moved[2])) if moved else (float(node.attrib["x"]), float(node.attrib["y"]))
        back = {"middle": 0.5, "end": 1.0}.get((re.findall(r"text-anchor: (\w+)", style) or [""])[0], 0.0) * wide
        if "rotate(-90" in node.attrib.get("transform", ""):
            found.append((text, x - 0.72 * size, x + 0.2 * size, y - wide + back, y + back))
        else:
            found.append((text, x - back, x - back + wide, y - 0.72 * size, y + 0.2 * size))
    return found


def place(svg: bytes, text: str) -> tuple[float, float]:
    """Return the middle and the top of the only text of these words."""
    ((_, left, right, top, _),) = [found for found in texts(svg) if found[0] == text]
    return (left + right) / 2, top


@pytest.mark.parametrize("name", NAMES)
def test_no_word_covers_another_or_is_cut_off(name: str) -> None:
    root = ET.fromstring(figures()[name])  # noqa: S314  (our own figure)
    _, _, width, height = (float(x) for x in root.attrib["viewBox"].split())
    assert width == pytest.approx(170 / 25.4 * 72, abs=0.01)
    boxes = texts(figures()[name])
    for text, left, right, top, bottom in boxes:
        assert left >= -0.5, text
        assert right <= width + 0.5, text
        assert top >= -0.5, text
        assert bottom <= height + 0.5, text
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[1] or other[2] <= one[1] or one[4] <= other[3] or other[4] <= one[3]
        assert apart, (one, other)


@pytest.mark.parametrize("name", NAMES)
def test_text_stays_text_in_the_bundled_font(name: str) -> None:
    svg = figures()[name].decode()
    assert set(re.findall(r"font-family: '([^']+)'", svg)) == {"Open Sans"}
    assert {c for text, *_ in texts(figures()[name]) for c in text if ord(c) not in glyphs()} == set()


def test_the_same_bytes_twice_and_no_date() -> None:
    assert every_figure() == figures()
    assert tuple(figures()) == NAMES
    assert not any(b"<dc:date>" in svg for svg in figures().values())


def test_numbers_below_stand_under_their_months_plain_and_weighted() -> None:
    svg = figures()["two"]
    rows: dict[float, list[float]] = {}
    for _, left, right, top, _ in texts(svg):
        rows.setdefault(round(top, 1), []).append((left + right) / 2)
    ticks = rows[round(place(svg, "12")[1], 1)]
    assert len(ticks) == 9
    below = [sorted(middles)[-9:] for top, middles in rows.items() if top > place(svg, "At risk")[1] + 1]
    assert len(below) == 4
    for middles in below:
        assert middles == pytest.approx(sorted(ticks), abs=0.01)
    assert place(svg, "600")[0] == pytest.approx(place(svg, "0")[0], abs=0.01)
    assert [text for text, *_ in texts(svg)].count("321.4") == 9


def test_the_numbers_followed_stand_below_each_panel() -> None:
    svg = figures()["states"]
    for number, month in (("90", "0"), ("82", "24")):
        numbers = sorted((left + right) / 2 for text, left, right, *_ in texts(svg) if text == number)
        ticks = sorted((left + right) / 2 for text, left, right, *_ in texts(svg) if text == month)
        assert numbers == pytest.approx(ticks, abs=0.01)
        assert len(ticks) == 2


def test_months_thin_out_evenly_where_numbers_need_the_room_and_keep_the_last() -> None:
    shown = {text for text, *_ in texts(figures()["coincide"])} & {str(m) for m in range(61)}
    assert shown == {"0", "12", "24", "36", "48", "60"}
    assert [text for text, *_ in texts(figures()["coincide"])].count("masked") == 12


def test_a_band_has_edges_in_the_dashes_of_its_curve() -> None:
    svg = figures()["two"].decode()
    styles = re.findall(r'<path d="[^"]*" clip-path="[^"]*" style="([^"]*)"', svg)
    for arm, dashed in (("ivig", False), ("rituximab", True)):
        color = str(ARM_STYLE[arm]["color"]).lower()
        lines = [style for style in styles if f"stroke: {color}" in style]
        assert len(lines) == 3
        assert all(("stroke-dasharray" in style) == dashed for style in lines)
        assert re.search(rf"fill: {color}; fill-opacity: 0.11", svg)


def test_each_cause_has_dashes_and_a_colour_of_its_own_and_one_row_of_numbers_serves_all() -> None:
    svg = figures()["causes"].decode()
    assert all(str(style["color"]).lower() in svg for style in CAUSE_STYLE[:3])
    assert len({str(style["linestyle"]) for style in CAUSE_STYLE}) == len(CAUSE_STYLE)
    assert [text for text, *_ in texts(figures()["causes"])].count("600") == 1
    assert not {str(style["color"]) for style in ARM_STYLE.values()} & {s["color"] for s in CAUSE_STYLE[1:]}


def test_every_name_keeps_a_contrast_of_four_and_a_half_on_paper() -> None:
    assert min(contrast(str(s["color"]), "white") for s in (*ARM_STYLE.values(), *CAUSE_STYLE)) >= 4.5


def seen_by(color: str, kind: str) -> str:
    """Return a colour as it is seen without one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1)."""
    matrix = {
        "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
        "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
        "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    }[kind]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    red, green, blue = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in seen.tolist())
    return to_hex((red, green, blue))


@pytest.mark.parametrize("count", range(2, MOST_STATES + 1))
def test_states_next_to_each_other_differ_in_lightness_for_every_eye(count: int) -> None:
    looks = state_looks(count)
    for one, other in pairwise(looks):
        assert contrast(one.color, other.color) >= 1.4
        assert (one.hatch is None) != (other.hatch is None)
        for kind in ("protan", "deutan", "tritan"):
            assert contrast(seen_by(one.color, kind), seen_by(other.color, kind)) >= 1.3
    assert all(contrast(look.ink, look.color) >= 4.5 for look in looks)


def test_states_fill_their_panel_and_each_is_named_in_order() -> None:
    svg = figures()["states, one"]
    firsts = ["On IVIG", "On rituximab", "Minimal", "Moderate", "Relapse", "Dead"]
    tops = [top for first in firsts for text, _, _, top, _ in texts(svg) if text.startswith(first)]
    assert tops == sorted(tops, reverse=True)
    assert len(tops) == 6
    top, bottom = (place(svg, text)[1] for text in ("100 %", "0 %"))
    ys = [float(y) for y in re.findall(r'<path d="M [\d.]+ ([\d.]+) ', svg.decode())]
    assert bottom - top == pytest.approx(165, abs=0.1)
    assert min(ys) > 0


def test_lines_between_months_are_cut_where_the_axis_ends_and_steps_keep_their_value() -> None:
    whole = {kind: occupation(kind=kind) for kind in ("line", "step")}
    first = {kind: curves[0].value for kind, curves in whole.items()}
    for kind, wanted in (("line", (first["line"][12] + first["line"][13]) / 2), ("step", first["step"][12])):
        svg = state_figure(whole[kind], until=12.5)
        path = re.search(rb'<path d="([^"]+)" clip-path="[^"]*" style="fill: none; stroke: #ffffff', svg)
        assert path is not None
        ends = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", path[1].decode())]
        axis = 165 * (1 - wanted)
        assert ends[-1][1] - ends[0][1] == pytest.approx(axis, abs=0.01), kind


def test_a_state_without_width_is_still_named_and_led_to() -> None:
    words = [text for text, *_ in texts(figures()["states"])]
    assert "Dead" in words
    assert "Relapse after a response on" in words


def test_the_ratio_has_a_line_at_1_words_on_both_sides_and_a_dashed_constant() -> None:
    svg = figures()["ratio"]
    above, one, below = (place(svg, text)[1] for text in (WORDS["above"], "1", WORDS["below"]))
    assert above < one < below
    assert {"0.25", "0.5", "1", "2", "4"} <= {text for text, *_ in texts(svg)}
    assert re.search(rb"stroke-dasharray: [^;]+; stroke-dashoffset: 0; stroke: #1f2933; stroke-width: 0.9", svg)
    assert b"stroke-dasharray" not in figures()["ratio, wild"]
    assert {"0.05", "0.1", "10", "20"} <= {text for text, *_ in texts(figures()["ratio, wild"])}


def test_the_axis_of_incidences_ends_at_the_least_round_share_that_holds_the_bands() -> None:
    assert [axis_end([steps(rate=rate)], until=24) for rate in (0.001, 0.005, 0.015, 0.2)] == [0.1, 0.25, 0.5, 1.0]
    assert {"10 %", "2 %"} <= {text for text, *_ in texts(step_figure([steps(rate=0.001)], most=0.1))}


@pytest.mark.parametrize(
    ("curves", "more", "message"),
    [
        ([], {}, "one a group"),
        ([steps(), steps()], {}, "one a group"),
        ([steps(), steps("rituximab"), steps(name="d")], {}, "one a group"),
        ([steps(name=str(i)) for i in range(6)], {}, "6 causes"),
        ([steps()], {"most": 0.1}, "rises above 0.1"),
        ([steps()], {"weighted": {"ivig": [1.0]}}, "1 weighted numbers"),
        ([steps()], {"until": -1}, "no month up to -1"),
    ],
)
def test_steps_that_cannot_be_drawn_are_refused(curves: list[Curve], more: dict[str, Any], message: str) -> None:
    labels = {**LABELS, "c": "c", "d": "d", **{str(i): str(i) for i in range(6)}}
    with pytest.raises(ValueError, match=message):
        step_figure(curves, labels=labels, **more)


def test_states_that_do_not_make_a_stack_are_refused() -> None:
    curves = occupation()
    shifted = curves[2].model_copy(update={"month": tuple(m + 0.5 for m in curves[2].month)})
    less = curves[0].model_copy(update={"value": (0.9, *curves[0].value[1:])})
    negative = curves[0].model_copy(update={"value": (-0.1, *curves[0].value[1:])})
    more = curves[5].model_copy(update={"value": (1.1, *curves[5].value[1:])})
    cases: list[tuple[list[Curve], str]] = [
        ([*curves[:2], shifted, *curves[3:]], "do not share their months"),
        ([less, *curves[1:]], "not shares of 1 at month 0"),
        ([negative, *curves[1:5], more], "not shares of 1 at month 0"),
        (curves[:5], "expected one of each"),
        ([*curves, curves[0]], "expected one of each"),
        ([curve.model_copy(update={"month": (), "value": ()}) for curve in curves], "there are none"),
    ]
    for wrong, message in cases:
        with pytest.raises(ValueError, match=message):
            state_figure(wrong)
    with pytest.raises(ValueError, match="3 groups"):
        state_figure(curves, occupation("rituximab"), occupation("all"))
    with pytest.raises(ValueError, match="9 states"):
        state_looks(9)
    off = curves[0].model_copy(update={"value": (curves[0].value[0] - 9e-7, *curves[0].value[1:])})
    assert state_figure([off, *curves[1:]])
    off = off.model_copy(update={"value": (curves[0].value[0] - 2e-6, *curves[0].value[1:])})
    with pytest.raises(ValueError, match="not shares of 1"):
        state_figure([off, *curves[1:]])


def test_ratios_that_are_none_are_refused() -> None:
    good = ratios()
    for changes, message in (
        ({"unit": "log"}, "expected a line of 'hazard ratio'"),
        ({"kind": "step"}, "expected a line"),
        ({"value": (0.0, *good.value[1:])}, "cannot have"),
        ({"high": (0.0, *good.high[1:])}, "cannot have"),
        ({"month": tuple(m + 30 for m in good.month)}, "no month up to 24"),
    ):
        with pytest.raises(ValueError, match=message):
            hazard_over_time(good.model_copy(update=changes), None, name="r", until=24, **WORDS)
    assert hazard_over_time(
        good.model_copy(update={"high": (float("inf"),) * len(good.high)}), None, name="r", until=24, **WORDS
    )


def test_places_are_the_wanted_ones_unless_texts_would_touch() -> None:
    assert spread([10, 50], [8, 8], low=0, high=100) == (10, 50)
    assert spread([50, 50], [8, 8], low=0, high=100) == (46, 54)
    assert spread([50, 10], [8, 8], low=0, high=100) == (50, 10)
    assert spread([99, 99, 98], [10, 10, 10], low=0, high=100) == (85, 95, 75)
    assert spread([1], [10], low=0, high=100) == (5,)
    assert spread([], [], low=0, high=1) == ()


def test_a_text_is_broken_at_spaces_and_hyphens_and_within_a_word_only_if_it_must() -> None:
    assert wrapped("short", most=100, size=8) == "short"
    assert wrapped("IVIG first", most=25, size=8) == "IVIG\nfirst"
    assert wrapped("Jo-1 re-treated", most=30, size=8) == "Jo-1 re-\ntreated"
    broken = wrapped("Immunosuppressantcombination", most=60, size=8)
    assert broken.replace("\n", "") == "Immunosuppressantcombination"
    assert max(text_width(line, size=8) for line in broken.split("\n")) <= 60


COMPARISON = Comparison(reference="ivig", comparator="rituximab", maximum=4, horizon=24, months=(12,), covariates=())


def result(rows: list[Row], curves: list[Curve]) -> Result:
    return Result(
        name="r", title="t", question="q", rows=tuple(rows), curves=tuple(curves),
        provenance=Provenance(snapshot="s", data_cut="2026-06-30", cohort="c", software={}),
    )  # fmt: skip


def row(  # noqa: PLR0917  (an id in reading order)
    topic: str, level: str, group: str, statistic: str, month: float | None, value: Any
) -> Row:
    return Row.model_validate(
        {"topic": topic, "level": level, "group": group, "statistic": statistic, "month": month, "value": value}
    )


def share(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, unit="probability")


def test_survival_is_put_into_words_by_arm_and_month() -> None:
    rows = [
        row("Survival", "", "ivig", "survival", 24, share(0.6)),
        row("Survival", "", "ivig", "survival", 12, share(0.8)),
        row("Survival", "", "ivig", "survival", 36, share(0.5)),
        row("Survival", "", "rituximab", "survival", 12, Masked()),
        row("Survival", "", "rituximab", "survival", 24, NotEstimable(reason="nobody is followed so long.")),
        *(row("Weighted persons at risk", "", "ivig", "number", m, Summary(value=40.5)) for m in range(0, 25, 3)),
    ]
    name = "Survival without failure"
    curves = [steps("rituximab", name=name, survival=True, end=12), steps(name=name, survival=True)]
    picture = survival_picture(result(rows, curves), COMPARISON, name="s", what=name)
    assert (
        "IVIG first: 80.0\u00a0% (70.0 to 90.0) at 12 months, 60.0\u00a0% (50.0 to 70.0) at 24 months." in picture.alt
    )
    assert (
        "Rituximab first: withheld at 12 months, not estimable (nobody is followed so long) at 24 mont" in picture.alt
    )
    assert "36" not in picture.alt
    assert "end where few are at risk" in picture.caption
    assert [text for text, *_ in texts(picture.svg)].count("40.5") == 9


def test_causes_are_put_into_words_by_cause() -> None:
    curves = [steps(name=f"Cumulative incidence of {cause}", rate=0.004) for cause in CAUSES]
    rows = [row("Risk", cause, "ivig", "risk", 12, share(0.2)) for cause in CAUSES]
    picture = causes_picture(result(rows, curves), COMPARISON, name="c", arm="ivig", causes=CAUSES)
    assert picture.title == "Cumulative incidence by cause, IVIG first."
    assert "Switch without response: 20.0\u00a0% (10.0 to 30.0) by 12 months." in picture.alt
    assert "The axis ends at 25\u00a0%." in picture.caption


def test_states_are_put_into_words_with_the_mean_time_in_each() -> None:
    rows = [
        row(topic, state, arm, statistic, month, value)
        for arm in COMPARISON.arms
        for i, state in enumerate(STATES)
        for topic, statistic, month, value in (
            ("Probability of state", "risk", 12, share(0.1 + 0.01 * i)),
            ("Mean time in state", "restricted mean", 24, Estimate(value=4 + i, low=3 + i, high=5 + i, unit="months")),
        )
    ]
    both = result(rows, occupation() + occupation("rituximab"))
    picture = states_picture(both, COMPARISON, name="st", states=STATES)
    assert "IVIG first. On IVIG, no response yet: 10.0\u00a0% (0.0 to 20.0) at 12 months." in picture.alt
    assert "Mean months in each state within the first 24: on IVIG, no response yet 4.00 (3.00 to 5.00)," in picture.alt
    assert "dead 9.00 (8.00 to 10.00)." in picture.alt
    assert picture.alt.count("Dead: 15.0") == 2
    one = states_picture(result(rows, occupation() + occupation("rituximab")[1:]), COMPARISON, name="s", states=STATES)
    assert "Rituximab first is withheld" in one.caption
    assert "Edges are drawn in parts of at least five persons" in one.caption
    assert "ends where too few" not in one.caption
    names = ("month", "value", "low", "high", "at_risk_month", "at_risk")
    short = [c.model_copy(update={name: getattr(c, name)[:2] for name in names}) for c in occupation()]
    cut = states_picture(result(rows, short + occupation("rituximab")), COMPARISON, name="c", states=STATES)
    assert "An arm ends where too few of it are followed." in cut.caption
    assert "Rituximab first" not in {text for text, *_ in texts(one.svg)}


def test_mean_numbers_have_an_axis_of_numbers_and_are_put_into_words() -> None:
    name = "Mean number of infections"
    curves = [
        steps(arm, name=name, rate=0.2).model_copy(
            update={"unit": "events per person", "high": tuple(0.07 * m for m in steps(arm).month)}
        )
        for arm in COMPARISON.arms
    ]
    mean = Estimate(value=0.21, low=0.1, high=0.4, unit="events per person")
    rows = [row(name, "", "ivig", "mean", month, mean) for month in (12, 24, 36)]
    rows.append(row(name, "", "rituximab", "mean", 12, Masked()))
    picture = number_picture(result(rows, curves), COMPARISON, name="n", what="infections")
    assert (
        "IVIG first: 0.210 (0.100 to 0.400) by 12 months, 0.210 (0.100 to 0.400) by 24 months. Rituximab" in picture.alt
    )
    assert "Rituximab first: withheld by 12 months." in picture.alt
    assert {"0", "0.4", "0.8", "1.2", "1.6", "2", "Events per person"} <= {text for text, *_ in texts(picture.svg)}
    assert "%" not in {text[-1:] for text, *_ in texts(picture.svg)}
    assert "axis ends" not in picture.caption
    assert (
        axis_end([curve.model_copy(update={"high": (999.0,) * len(curve.month)}) for curve in curves], until=24) == 999
    )


def hazard_result(constant: Any = COX) -> Result:
    rows = [
        row("Hazard ratio over time", "", "all", "hazard ratio", month, Estimate(value=v, low=v / 2, high=v * 2))
        for month, v in ((1, 0.5), (6, 0.7), (12, 0.9), (18, 1.2), (24, 1.6), (36, 9.0))
    ]
    rows.append(row("Hazard ratio", "adjusted, stratified by centre", "all", "hazard ratio", None, constant))
    rows.append(row("Proportional hazards", "p, adjusted model", "all", "test", None, Summary(value=0.0121)))
    return result(rows, [ratios()])


def test_the_ratio_is_put_into_words_at_the_beginning_the_middle_and_the_end_with_the_test() -> None:
    picture = hazard_ratio_picture(hazard_result(), COMPARISON, name="h", what="response")
    assert (
        "0.50 (0.25 to 1.00) at month 1, 0.90 (0.45 to 1.80) at month 12, 1.60 (0.80 to 3.20) at month 24."
        in picture.alt
    )
    assert "Without change over time: 0.84 (0.60 to 1.18)." in picture.alt
    assert "Test of whether it changes: p = 0.012." in picture.alt
    assert "rituximab against IVIG" in picture.title
    lines = [text for text, *_ in texts(picture.svg)]
    assert "Constant: 0.84 (0.60" in " ".join(lines)


def test_without_a_constant_ratio_its_reason_is_said_and_no_line_drawn() -> None:
    none = hazard_ratio_picture(
        hazard_result(NotEstimable(reason="no events in one arm")), COMPARISON, name="h", what="response"
    )
    assert "Without change over time: not estimable (no events in one arm)." in none.alt
    assert b"stroke-dasharray" not in none.svg
    assert "Constant" not in " ".join(text for text, *_ in texts(none.svg))


def test_what_masking_withheld_whole_is_not_drawn() -> None:
    empty = [curve for curve in hazard_result().curves if curve.group == "nobody"]
    made: list[Picture] = [
        hazard_ratio_picture(hazard_result().model_copy(update={"curves": ()}), COMPARISON, name="h", what="x"),
        survival_picture(result([], empty), COMPARISON, name="s", what="Survival"),
        causes_picture(result([], empty), COMPARISON, name="c", arm="ivig", causes=CAUSES),
    ]
    assert [picture.svg for picture in made] == [b"", b"", b""]
