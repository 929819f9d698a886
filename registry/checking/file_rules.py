"""Rules on files as wholes: what each says, on how many files it was tested and on how many it failed."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from registry.checking.findings import Tally
from registry.contract import RuleKind  # noqa: TC001  (pydantic reads the annotation at run time)
from registry.errors import Severity  # noqa: TC001  (the same)
from registry.intake.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.errors import Problem
    from registry.intake.submission import Submission


class FileRule(BaseModel):
    """One rule on the files of a submission; file_rules.toml explains what `tests` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    tests: Literal[
        "manifest.bytes", "manifest.text", "manifest", "manifest.units", "centres",
        "files", "sent", "csv", "excel", "parquet", "zip", "removed", "redcap", "fhir", "omop",
    ]  # fmt: skip
    kind: RuleKind
    severity: Severity
    message: str
    advice: str
    source: str = ""


@cache
def file_rules() -> tuple[FileRule, ...]:
    """Return the rules of file_rules.toml, in their order."""
    text = files("registry").joinpath("checking", "file_rules.toml").read_text(encoding="utf-8")
    return tuple(FileRule.model_validate(rule) for rule in tomllib.loads(text)["rule"])


def file_results(submission: Submission, problems: Sequence[Problem], *, centres_known: bool) -> Iterator[Tally]:
    """Return how many files every rule tested and found wrong, and the same of problems that no rule lists.

    Parameters
    ----------
    submission
        What was sent.
    problems
        Those of files as wholes.
    centres_known
        Whether the study's centres were given, so that the manifest's could be compared with them.
    """
    failed: dict[str, set[str]] = {}
    for problem in problems:
        failed.setdefault(problem.rule, set()).add(problem.file)
    tested = _tested(submission, failed, centres_known=centres_known)
    for rule in file_rules():
        wrong = len(failed.pop(rule.id, ()))
        yield _tally(rule.id, rule.kind, rule.severity, max(tested[rule.tests], wrong), wrong)
    severities = {problem.rule: problem.severity for problem in problems}
    for name, wrong_files in sorted(failed.items()):
        yield _tally(name, "conformance", severities[name], len(wrong_files), len(wrong_files))


def _tally(rule: str, kind: str, severity: str, tested: int, failed: int) -> Tally:
    return Tally(rule=rule, table_name=None, kind=kind, severity=severity, tested=tested, failed=failed)


def _tested(submission: Submission, failed: Mapping[str, set[str]], *, centres_known: bool) -> Mapping[str, int]:
    """Return how many files each kind of rule looked at."""
    missing = failed.get("file.missing", set())
    sent = {MANIFEST, *submission.labels.values()} - missing
    for rule, names in failed.items():
        if rule.startswith("file.") and rule != "file.missing":
            sent |= names
    there = MANIFEST not in set().union(*(names for rule, names in failed.items() if rule.startswith("file.")))
    read = there and "manifest.unreadable" not in failed
    manifest = submission.manifest
    formats = {name: int(manifest is not None and manifest.format == name) for name in ("redcap", "fhir", "omop")}
    tables = [] if any(formats.values()) else list(submission.labels.values())
    return {
        "manifest.bytes": int(there),
        "manifest.text": int(read),
        "manifest": int(manifest is not None),
        "manifest.units": int(bool(submission.units)),
        "centres": int(centres_known and manifest is not None),
        "files": len(sent | missing),
        "sent": len(sent),
        "csv": sum(".xlsx" not in name.lower() and ".parquet" not in name.lower() for name in tables),
        "excel": sum(".xlsx" in name.lower() for name in tables),
        "parquet": sum(".parquet" in name.lower() for name in tables),
        "zip": int(submission.path.suffix == ".zip"),
        "removed": int(manifest is not None and manifest.kind == "delta"),
        **formats,
    }
