"""What stands in the committee report: every value that its template prints, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyses import formats
from analyses.covariates import covariate_name
from analyses.result import ALL, Summary
from registry.rules import Rules
from reports import definitions, event_pictures, harms, outcomes, persons, pictures, quality, sequence, trajectories
from reports.comparison import comparison_of
from reports.findings import findings
from reports.tables import ARM_NAMES, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result
    from registry.study import Study
    from reports.comparison import Comparison
    from reports.pictures import Picture
    from reports.tables import Table

YEAR = 12
CHAPTERS = (
    ("flow", "Who is compared"),
    ("accrual", "Centres and accrual"),
    ("baseline", "Persons at time zero"),
    ("response", "Response"),
    ("failure", "Treatment failure"),
    ("sequence", "Sequence: response, relapse, switch, death"),
    ("trajectories", "Change over time"),
    ("centre-effects", "Response by centre"),
    ("safety", "Safety"),
    ("sensitivity", "Sensitivity: all users"),
    ("quality", "Data quality"),
    ("methods", "Methods and limits"),
    ("definitions", "Definitions and thresholds"),
)


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A heading of the report and its place in the contents."""

    identifier: str
    number: int
    title: str


def contents(
    study: Study, results: Mapping[str, Result], *, title: str, manifest: Mapping[str, Any]
) -> tuple[dict[str, object], dict[str, bytes]]:
    """Return the values of committee.html.j2 and the figures by file name.

    results: masked, by name. manifest: of the snapshot; thresholds and definitions are printed as it was frozen with.
    """
    rules = rules_of(manifest)
    comparison = comparison_of(study, rules)
    drawn = _pictures(study, results, comparison, rules)
    values: dict[str, object] = {
        **_front(study, title=title, manifest=manifest, comparison=comparison),
        **_methods(study, results, comparison),
        **{name: _plain(rules, rule) for name, rule in _RULES_IN_SENTENCES.items()},
        "overdue_months": _plain(rules, "submission_overdue_months"),
        "follow_up_months": _plain(rules, "follow_up_current_months"),
        "igg_months": _plain(rules, "igg_before_rituximab_months"),
        "findings": findings(results, comparison, month=_nearest(comparison.months, YEAR)),
        "steps": persons.flow(results["accrual"], comparison),
        "figures": {picture.name: picture for picture in drawn},
        "tables": _tables(study, results, comparison)
        | {
            "concepts": definitions.concepts_table(manifest["concepts"]),
            "bands": definitions.bands_table(rules),
            "rules": definitions.rules_table(rules),
            "notes": definitions.notes_table(list(results.values())),
            "checks": definitions.checks_table([r for r in results.values() if r.name != "quality"]),
        },
    }
    return values, {f"{picture.name}.svg": picture.svg for picture in drawn if picture.svg}


def rules_of(manifest: Mapping[str, Any]) -> Rules:
    """Return the thresholds that a snapshot was frozen with."""
    return Rules.model_validate({"rules": manifest["rules"], "tis_bands": manifest["tis_bands"]})


_RULES_IN_SENTENCES = {
    "baseline_window": "baseline_window_days",
    "incident_window": "incident_window_days",
    "tis_moderate": "tis_moderate",
    "no_response_days": "failure_no_response_days",
}


def _front(study: Study, *, title: str, manifest: Mapping[str, Any], comparison: Comparison) -> dict[str, object]:
    software = manifest["software"]
    return {
        "title": title,
        "study_title": study.title,
        "question": study.question,
        "cut": formats.day(manifest["cut"]),
        "cut_iso": manifest["cut"],
        "snapshot": manifest["id"],
        "contract": manifest["contract"],
        "software": ", ".join(f"{name}\u00a0{version}" for name, version in sorted(software.items())),
        "software_version": software.get("myoregistry", ""),
        "maximum": comparison.maximum,
        "small": formats.small_count(comparison.maximum),
        "chapters": tuple(
            Chapter(identifier=identifier, number=place, title=name)
            for place, (identifier, name) in enumerate(CHAPTERS, start=1)
        ),
    }


def _methods(study: Study, results: Mapping[str, Result], comparison: Comparison) -> dict[str, object]:
    return {
        "months_text": _listed([str(month) for month in comparison.months]),
        "minimum_centre_size": study.analysis.minimum_centre_size,
        "heterogeneity": _heterogeneity(results["centres"]),
        "reference": ARM_NAMES[comparison.reference],
        "horizon": comparison.horizon,
        "covariates": _listed([covariate_name(name) for name in comparison.covariates]),
    }


