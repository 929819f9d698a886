"""The committee report: Results of one snapshot, masked, as a tagged PDF. It computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.disclosure import mask
from analyses.run import load_results
from registry.errors import ExitCode, UserError
from registry.snapshot import open_snapshot
from reports.contents import contents, rules_of
from reports.pages import fill
from reports.render import render_pdf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analyses.result import Result
    from registry.study import Study

NEEDED = (
    "accrual", "baseline", "response", "failure", "trajectory_ldh", "trajectory_ck", "trajectory_aldolase",
    "trajectory_mmt8", "trajectory_haq", "trajectory_phga", "sparing", "safety", "centres", "sequence",
    "response_all_users", "failure_all_users", "quality",
)  # fmt: skip


def build_report(
    study: Study,
    *,
    report: str = "committee",
    snapshot_id: str | None = None,
    output: Path | None = None,
    results: Sequence[Result] | None = None,
) -> Path:
    """Build a report of a snapshot and return the path of its PDF; the same Results give the same bytes.

    report: name of a report of study.toml (its title is used), or "committee". snapshot_id: None is the newest.
    output: None is reports/<name>-<data cut>-<snapshot id>.pdf in the study's folder. results: None reads those that
    'run' wrote for the snapshot. Counts of 1 to rule masked_count_maximum are masked before anything else happens.
    Raises UserError if there is no such report, if a Result is missing or belongs to another snapshot, or if the PDF
    cannot be made.
    """
    titles = {"committee": study.title, **{entry.name: entry.title for entry in study.reports}}
    if report not in titles:
        raise UserError(
            str(study.folder / "study.toml"),
            seen=f"It has no report {report}.",
            expected=f"Expected one of: {', '.join(titles)}.",
            advice="Correct the name, or add a [[report]] to study.toml.",
            state="No report was written.",
            exit_code=ExitCode.USAGE,
        )
    snapshot = open_snapshot(study, snapshot_id)
    given = load_results(study, snapshot.id) if results is None else tuple(results)
    _complete(given, snapshot.id)
    maximum = int(rules_of(snapshot.manifest)["masked_count_maximum"])
    masked = {result.name: result for result in mask(given, maximum=maximum)}
    values, figures = contents(study, masked, title=titles[report], manifest=snapshot.manifest)
    path = output or study.folder / "reports" / f"{report}-{snapshot.cut.isoformat()}-{snapshot.id}.pdf"
    return render_pdf(fill("committee.html.j2", values), figures=figures, cut=snapshot.cut, output=path)


def _complete(results: Sequence[Result], snapshot_id: str) -> None:
    missing = sorted(set(NEEDED) - {result.name for result in results})
    foreign = sorted(result.name for result in results if result.provenance.snapshot != snapshot_id)
    if not missing and not foreign:
        return
    seen = [f"Missing: {', '.join(missing)}."] if missing else []
    seen += [f"Of another snapshot: {', '.join(foreign)}."] if foreign else []
    raise UserError(
        "results of snapshot " + snapshot_id,
        seen=" ".join(seen),
        expected="Expected one Result of this snapshot for every question of the report.",
        advice="Run the analyses with 'myoregistry run'.",
        state="No report was written.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )
