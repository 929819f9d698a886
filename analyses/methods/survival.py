"""Survival methods under one name: curves, restricted means, the log-rank test and Cox models."""

from __future__ import annotations

from analyses.methods.cox import CoxFit, cox
from analyses.methods.kaplan_meier import kaplan_meier
from analyses.methods.log_rank import LogRank, log_rank
from analyses.methods.proportional_hazards import proportional_hazards
from analyses.methods.restricted_mean import MeanDifference, RestrictedMean, RestrictedMeans, restricted_mean
from analyses.methods.survival_curve import KaplanMeier, Quantile, Survival, SurvivalDifference, survival_difference

__all__ = [
    "CoxFit",
    "KaplanMeier",
    "LogRank",
    "MeanDifference",
    "Quantile",
    "RestrictedMean",
    "RestrictedMeans",
    "Survival",
    "SurvivalDifference",
    "cox",
    "kaplan_meier",
    "log_rank",
    "proportional_hazards",
    "restricted_mean",
    "survival_difference",
]