def _tables(study: Study, results: Mapping[str, Result], comparison: Comparison) -> dict[str, Table]:
    names = {centre.code: centre.name for centre in study.centres}
    accrual, safety, sparing = results["accrual"], results["safety"], results["sparing"]
    tables = {
        "centres": persons.centres_table(accrual, comparison, names=names),
        "baseline": persons.baseline_table(results["baseline"], comparison),
        "degrees": outcomes.degrees_table(
            results["response"], comparison, month=float(YEAR), scores=("20", "40", "60")
        ),
        "ldh": trajectories.trajectory_table(
            results["trajectory_ldh"], comparison, identifier="ldh", level="x ULN", ends=", %",
            caption="LDH, multiples of the upper limit of normal: adjusted means", difference=f"{comparison.minus}, %",
        ),
        "mmt8": trajectories.trajectory_table(
            results["trajectory_mmt8"], comparison, identifier="mmt8", level="",
            caption="MMT8, points of 150: adjusted means", difference=comparison.minus,
        ),
        "sparing": trajectories.trajectory_table(
            sparing, comparison, identifier="sparing", level="mg/day", ends=", %",
            caption="Prednisone equivalent, mg/day: adjusted means; the difference is in % of dose + 1 mg/day",
            difference=f"{comparison.minus}, %",
        ),
        "doses": trajectories.dose_table(sparing, comparison),
        "measures": trajectories.measures_table(results, comparison),
        "models_beside": trajectories.models_beside_table(results, comparison),
        "slopes": trajectories.slopes_table(results, comparison),
        "models": trajectories.models_table(
            [(label.split(",")[0], results[name]) for name, label, _ in trajectories.MEASURES], comparison
        ),
        "effects": persons.effects_table(results["centres"], comparison, names=names),
        "events": harms.events_table(safety, comparison),
        "immunoglobulin": harms.immunoglobulin_table(safety, comparison),
        "infusions": harms.infusions_table(safety, comparison),
        "sensitivity": outcomes.sensitivity_table(results, comparison),
    }  # fmt: skip
    tables |= {
        "state_times": sequence.times_table(results["sequence"], comparison),
        "state_risks": sequence.risks_table(results["sequence"], comparison, months=(YEAR, comparison.horizon)),
        "state_counts": sequence.counts_table(results["sequence"], comparison),
    }
    tables |= _quality(results["quality"], names, comparison.maximum)
    for name, events in (("response", "Responses"), ("failure", "Failures")):
        tables |= _outcome(results[name], comparison, name=name, events=events)
    return tables


def _quality(result: Result, names: Mapping[str, str], maximum: int) -> dict[str, Table]:
    centres, names = quality.centres_of(result, names)
    return {
        "quality_submissions": quality.submissions_table(result, centres, names=names, maximum=maximum),
        "quality_rules": quality.rules_table(result, (ALL,), names=names, maximum=maximum),
        "quality_rules_by_centre": quality.rules_by_centre_table(result, centres, names=names, maximum=maximum),
        "quality_worst": quality.worst_rules_table(result, (ALL,), names=names, maximum=maximum, advise=False),
        "quality_uln": quality.multiples_table(result, centres, names=names, maximum=maximum),
    }


def _outcome(result: Result, comparison: Comparison, *, name: str, events: str) -> dict[str, Table]:
    what = name.capitalize()
    months = sorted({row.month for row in result.rows if row.topic == "Risk" and row.month is not None})
    shown = [month for month in months if month <= comparison.horizon]
    return {
        f"{name}_risks": outcomes.risk_table(
            result, comparison, identifier=f"{name}-risks", caption=f"{what}: risks and restricted means (unadjusted)",
            months=shown, free_of=name,
        ),
        f"{name}_hazards": outcomes.hazard_table(
            result, comparison, identifier=f"{name}-hazards", caption=f"{what}: hazard ratios and tests"
        ),
        f"{name}_persons": outcomes.persons_table(
            result, comparison, identifier=f"{name}-persons", caption=f"{what}: persons and events", event=events
        ),
    }  # fmt: skip


def _pictures(study: Study, results: Mapping[str, Result], comparison: Comparison, rules: Rules) -> tuple[Picture, ...]:
    names = {centre.code: centre.name for centre in study.centres}
    return (
        pictures.accrual_picture(results["accrual"], comparison),
        pictures.risk_picture(results["response"], comparison, what="response"),
        pictures.risk_picture(results["failure"], comparison, what="failure"),
        *(
            event_pictures.hazard_ratio_picture(results[what], comparison, name=f"{what}-ratio", what=what)
            for what in ("response", "failure")
        ),
        event_pictures.states_picture(results["sequence"], comparison, name="states", states=sequence.STATES),
        event_pictures.number_picture(results["safety"], comparison, name="infections", what="serious infections"),
        pictures.mean_picture(
            results["trajectory_ldh"], comparison, name="ldh", title="LDH", level="x ULN",
            y_label="LDH (\u00d7 ULN)", log2_multiples=True, reference=(0.0, "upper limit of normal"),
        ),
        pictures.mean_picture(
            results["trajectory_mmt8"], comparison, name="mmt8", title="MMT8", level="", y_label="MMT8 (points)"
        ),
        pictures.mean_picture(
            results["sparing"], comparison, name="sparing", title="Glucocorticoid dose", level="mg/day", least=0.0,
            y_label="Prednisone (mg/day)", reference=(float(rules["low_glucocorticoid_mg"]), "low dose"),
        ),
        pictures.forest_picture(results["centres"], comparison, names=names),
        quality.committee_picture(results["quality"], names=names),
    )  # fmt: skip


def _heterogeneity(result: Result) -> str:
    row = next(row for row in rows(result, "Heterogeneity", statistic="test") if row.level == "p, adjusted")
    text = formats.row(row)
    if not isinstance(row.value, Summary):
        return f"Test of whether the centres' hazard ratios differ: {text}."
    return f"Test of whether the centres' hazard ratios differ: p {text if text[0] in '<>' else f'= {text}'}."


def _nearest(months: Sequence[int], wanted: int) -> int:
    return min(months, key=lambda month: (abs(month - wanted), month))


def _plain(rules: Rules, name: str) -> str:
    return f"{rules[name].normalize():f}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
