"""The committee report: whole, readable by a machine that reads aloud, masked, and every number from a Result."""

from __future__ import annotations

import logging
import re
from datetime import date
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pikepdf
import pytest

from analyses.disclosure import mask
from analyses.result import Masked, NotEstimable, Result
from registry.concepts import concepts
from registry.errors import ExitCode, UserError
from registry.rules import load_rules
from registry.study import Study
from reports import report as report_module
from reports.contents import CHAPTERS, contents
from reports.pages import fill
from reports.report import build_report

SNAPSHOT = "0123456789abcdef"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.model_validate(
        {
            "folder": tmp_path_factory.mktemp("study"),
            "name": "small",
            "title": "A small study",
            "centre": [{"code": code, "name": code.title()} for code in ("lyon", "leuven", "porto")],
            "report": [
                {
                    "name": "quarterly",
                    "title": "Report to the committee & friends",
                    "first_due": date(2026, 7, 15),
                    "delivery": [{"kind": "folder", "folder": "out"}],
                }
            ],
        }
    )


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    rules = load_rules().model_dump(mode="json")
    return {
        "id": SNAPSHOT,
        "cut": "2026-06-30",
        "contract": "1",
        "software": {"myoregistry": "0.1.0", "duckdb": "2.0.0"},
        "rules": rules["rules"],
        "tis_bands": rules["tis_bands"],
        "concepts": {name: concept.definition for name, concept in concepts().items()},
    }


@pytest.fixture(scope="module")
def html(study: Study, manifest: dict[str, Any], committee_results: tuple[Result, ...]) -> str:
    masked = {result.name: result for result in mask(committee_results, maximum=4)}
    values, _ = contents(study, masked, title="A report", manifest=manifest)
    return fill("committee.html.j2", values)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, manifest: dict[str, Any]) -> None:
    """Let a snapshot be there without a registry."""
    snapshot = SimpleNamespace(id=SNAPSHOT, cut=date(2026, 6, 30), manifest=manifest)
    monkeypatch.setattr(report_module, "open_snapshot", lambda *_: snapshot)


