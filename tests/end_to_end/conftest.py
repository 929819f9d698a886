"""A simulated study, once for all tests: its files, its registry, its snapshot, its Results and its PDF."""

from __future__ import annotations

from pathlib import Path

import pytest

import analyses
import registry
import reports


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> registry.Study:
    """Return a study of 120 simulated patients in 5 centres whose report has been made."""
    folder = registry.simulate(tmp_path_factory.mktemp("study"), patients=120, centres=5, seed=7)
    study = registry.load_study(folder)
    for submission in sorted((folder / "submissions").iterdir()):
        registry.add(study, submission)
    snapshot = registry.freeze(study)
    analyses.run(study, snapshot)
    reports.build_report(study, report="committee", snapshot_id=snapshot.id)
    return study


@pytest.fixture(scope="session")
def pdf(study: registry.Study) -> Path:
    """Return the path of the committee's report."""
    [path] = (study.folder / "reports").glob("*.pdf")
    return path
