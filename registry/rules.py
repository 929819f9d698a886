"""Every clinical threshold, with unit and source: rules.toml, with what a study overrides."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


WHOLE = frozenset({"days", "months", "years", "measures", "persons", "CTCAE grade"})
"""Units of which there are no parts: dates are counted in days and calendar months."""


class Rule(BaseModel):
    """One threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Decimal
    unit: str
    what: str
    source: str
    verified: bool
    overridden: bool = False


class Rules(BaseModel):
    """All thresholds of one study, and the bands of the total improvement score."""

    model_config = ConfigDict(frozen=True)

    rules: dict[str, Rule]
    tis_bands: dict[str, tuple[tuple[Decimal, Decimal], ...]]

    def __getitem__(self, name: str) -> Decimal:
        """Return the value of a rule; KeyError if there is none."""
        return self.rules[name].value


@cache
def _shipped() -> Rules:
    text = files("registry").joinpath("rules.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text, parse_float=Decimal)
    bands = raw.pop("tis_bands")
    return Rules.model_validate({"rules": raw, "tis_bands": bands})


def load_rules(overrides: Mapping[str, Decimal] | None = None) -> Rules:
    """Return the thresholds with those of a study in place of the shipped ones.

    Raises UserError, naming all mistakes at once, if a study overrides a rule that does not exist, sets a part of a day
    or person, or a value below zero.
    """
    shipped = _shipped()
    overrides = overrides or {}
    wrong = [f"{name} is unknown" for name in sorted(set(overrides) - set(shipped.rules))]
    wrong += [
        f"{name} = {value} is not a whole number of {shipped.rules[name].unit}"
        for name, value in sorted(overrides.items())
        if name in shipped.rules and shipped.rules[name].unit in WHOLE and value != value.to_integral_value()
    ]
    wrong += [f"{name} = {value} is below zero" for name, value in sorted(overrides.items()) if value < 0]
    if wrong:
        raise UserError(
            "study.toml, [rules]",
            seen="; ".join(wrong) + ".",
            expected="Expected names and units that stand in registry/rules.toml.",
            advice="Correct them; 'myoregistry rules' lists all.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    changed = {
        name: rule.model_copy(update={"value": Decimal(overrides[name]), "overridden": True})
        if name in overrides
        else rule
        for name, rule in shipped.rules.items()
    }
    return shipped.model_copy(update={"rules": changed})


def create_rule_tables(connection: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Create the tables that concept SQL reads: rule (one row, one column a threshold) and tis_band.

    Whole numbers become INTEGER and others DECIMAL(18,6), so that no threshold passes through binary floating point.
    tis_band has one row a measure and band: measure, above, upto (per cent, open below and closed above), points.
    """
    names = sorted(rules.rules)
    kinds = ["INTEGER" if rules[name] == rules[name].to_integral_value() else "DECIMAL(18,6)" for name in names]
    body = ", ".join(f'CAST(? AS {kind}) AS "{name}"' for name, kind in zip(names, kinds, strict=True))
    connection.execute(f"CREATE TABLE rule AS SELECT {body}", [str(rules[name]) for name in names])
    rows = []
    for measure in sorted(rules.tis_bands):
        above = Decimal(-100000)
        for upto, points in rules.tis_bands[measure]:
            rows += [measure, int(above), int(upto), str(points)]
            above = upto
    marks = ", ".join("(?, CAST(? AS INTEGER), CAST(? AS INTEGER), CAST(? AS DECIMAL(4, 1)))" for _ in rows[::4])
    connection.execute(f"CREATE TABLE tis_band AS FROM (VALUES {marks}) AS b (measure, above, upto, points)", rows)