class Lint(HTMLParser):
    """What is wrong with the tables and images of a page for somebody who hears it read."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.identifiers: list[str] = []
        self.targets: list[str] = []
        self.tables = 0
        self.captions = 0
        self.images: list[str] = []
        self.level = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if found.get("id"):
            self.identifiers.append(str(found["id"]))
        if tag == "th" and found.get("scope") not in {"row", "col", "rowgroup"}:
            self.wrong.append("a header cell without scope")
        if tag == "img":
            self.images.append(found.get("alt") or "")
        if tag == "a":
            self.targets.append(str(found.get("href")))
        if tag in {"h1", "h2", "h3"}:
            if int(tag[1]) > self.level + 1:
                self.wrong.append(f"{tag} after a heading of level {self.level}")
            self.level = int(tag[1])
        if "style" in found:
            self.wrong.append("a style in the page")


@pytest.fixture(scope="module")
def lint(html: str) -> Lint:
    parser = Lint()
    parser.feed(html)
    return parser


def plain(html: str) -> str:
    """Return the words of a page, as they are read."""
    text = re.sub(r"<[^>]*>", " ", html).replace("&lt;", "<").replace("&gt;", ">").replace("\u00a0", " ")
    return re.sub(r"\s+", " ", text)


def test_tables_and_images_can_be_read_aloud(lint: Lint) -> None:
    assert lint.wrong == []
    assert lint.tables == lint.captions > 20
    assert len(lint.images) == 12
    assert all(len(alt) > 40 for alt in lint.images)


def test_every_chapter_is_there_once_and_the_contents_lead_to_it(lint: Lint) -> None:
    assert lint.targets == [f"#{identifier}" for identifier, _ in CHAPTERS]
    assert len(lint.identifiers) == len(set(lint.identifiers))
    assert {identifier for identifier, _ in CHAPTERS} <= set(lint.identifiers)


def test_the_front_page_says_what_was_found_and_warns(html: str) -> None:
    text = plain(html)
    for sentence in (
        "Of 150 persons registered, 104 met every inclusion step: 60 with IVIG first and 44 with rituximab first.",
        "The probability of at least moderate response by 24 months was 48.0 % (40.0 to 56.0) with IVIG first and",
        "the difference (rituximab minus IVIG) was \u22124.8 percentage points (\u221219.8 to 10.2).",
        "The adjusted hazard ratio, rituximab against IVIG, was 0.84 (0.54 to 1.14) for response",
        "Of the first 24 months, the mean time in response (without relapse or switch since) was 4.80 months (3.70",
        "(3.70 to 5.90) with IVIG first and 4.80 months (3.70 to 5.90) with rituximab first; the difference was 0.40",
        "At 12 months, with adjustment, the difference (rituximab minus IVIG) in the LDH multiple was \u22128.0 %",
        "Serious infections per 100 person-years: 7.5 (4.4 to 10.6) with IVIG first",
        "still carry confounding by indication",
        "p values are descriptive",
        "Data cut 30 June 2026",
        SNAPSHOT,
        "duckdb 2.0.0",
    ):
        assert sentence in text, sentence


def test_death_competes_and_no_text_says_otherwise(html: str) -> None:
    text = plain(html)
    for words in (
        "Aalen-Johansen, death competing, unadjusted",
        "Death first, by 24 months 5.0 % (1.0 to 9.0) 5.0 % (1.0 to 9.0) \u2013",
        "Subdistribution, adjusted, not stratified 0.79 (0.51 to 1.07) \u2013 0.170",
        "Gray's test (death competing), stratified by centre \u2013 \u2013 0.280",
        "Who dies first can no longer have the event",
        "CR2",
    ):
        assert words in text.replace("&#39;", "'"), words
    assert not re.search("Kaplan|anti-conservative|somewhat too narrow|censoring here|if nobody died", text)


def test_states_have_mean_months_probabilities_and_changes(html: str) -> None:
    text = plain(html)
    for words in (
        "Mean months in each state within the first 24 months (95 % interval)",
        "Switched to the other agent 4.80 (3.70 to 5.90) 4.80 (3.70 to 5.90) 0.40 (\u22121.30 to 2.10)",
        "First agent, no response yet" + 4 * " 20.0 % (10.0 to 30.0)",
        "State when last seen First agent, no response yet 16 11 27",
        "In response, then relapse 30 22 52",
    ):
        assert words in text, words
    assert "First agent, no response yet, then relapse" not in text, "nobody made this change"


def test_robust_ratios_and_mean_numbers_stand_beside_the_exact_ratio(html: str) -> None:
    text = plain(html)
    assert text.count("Rate ratio, variance by person 1.80 (0.70 to 2.90)") == 2
    assert "Mean number per person by month 24 0.120 (0.080 to 0.160) 0.120 (0.080 to 0.160)" in text
    assert "rate ratio 1.80 (0.90 to 2.70)." in text, "the finding is the exact one"


def test_a_figure_that_is_not_drawn_says_why_and_has_no_caption(
    study: Study, manifest: dict[str, Any], committee_results: tuple[Result, ...]
) -> None:
    masked = {result.name: result for result in mask(committee_results, maximum=4)}
    for name in ("response", "sequence", "safety"):
        masked[name] = masked[name].model_copy(update={"curves": ()})
    reason = NotEstimable(reason="fewer than 10 events in an arm")
    few = [
        row.model_copy(update={"value": reason}) if row.topic == "Hazard ratio over time" else row
        for row in masked["failure"].rows
    ]
    masked["failure"] = masked["failure"].model_copy(update={"rows": tuple(few), "curves": ()})
    values, figures = contents(study, masked, title="A report", manifest=manifest)
    text = plain(fill("committee.html.j2", values))
    assert not {"states.svg", "infections.svg", "response-ratio.svg", "failure-ratio.svg"} & set(figures)
    assert "Hazard ratio of failure over time, rituximab against IVIG. Not estimable: fewer than 10 events" in text
    assert "rituximab against IVIG. Withheld: it would rest on too few persons or events." in text
    assert "State of the persons over time. Not drawn: the curves would show single persons." in text
    assert "Smoothed over scaled" not in text


def test_a_table_of_nothing_but_masked_numbers_is_one_sentence(
    study: Study, manifest: dict[str, Any], committee_results: tuple[Result, ...]
) -> None:
    masked = {result.name: result for result in mask(committee_results, maximum=4)}
    withheld = Masked(reason="rests on a small count")
    rows = tuple(
        row.model_copy(update={"value": withheld})
        if row.topic in {"Probability of state", "Mean time in state"}
        else row
        for row in masked["sequence"].rows
    )
    masked["sequence"] = masked["sequence"].model_copy(update={"rows": rows})
    values, _ = contents(study, masked, title="A report", manifest=manifest)
    text = plain(fill("committee.html.j2", values))
    assert "Probability of each state (95 % interval) Withheld: every number of this table" in text
    assert "(without relapse or switch since) was withheld with IVIG first and withheld with rituximab first" in text


def test_small_counts_are_nowhere_to_be_read(html: str) -> None:
    text = plain(html)
    assert "no consent: <5" in text
    assert "Porto 12 <5 <5 6" in text
    assert not re.search(r"\b(Porto|missing) [1-4]\b", text)


def test_a_number_that_cannot_be_had_has_its_reason_below_the_table(html: str) -> None:
    text = plain(html)
    assert "not estimable a" in text
    assert "a Fewer than 5 persons." in text


def test_every_threshold_and_every_concept_is_printed(html: str) -> None:
    text = plain(html)
    for rule in load_rules().rules.values():
        assert rule.what in text, rule.what
    for concept in concepts().values():
        assert re.sub(r"\s+", " ", concept.definition) in text.replace("&#39;", "'"), concept.name


def test_a_threshold_of_the_study_is_starred_as_the_snapshot_was_frozen(
    study: Study, manifest: dict[str, Any], committee_results: tuple[Result, ...]
) -> None:
    rule = manifest["rules"]["incident_window_days"] | {"value": "45", "overridden": True}
    changed = manifest | {"rules": manifest["rules"] | {"incident_window_days": rule}}
    masked = {result.name: result for result in mask(committee_results, maximum=4)}
    values, _ = contents(study, masked, title="A report", manifest=changed)
    text = plain(fill("committee.html.j2", values))
    assert "45 *" in text
    assert "enrolled by 45 days after time zero" in text


def test_the_report_is_a_tagged_pdf_with_bookmarks_and_nothing_is_logged(
    study: Study, committee_results: tuple[Result, ...], frozen: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        path = build_report(study, report="quarterly", results=committee_results)
    assert [record for record in caplog.records if record.name.startswith(("reports", "weasyprint"))] == []
    assert path == study.folder / "reports" / f"quarterly-2026-06-30-{SNAPSHOT}.pdf"
    with pikepdf.open(path) as pdf:
        assert 12 <= len(pdf.pages) <= 26
        assert "Report to the committee & friends" in str(pdf.docinfo["/Title"])
        with pdf.open_outline() as outline:
            headings = [item.title for item in outline.root[0].children]
        assert [text.split("\u2002")[-1] for text in headings[2:]] == [title for _, title in CHAPTERS]
        kinds = [str(item.S) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/S" in item]
        assert kinds.count("/Figure") == 12
        assert {"/Table", "/TH", "/Caption", "/H1", "/H2", "/L"} <= set(kinds)


def test_a_report_of_half_the_results_is_refused_by_name(
    study: Study, committee_results: tuple[Result, ...], frozen: None
) -> None:
    with pytest.raises(UserError) as caught:
        build_report(study, results=committee_results[2:])
    assert caught.value.seen == "Missing: accrual, baseline."
    assert caught.value.exit_code == ExitCode.NOTHING_TO_READ


def test_results_of_another_snapshot_are_refused(
    study: Study, committee_results: tuple[Result, ...], frozen: None
) -> None:
    first, *rest = committee_results
    other = first.model_copy(update={"provenance": first.provenance.model_copy(update={"snapshot": "f" * 16})})
    with pytest.raises(UserError, match=r"Of another snapshot: accrual\."):
        build_report(study, results=(other, *rest))


def test_the_study_chooses_who_is_the_reference(
    study: Study, manifest: dict[str, Any], committee_results: tuple[Result, ...]
) -> None:
    turned = study.model_copy(update={"analysis": study.analysis.model_copy(update={"reference": "rituximab"})})
    masked = {result.name: result for result in mask(committee_results, maximum=4)}
    values, _ = contents(turned, masked, title="A report", manifest=manifest)
    text = plain(fill("committee.html.j2", values))
    assert "IVIG minus rituximab" in text
    assert "Reference: Rituximab first." in text


def test_a_report_that_the_study_does_not_have_is_refused_by_name(study: Study) -> None:
    with pytest.raises(UserError, match=r"It has no report quartely\. Expected one of: committee, quarterly\."):
        build_report(study, report="quartely")
