"""The heat map, the chapter of the committee and the report of one centre: whole, masked, and read aloud."""

from __future__ import annotations

import logging
import re
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pikepdf
import pytest

from analyses.disclosure import mask
from analyses.quality.answer import result_of
from analyses.quality.groups import OTHERS, against_others, every_centre
from analyses.result import Result
from registry.checking.catalogue import catalogue
from registry.errors import UserError
from registry.rules import load_rules
from registry.study import Study
from reports import centre_report as module
from reports import quality
from reports.centre_advice import to_do
from reports.centre_report import build_centre_report, contents
from reports.heat_map import BANDS, HeatCell, HeatRow, heat_map
from reports.pages import fill
from tests.quality_sent import RULE_RESULT, ULN_MULTIPLE, ULN_PERIOD, small_sent

SNAPSHOT = "0" * 16
MANIFEST: dict[str, Any] = {
    "id": SNAPSHOT, "cut": "2026-06-30", "contract": "2", "software": {"myoregistry": "0.1.0"},
    **load_rules().model_dump(mode="json"),
}  # fmt: skip
TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    centres = [{"code": code, "name": code.title()} for code in ("nice", "oslo", "rome")]
    return Study.model_validate({"folder": tmp_path, "name": "small", "title": "A small study", "centre": centres})


def of_centre(own: str, **changed: str) -> Result:
    sent = small_sent(**changed)
    return result_of(sent, against_others(sent.centres, own), name=f"quality_{own}", title="Data quality")


def masked(own: str, **changed: str) -> Result:
    return mask([of_centre(own, **changed)])[0]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = SimpleNamespace(id=SNAPSHOT, cut=date(2026, 6, 30), manifest=MANIFEST)
    monkeypatch.setattr(module, "open_snapshot", lambda *_: snapshot)


def page(study: Study, own: str, **changed: str) -> str:
    values, _ = contents(study, masked(own, **changed), own, rules=load_rules(), manifest=MANIFEST)
    return fill("centre.html.j2", values)


def plain(html: str) -> str:
    text = re.sub(r"<[^>]*>", " ", html).replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")
    return re.sub(r"\s+", " ", text.replace("\u00a0", " "))


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_bands_are_told_apart_by_lightness_alone() -> None:
    lights = [luminance(colour) for _, _, colour in BANDS]
    assert lights == sorted(lights, reverse=True)
    assert all((a + 0.05) / (b + 0.05) > 1.3 for a, b in pairwise(lights))


def drawn(*cells: HeatCell) -> str:
    return heat_map([HeatRow(name="Nice", cells=cells)], [str(i) for i in range(len(cells))], name="h").decode()


def test_a_heat_map_writes_its_numbers_and_hatches_what_is_masked() -> None:
    svg = drawn(
        HeatCell(share=96.4, text="96"), HeatCell(share=None, text="", masked=True), HeatCell(share=None, text="\u2013")
    )
    texts = [element.text for element in ET.fromstring(svg).iter(TEXT)]  # noqa: S314  (our own drawing)
    assert {"Nice", "96", "\u2013"} <= set(texts)
    # one in the cell, one in the legend, one pattern
    assert svg.count("<pattern") == 1
    assert svg.count("fill: url(#") == 2


@pytest.mark.parametrize(
    ("share", "colour"), [(95.0, 0), (94.9, 1), (90.0, 1), (75.0, 2), (50.0, 3), (49.9, 4), (0.0, 4)]
)
def test_a_share_has_the_colour_of_its_band(share: float, colour: int) -> None:
    # once in the cell and once in the legend
    assert drawn(HeatCell(share=share, text="x")).lower().count(BANDS[colour][2]) == 2


