"""FLOOR 1: what the centres sent and what it means."""

from registry.cohort import Cohort, select_cohort
from registry.errors import UserError
from registry.keeping.store import add
from registry.rules import load_rules
from registry.simulate import simulate
from registry.snapshot import Snapshot, freeze, open_snapshot
from registry.study import Study, init_study, load_study

__all__ = [
    "Cohort",
    "Snapshot",
    "Study",
    "UserError",
    "add",
    "freeze",
    "init_study",
    "load_rules",
    "load_study",
    "open_snapshot",
    "select_cohort",
    "simulate",
]
