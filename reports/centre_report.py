"""The report for one centre's data manager: its data quality beside that of all other centres, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.disclosure import mask
from analyses.quality.groups import OTHERS
from analyses.run import load_centre_result
from registry.errors import ExitCode, UserError
from registry.snapshot import open_snapshot
from reports import centre_tables, quality
from reports.centre_advice import to_do
from reports.contents import rules_of
from reports.pages import fill
from reports.render import render_pdf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from analyses.result import Result
    from registry.rules import Rules
    from registry.study import Study


def build_centre_report(
    study: Study,
    centre: str,
    *,
    snapshot_id: str | None = None,
    output: Path | None = None,
    result: Result | None = None,
) -> Path:
    """Build the report of one centre and return the path of its PDF; the same Result gives the same bytes.

    snapshot_id: None is the newest. output: None is reports/centre-<code>-<data cut>-<snapshot id>.pdf in the study's
    folder. result: None reads the one that was written for the snapshot. Counts of 1 to rule masked_count_maximum are
    masked, those of the centre too: the report can be passed on.
    Raises UserError if the Result is missing or belongs to another snapshot or centre, or if the PDF cannot be made.
    """
    snapshot = open_snapshot(study, snapshot_id)
    given = load_centre_result(study, snapshot.id, centre) if result is None else result
    if given.provenance.snapshot != snapshot.id or given.name != f"quality_{centre}":
        raise UserError(
            "results of " + centre,
            seen=f"Result {given.name} is of snapshot {given.provenance.snapshot}.",
            expected=f"Expected quality_{centre} of snapshot {snapshot.id}.",
            advice="Make it anew with 'myoregistry centre-report'.",
            state="No report was written.",
            exit_code=ExitCode.NOTHING_TO_READ,
        )
    rules = rules_of(snapshot.manifest)
    [masked] = mask([given], maximum=int(rules["masked_count_maximum"]))
    values, figures = contents(study, masked, centre, rules=rules, manifest=snapshot.manifest)
    path = output or study.folder / "reports" / f"centre-{centre}-{snapshot.cut.isoformat()}-{snapshot.id}.pdf"
    return render_pdf(fill("centre.html.j2", values), figures=figures, cut=snapshot.cut, output=path)


def contents(
    study: Study, result: Result, centre: str, *, rules: Rules, manifest: Mapping[str, Any]
) -> tuple[dict[str, object], dict[str, bytes]]:
    """Return the values of centre.html.j2 and the figures by file name; result: masked."""
    maximum = int(rules["masked_count_maximum"])
    _, names = quality.centres_of(result, {entry.code: entry.name for entry in study.centres})
    groups = (centre, OTHERS)
    picture = quality.completeness_picture(result, groups, names=names)
    values: dict[str, object] = {
        "title": f"Data quality: {names[centre]}",
        "centre": names[centre],
        "study_title": study.title,
        "cut": formats.day(manifest["cut"]),
        "cut_iso": manifest["cut"],
        "snapshot": manifest["id"],
        "software_version": manifest["software"].get("myoregistry", ""),
        "small": formats.small_count(maximum),
        "maximum": maximum,
        "to_do": to_do(result, centre, rules=rules),
        "rules": {
            name: f"{rules[name].normalize():f}"
            for name in (
                "submission_overdue_months", "follow_up_current_months", "igg_before_rituximab_months",
                "rows_removed_percent", "rows_changed_percent", "enzyme_window_days",
            )
        },
        "figures": {picture.name: picture},
        "tables": {
            "completeness": centre_tables.fields_table(result, groups, names=names, maximum=maximum),
            "rules": quality.rules_table(result, groups, names=names, maximum=maximum),
            "worst": quality.worst_rules_table(result, groups, names=names, maximum=maximum, advise=True),
            "times": centre_tables.times_table(result, groups, names=names, maximum=maximum),
            "changes": centre_tables.changes_table(result, groups, names=names, maximum=maximum),
            "limits": centre_tables.limits_table(result, centre, maximum=maximum),
        },
    }  # fmt: skip
    return values, {f"{picture.name}.svg": picture.svg}
