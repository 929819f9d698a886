"""Where the numbers of a Result come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.result import Provenance

if TYPE_CHECKING:
    from registry.cohort import Cohort


def provenance(cohort: Cohort) -> Provenance:
    """Return the provenance of an answer; cohort is its name and the first 16 digits of its digest."""
    return Provenance(
        snapshot=cohort.snapshot_id,
        data_cut=cohort.data_cut.isoformat(),
        cohort=f"{cohort.name} {cohort.digest[:16]}",
        software=dict(cohort.software),
    )
