"""Rates under one name: exact rates of a first event, ratios for events that come again, and their mean number."""

from __future__ import annotations

from analyses.methods.counts.mean_number import MeanNumber, MeanNumberAt, mean_cumulative_number
from analyses.methods.counts.poisson_rates import Rate, RateRatio, incidence_rate, rate_ratio
from analyses.methods.counts.recurrent_events import recurrent_rate_ratio

__all__ = [
    "MeanNumber",
    "MeanNumberAt",
    "Rate",
    "RateRatio",
    "incidence_rate",
    "mean_cumulative_number",
    "rate_ratio",
    "recurrent_rate_ratio",
]
