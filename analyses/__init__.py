"""FLOOR 2: what the numbers are."""

from analyses.disclosure import mask
from analyses.result import Curve, Estimate, Masked, NotEstimable, Result, Row, Summary
from analyses.run import load_results, run

__all__ = [
    "Curve",
    "Estimate",
    "Masked",
    "NotEstimable",
    "Result",
    "Row",
    "Summary",
    "load_results",
    "mask",
    "run",
]
