"""What is compared, in the words of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.result import ALL

if TYPE_CHECKING:
    from registry.rules import Rules
    from registry.study import Study

AGENT_NAMES = {"ivig": "IVIG", "rituximab": "Rituximab"}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two arms, the reference first, and the settings that every table and figure of a report shares.

    maximum: largest count that is masked. horizon: months at which risks and restricted means are reported.
    """

    reference: str
    comparator: str
    maximum: int
    horizon: int
    months: tuple[int, ...]
    covariates: tuple[str, ...]

    @property
    def arms(self) -> tuple[str, str]:
        """Both arms, the reference first."""
        return (self.reference, self.comparator)

    @property
    def groups(self) -> tuple[str, str, str]:
        """Both arms and all together."""
        return (*self.arms, ALL)

    @property
    def minus(self) -> str:
        """Heading of a difference."""
        return f"{AGENT_NAMES[self.comparator]} minus {self._reference_within()}"

    @property
    def against(self) -> str:
        """Heading of a ratio."""
        return f"{AGENT_NAMES[self.comparator]} against {self._reference_within()}"

    @property
    def short(self) -> str:
        """Both agents in few letters: "IVIG / rituximab"."""
        return f"{AGENT_NAMES[self.reference]} / {self.comparator_name}"

    @property
    def comparator_name(self) -> str:
        """Name of the comparator's agent within a sentence."""
        return _within(AGENT_NAMES[self.comparator])

    def _reference_within(self) -> str:
        return _within(AGENT_NAMES[self.reference])


def _within(name: str) -> str:
    return name if name.isupper() else name.lower()


def comparison_of(study: Study, rules: Rules) -> Comparison:
    """Return what a study compares; rules: the thresholds that its numbers were made with."""
    reference = study.analysis.reference
    return Comparison(
        reference=reference,
        comparator="rituximab" if reference == "ivig" else "ivig",
        maximum=int(rules["masked_count_maximum"]),
        horizon=study.analysis.horizon_months,
        months=tuple(study.analysis.trajectory_months),
        covariates=study.analysis.covariates,
    )
