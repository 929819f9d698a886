"""Survival methods under one name: curves, restricted means, the log-rank test and Cox models.

Times are compared exactly, here and in the other doors: divide whole days by the length of a month once, and do not add
months, or two persons of one day are a rounding error apart and no longer tied.
"""

from __future__ import annotations

from analyses.methods.curves.kaplan_meier import kaplan_meier
from analyses.methods.curves.log_rank import LogRank, log_rank
from analyses.methods.curves.restricted_mean import (
    MeanDifference,
    MeanRatio,
    RestrictedMean,
    RestrictedMeans,
    restricted_mean,
)
from analyses.methods.curves.survival_curve import (
    KaplanMeier,
    Quantile,
    Survival,
    SurvivalDifference,
    survival_difference,
)
from analyses.methods.hazards.cox import LEAST_DF, cox
from analyses.methods.hazards.cox_bootstrap import Bootstrap, bootstrap
from analyses.methods.hazards.cox_fit import CoxFit
from analyses.methods.hazards.proportional_hazards import ProportionalHazards, proportional_hazards

__all__ = [
    "LEAST_DF",
    "Bootstrap",
    "CoxFit",
    "KaplanMeier",
    "LogRank",
    "MeanDifference",
    "MeanRatio",
    "ProportionalHazards",
    "Quantile",
    "RestrictedMean",
    "RestrictedMeans",
    "Survival",
    "SurvivalDifference",
    "bootstrap",
    "cox",
    "kaplan_meier",
    "log_rank",
    "proportional_hazards",
    "restricted_mean",
    "survival_difference",
]
