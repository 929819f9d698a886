"""Enzymes and IgG at visits, in the units and with the limits of each centre's laboratory.

CK is the most abnormal enzyme at baseline and follows the state of the disease; LDH follows its smooth curve by first
agent, whatever the score does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.contract import contract
from registry.simulation.arrays import DAYS_A_MONTH, DAYS_A_YEAR, EMPTY, keep, stack, whole
from registry.simulation.core_set import enzyme_floor

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints, Rows
    from registry.simulation.centre import Centre
    from registry.simulation.core_set import Moments
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

ANALYTES = contract()["lab"]["analyte"].allowed()
UNITS = contract()["lab"]["unit"].allowed()
# CK exceeds the other enzymes at baseline by at least this factor, which rounding cannot undo.
MOST_ABNORMAL = 1.08
# By whether the centre has the older assay, whose limits are about twice as high.
LDH_METHODS = ("IFCC 37 C", "DGKC 37 C")


@dataclass(frozen=True, kw_only=True)
class Level:
    """Where a patient's log2(LDH/ULN) starts and how it drifts a year; centre and covariates included."""

    intercept: Floats
    slope: Floats


def draw_level(rng: np.random.Generator, people: People, scenario: Scenario) -> Level:
    """Return the patients' own levels of log2(LDH/ULN)."""
    mean, between, _ = scenario.numbers("ldh_baseline")
    level = mean + people.effect_ldh + people.linear(scenario.named("ldh_covariates"), scenario)
    return Level(
        intercept=level + rng.normal(0, between, people.size),
        slope=rng.normal(0, scenario.number("ldh_slope_sd"), people.size),
    )


def ldh_decline(day: Floats, rituximab: Flags, scenario: Scenario) -> Floats:
    """Return the decline of log2(LDH/ULN) since time zero: drop x (1 - exp(-t/tau)) of the first agent."""
    drop, tau = scenario.named("ldh_drop"), scenario.named("ldh_tau_months")
    months = np.maximum(day, 0) / DAYS_A_MONTH
    by_ivig = drop["ivig"] * -np.expm1(-months / tau["ivig"])
    by_rituximab = drop["rituximab"] * -np.expm1(-months / tau["rituximab"])
    return np.where(rituximab, by_rituximab, by_ivig)


def draw_log2_ldh(rng: np.random.Generator, level: Level, at: Moments, rituximab: Flags, scenario: Scenario) -> Floats:
    """Return log2(LDH/ULN) at those moments, with residuals."""
    since = np.maximum(at.day, 0).astype(np.float64)
    value = level.intercept[at.person] + level.slope[at.person] * since / DAYS_A_YEAR
    value = value - ldh_decline(since, rituximab[at.person], scenario)
    value = value + scenario.number("ldh_flare") * at.flare
    return value + rng.normal(0, scenario.numbers("ldh_baseline")[2], at.size)


def draw_labs(
    rng: np.random.Generator,
    *,
    centre: Centre,
    people: People,
    at: Moments,
    igg: Floats,
    log2_ldh: Floats,
    scenario: Scenario,
) -> Rows:
    """Return the rows of lab: person, date, analyte, value, unit, lln, uln, method (index of LDH_METHODS).

    igg (g/L) and log2_ldh (multiple of ULN) are what would be found at those moments.
    """
    ldh = _ldh(centre, log2_ldh)
    ast, aldolase = draw_enzyme(rng, at, "ast", scenario), draw_enzyme(rng, at, "aldolase", scenario)
    others = np.maximum(2.0**log2_ldh, np.maximum(ast, aldolase))
    ck_uln = np.where(people.female[at.person], *centre.ck_uln)
    ck = draw_ck(rng, ck_uln, at, others, persons=people.size, scenario=scenario)
    ast_uln = np.where(rng.random(at.size) < scenario.number("ulnless_ast"), np.nan, float(centre.ast_uln))
    has_aldolase = centre.aldolase & (rng.random(at.size) >= scenario.numbers("aldolase_missing")[1])
    base, slope = scenario.numbers("igg_measured")
    has_igg = rng.random(at.size) < 1 / (1 + np.exp(-(base + slope * (igg - 9))))
    enzyme = centre.enzyme_unit
    ldh_unit = "ukat/L" if centre.ldh_in_ukat else enzyme
    mg_dl = 100.0 if centre.igg_in_mg_dl else 1.0
    igg_sent = np.maximum(whole(igg * 100) / 100, 0.3) if mg_dl == 1.0 else np.maximum(whole(igg * 100), 30)
    parts = [
        _rows(at, "CK", ck.astype(np.float64), enzyme, ck_uln.astype(np.float64), 0.15, centre),
        _rows(at, "LDH", ldh, ldh_unit, np.full(at.size, centre.ldh_uln), 0.5, centre),
        keep(
            _rows(at, "aldolase", np.maximum(whole(aldolase * centre.aldolase_uln * 10), 5) / 10, enzyme,
                  np.full(at.size, centre.aldolase_uln), 0.13, centre), has_aldolase,
        ),
        _rows(at, "AST", whole(ast * centre.ast_uln).astype(np.float64), enzyme, ast_uln, 0.25, centre),
        keep(
            _rows(at, "IgG", igg_sent.astype(np.float64), "mg/dL" if centre.igg_in_mg_dl else "g/L",
                  np.full(at.size, 16.0 * mg_dl), 0.4375, centre), has_igg,
        ),
    ]  # fmt: skip
    return stack(parts)


