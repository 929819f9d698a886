"""Multi-state methods under one name: probabilities of states, mean times in them, and the intervals they need."""

from __future__ import annotations

from analyses.methods.states.occupation import MeanTime, Occupation, StateOccupation, StateShare, mean_time_difference
from analyses.methods.states.state_intervals import intervals_from_marks
from analyses.methods.states.state_occupation import state_occupation

__all__ = [
    "MeanTime",
    "Occupation",
    "StateOccupation",
    "StateShare",
    "intervals_from_marks",
    "mean_time_difference",
    "state_occupation",
]
