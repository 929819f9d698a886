"""Competing-risks methods under one name: cumulative incidences, Gray's test and the Fine-Gray model."""

from __future__ import annotations

from analyses.methods.causes.cumulative_incidence import CumulativeIncidence, cumulative_incidence
from analyses.methods.causes.fine_gray import FineGrayFit, fine_gray
from analyses.methods.causes.gray_test import GrayTest, gray_test
from analyses.methods.causes.incidence_curve import (
    Incidence,
    IncidenceCurve,
    IncidenceDifference,
    incidence_difference,
)
from analyses.methods.causes.time_lost import TimeLost, TimeLostDifference, time_lost_difference

__all__ = [
    "CumulativeIncidence",
    "FineGrayFit",
    "GrayTest",
    "Incidence",
    "IncidenceCurve",
    "IncidenceDifference",
    "TimeLost",
    "TimeLostDifference",
    "cumulative_incidence",
    "fine_gray",
    "gray_test",
    "incidence_difference",
    "time_lost_difference",
]
