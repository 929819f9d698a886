"""The assumptions of the simulator as one frozen value: scenario.toml, with what a caller puts in their place."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = date | float | tuple[float, ...] | dict[str, float]


class Assumption(BaseModel):
    """One assumption: its value, unit, meaning and source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Value
    unit: str = ""
    what: str
    source: str
    changed: bool = False


class Scenario(BaseModel):
    """All assumptions of one simulation, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assumptions: dict[str, Assumption]

    def number(self, name: str) -> float:
        """Return an assumption that is one number; TypeError if it is something else."""
        value = self.assumptions[name].value
        if not isinstance(value, float):
            text = f"{name} is not a number"
            raise TypeError(text)
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return an assumption that is a list of numbers; TypeError if it is something else."""
        value = self.assumptions[name].value
        if not isinstance(value, tuple):
            text = f"{name} is not a list of numbers"
            raise TypeError(text)
        return value

    def named(self, name: str) -> Mapping[str, float]:
        """Return an assumption that is a table of numbers by name; TypeError if it is something else."""
        value = self.assumptions[name].value
        if not isinstance(value, dict):
            text = f"{name} is not a table of numbers"
            raise TypeError(text)
        return value

    def share(self, name: str) -> float:
        """Return one of the smaller shares."""
        return self.named("shares")[name]

    def day(self, name: str) -> date:
        """Return an assumption that is a date; TypeError if it is something else."""
        value = self.assumptions[name].value
        if not isinstance(value, date):
            text = f"{name} is not a date"
            raise TypeError(text)
        return value

    def replace(self, values: Mapping[str, Value]) -> Scenario:
        """Return the scenario with other values; KeyError for an unknown name, TypeError for another kind of value."""
        changed = dict(self.assumptions)
        for name, value in values.items():
            old = changed[name]
            # An integer is a number too; a table keeps its names, so that a misspelt covariate cannot slip in.
            new = float(value) if isinstance(value, int) else value
            if type(new) is not type(old.value) or (isinstance(old.value, dict) and set(new) != set(old.value)):  # type: ignore[arg-type]
                text = f"{name} must be of the same kind, with the same names, as {old.value}"
                raise TypeError(text)
            changed[name] = old.model_copy(update={"value": new, "changed": True})
        return Scenario(assumptions=changed)


@cache
def default_scenario() -> Scenario:
    """Return the assumptions of scenario.toml."""
    text = files("registry").joinpath("simulation", "scenario.toml").read_text(encoding="utf-8")
    return Scenario.model_validate({"assumptions": tomllib.loads(text)})