def igg_found(lab: Rows) -> Rows:
    """Return person, day and value in g/L of every IgG in lab rows."""
    rows = keep(lab, lab["analyte"] == ANALYTES.index("IgG"))
    in_mg_dl = rows["unit"] == UNITS.index("mg/dL")
    return {"person": rows["person"], "day": rows["date"], "value": rows["value"] / np.where(in_mg_dl, 100, 1)}


def _rows(  # noqa: PLR0917  (six columns of one table and the centre)
    at: Moments, analyte: str, value: Floats, unit: str, uln: Floats, lower_share: float, centre: Centre
) -> Rows:
    lln = np.round(uln * lower_share, 1) if centre.lower_limits else np.full(at.size, np.nan)
    return {
        "person": at.person,
        "date": at.day,
        "analyte": np.full(at.size, ANALYTES.index(analyte)),
        "value": value,
        "unit": np.full(at.size, UNITS.index(unit)),
        "lln": lln,
        "uln": uln,
        "method": np.full(at.size, int(centre.old_ldh_assay) if analyte == "LDH" else EMPTY),
    }


def _ldh(centre: Centre, log2_ldh: Floats) -> Floats:
    """Return LDH in the centre's unit: whole U/L, or hundredths of ukat/L."""
    value = 2.0**log2_ldh * centre.ldh_uln
    return whole(value * 100) / 100 if centre.ldh_in_ukat else whole(value).astype(np.float64)


def _relative(at: Moments) -> Floats:
    """Return how abnormal an enzyme is against baseline: 1 at baseline, less with response, more in a flare."""
    calm = 0.12 + 0.5 * np.exp(-at.since_response / 30)
    partial = 1 - 0.15 * np.clip(at.day / 150, 0, 1)
    return np.where(at.baseline, 1.0, np.where(at.flare, 1.25, np.where(at.responder, calm, partial)))


def draw_enzyme(rng: np.random.Generator, at: Moments, name: str, scenario: Scenario) -> Floats:
    """Return AST or aldolase as a multiple of its limit; a responder's is never above his own at baseline.

    Otherwise a value from a few days after a baseline visit that lacks the enzyme could stand in as the most abnormal.
    """
    people = int(at.person.max(initial=-1)) + 1
    spread = scenario.named("other_enzymes")
    start = rng.normal(spread[name], spread["sd"], people)[at.person]
    level = 2.0 ** np.clip(start * _relative(at) + rng.normal(0, spread[f"{name}_residual"], at.size), -2, 3)
    first = np.full(people, np.inf)
    first[at.person[at.baseline]] = level[at.baseline]
    return np.where(at.responder, np.minimum(level, first[at.person]), level)


def draw_ck(
    rng: np.random.Generator, uln: Ints, at: Moments, others: Floats, *, persons: int, scenario: Scenario
) -> Ints:
    """Return CK in whole U/L at those moments, such that it is the most abnormal enzyme at baseline.

    uln: its limit at each moment; others: the highest multiple of the other enzymes.
    """
    median, spread, low, high = scenario.numbers("ck_baseline")
    own = np.exp(rng.normal(np.log(median), spread, persons)).clip(low, high)
    target = rng.uniform(0.4, 1.3, persons)
    highest = np.zeros(persons)
    highest[at.person[at.baseline]] = others[at.baseline]
    start = np.ceil(np.maximum(own, MOST_ABNORMAL * highest)[at.person] * uln).astype(np.int64)
    calm = target[at.person] * uln
    responder = calm + 0.5 * (start - calm) * np.exp(-at.since_response / 30)
    partial = start * (1 - 0.12 * np.clip(at.day / 150, 0, 1)) * np.exp(rng.normal(0, 0.08, at.size))
    noisy = responder * np.exp(rng.normal(0, 0.12, at.size))
    value = np.where(
        at.responder, whole(np.maximum(noisy, 0.25 * uln)), np.maximum(whole(partial), enzyme_floor(start, uln))
    )
    value = np.where(at.flare, whole(start * rng.uniform(1.0, 1.6, at.size)) + 1, value)
    return np.where(at.baseline, start, value)