@pytest.mark.parametrize(("share", "colour"), [(share, colour) for share, _, colour in BANDS])
def test_the_number_of_a_cell_can_be_read_on_its_colour(share: float, colour: str) -> None:
    ink = "#ffffff" if share < 75 else "#1f2933"
    light, dark = sorted((luminance(ink), luminance(colour)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.2
    cell = re.search(r"<text[^>]*>xx</text>", drawn(HeatCell(share=share, text="xx")))
    assert cell is not None
    assert ("fill: #ffffff" in cell.group()) is (share < 75)


def test_the_words_of_the_heat_map_say_what_is_least_complete() -> None:
    sent = small_sent()
    every = mask([result_of(sent, every_centre(sent.centres), name="quality", title="Data quality")])[0]
    picture = quality.committee_picture(every, names={"nice": "Nice", "oslo": "Oslo", "rome": "Rome"})
    # one in the legend; the intent and IgG of Nice and of all, and the IgG of Oslo
    assert picture.svg.count(b"fill: url(#") == 1 + 5
    assert (
        "Nice: HAQ 40.0\u00a0%, Antibody tested 60.0\u00a0%; masked: Intent of IVIG, IgG before rituximab."
        in picture.alt
    )
    assert "Oslo: Seen lately 75.0\u00a0%; masked: IgG before rituximab. Rome: none." in picture.alt


def test_what_to_do_names_the_gaps_the_rules_the_limits_and_the_changes(study: Study) -> None:
    steps = to_do(masked("oslo", rule_result=RULE_RESULT.replace("lab.b", "lab.ck_alone")), "oslo", rules=load_rules())
    assert steps[0] == "Send your cohort now: the last submission is more than 4 months old, or there was none."
    assert "IgG before rituximab (0.0\u00a0%; others" not in steps[1], "the others' number is masked"
    assert "Physician global activity (90.0\u00a0%; others 100.0\u00a0%)" in steps[1]
    assert any(step.startswith("Look at rule lab.ck_alone (30 rows)") for step in steps)
    assert any(step.startswith("Check unit, assay and ULN of CK, female:") for step in steps)
    assert any(step.startswith("Confirm with the laboratory the unusual ULN of CK, female.") for step in steps)
    assert any("so many rows were removed by the last submission" in step for step in steps)


def test_a_centre_that_did_all_well_has_nothing_to_do() -> None:
    failing_elsewhere = RULE_RESULT.replace("| 100    | 7", "| 100    | 0").replace("| 50     | 25", "| 50     | 0")
    good = masked("nice", rule_result=failing_elsewhere, uln_multiple=ULN_MULTIPLE.replace("6.9", "1.5"))
    filled = good.model_copy(update={"rows": tuple(r for r in good.rows if r.topic != "Complete")})
    complete = [row.model_copy(update={"value": row.value}) for row in good.rows if row.topic == "Complete"]
    level = {r.level: r.value for r in complete if r.group == "nice"}
    same = tuple(row.model_copy(update={"value": level[row.level]}) for row in complete)
    told = to_do(filled.model_copy(update={"rows": (*filled.rows, *same)}), "nice", rules=load_rules())
    assert told == ("Nothing needs to be done: send the next submission in time.",)


def test_the_page_shows_the_centre_beside_the_others_and_masks_both(study: Study) -> None:
    text = plain(page(study, "oslo"))
    assert "HAQ visits 30 0 100.0 % 40.0 %" in text
    assert "IgG before rituximab persons given rituximab 9 9 0.0 % masked" in text
    assert "Rows failed" in text
    assert "Age of the last submission at the data cut, months 4.9 * 0.0" in text
    assert "All tables 10 6 * 5 89" in text
    assert "3 U/L (2019-01 to 2026-01) u 150 to 170 9 0.0 % 119 * 2.00" in text
    nice = plain(page(study, "nice"))
    assert "Intent of IVIG courses of IVIG 12 <5 masked" in nice
    assert "No submission before the last one" in nice


class Lint(HTMLParser):
    """Header cells without scope, images without words, tables without caption."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.count = {"table": 0, "caption": 0, "img": 0}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in self.count:
            self.count[tag] += 1
        if tag == "th" and found.get("scope") not in {"row", "col", "rowgroup"}:
            self.wrong.append("a header cell without scope")
        if tag == "img" and len(found.get("alt") or "") < 40:
            self.wrong.append("an image without words")


@pytest.mark.parametrize("own", ["nice", "oslo", "rome"])
def test_the_page_can_be_read_aloud_even_of_a_centre_that_sent_nothing(study: Study, own: str) -> None:
    parser = Lint()
    parser.feed(page(study, own))
    assert parser.wrong == []
    assert parser.count == {"table": 6, "caption": 6, "img": 1}


def test_the_pdf_is_tagged_short_and_the_same_twice(
    study: Study, frozen: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Ten rules with long words, and a limit that changes every month of three years in every analyte.
    rules = [rule.id for rule in sorted(catalogue(), key=lambda rule: (-len(rule.message + rule.advice), rule.id))][:11]
    many = RULE_RESULT + "".join(
        f"    oslo | o2 | {rule} | lab | plausibility | query | 90 | {20 + place}\n" for place, rule in enumerate(rules)
    )
    periods = ULN_PERIOD + "".join(
        f"    oslo | {analyte} | {sex} | IFCC | {month} | {99 + month} | 2023-01 | 20{24 + month}-01 | true | U/L\n"
        for analyte in ("CK", "LDH")
        for sex in ("female", "male")
        for month in range(36)
    )
    result = of_centre("oslo", rule_result=many, uln_period=periods)
    text = page(study, "oslo", rule_result=many, uln_period=periods)
    assert "and 33 before" in text
    assert text.count("IFCC, 2023-01 to") == 2 * 3, "the last three limits of CK and of LDH"
    with caplog.at_level(logging.INFO):
        first = build_centre_report(study, "oslo", result=result)
        second = build_centre_report(study, "oslo", result=result, output=tmp_path / "again.pdf")
    assert [record for record in caplog.records if record.name.startswith(("reports", "weasyprint"))] == []
    assert first == study.folder / "reports" / f"centre-oslo-2026-06-30-{SNAPSHOT}.pdf"
    assert first.read_bytes() == second.read_bytes()
    with pikepdf.open(first) as pdf:
        assert len(pdf.pages) <= 4
        assert all([round(float(x)) for x in page.mediabox] == [0, 0, 595, 842] for page in pdf.pages)
        assert pdf.Root.MarkInfo.Marked
        metadata = bytes(pdf.Root.Metadata.read_bytes()).decode()
        assert re.search(r"<pdfuaid:part>1</pdfuaid:part>|pdfuaid:part=.1", metadata)
        kinds = {str(item.S) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/S" in item}
        assert {"/Table", "/TH", "/Caption", "/Figure", "/H1", "/H2"} <= kinds


def test_a_result_of_another_centre_or_snapshot_is_refused(study: Study, frozen: None) -> None:
    with pytest.raises(UserError, match="Expected quality_oslo of snapshot"):
        build_centre_report(study, "oslo", result=of_centre("nice"))
    other = of_centre("oslo")
    foreign = other.model_copy(update={"provenance": other.provenance.model_copy(update={"snapshot": "f" * 16})})
    with pytest.raises(UserError, match="is of snapshot ffff"):
        build_centre_report(study, "oslo", result=foreign)
    with pytest.raises(UserError, match="Not there: quality_oslo"):
        build_centre_report(study, "oslo")


def test_other_centres_is_no_code_of_a_centre(study: Study) -> None:
    with pytest.raises(ValueError, match="code"):
        Study.model_validate(study.model_dump(by_alias=True) | {"centre": [{"code": OTHERS, "name": "x"}]})
