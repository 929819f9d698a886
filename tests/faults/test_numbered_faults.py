"""Whatever step of whatever command goes wrong: the registry is as before or as after, and the next command goes on.

Here a few steps of each command; benchmarks/faults.py goes through all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.experiments import sample
from tests.faults.studies import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

HOW = ("kill", "full", "late")
MOST = {"add": 4}
SOME = 2
FEW = [name for name in COMMANDS if "large" not in name and name != "history"]


@pytest.mark.parametrize("command", FEW)
def test_a_command_that_goes_wrong_at_any_step_is_undone_or_done(command: str, ask: Callable[..., Any]) -> None:
    steps = ask(command=command, how="steps")
    chosen = sample(steps, MOST.get(command, SOME))
    wrong = [
        wrong for i, at in enumerate(chosen) for wrong in ask(command=command, how=HOW[i % len(HOW)], at=at)
    ]  # fmt: skip
    assert wrong == []


def test_a_commit_that_reports_an_error_although_it_is_done_counts_as_done(ask: Callable[..., Any]) -> None:
    steps = ask(command="add", how="steps")
    commit = steps.index("COMMIT") + 1
    assert ask(command="add", how="late", at=commit) == []
    assert ask(command="add", how="kill", at=commit + 1) == []


@pytest.mark.parametrize(("command", "size"), [("add", 2_000), ("add", 4_600_000), ("freeze", 1_500)])
def test_a_disk_that_is_full_for_duckdb_too_leaves_things_as_before(
    command: str, size: int, ask: Callable[..., Any]
) -> None:
    assert ask(command=command, how="limited", at=size) == []


@pytest.mark.parametrize("command", ["add large", "freeze large"])
def test_a_command_that_is_killed_at_a_random_moment_is_undone_or_done(command: str, ask: Callable[..., Any]) -> None:
    assert [wrong for moment in (0.3, 0.6, 0.9, 1.1) for wrong in ask(command=command, how="moment", at=moment)] == []


def test_what_is_put_in_a_files_place_is_on_the_disk_before_and_its_name_afterwards(ask: Callable[..., Any]) -> None:
    """Without fsync nothing of this shows until the power fails."""
    for command in ("add", "freeze", "backup"):
        steps = ask(command=command, how="steps")
        moved = [i for i, name in enumerate(steps) if name.startswith("replace ")]
        assert moved
        for at in moved:
            assert steps[at - 1].startswith("fsync"), (command, steps[at - 2 : at + 1])
            assert any(name.startswith("fsync") for name in steps[at + 1 : at + 3]), (command, steps[at : at + 3])
