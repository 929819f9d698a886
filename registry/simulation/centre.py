"""Simulated centres: sizes, effects, laboratories, units and habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from registry.simulation.scenario import Scenario

# (code, name, country): the cities are real, the hospitals are not.
PLACES = (
    ("lyon", "Lyon", "France"), ("milano", "Milano", "Italy"), ("praha", "Praha", "Czechia"),
    ("stockholm", "Stockholm", "Sweden"), ("madrid", "Madrid", "Spain"), ("leiden", "Leiden", "Netherlands"),
    ("berlin", "Berlin", "Germany"), ("manchester", "Manchester", "United Kingdom"), ("wien", "Wien", "Austria"),
    ("liege", "Liege", "Belgium"), ("porto", "Porto", "Portugal"), ("budapest", "Budapest", "Hungary"),
    ("oslo", "Oslo", "Norway"), ("zagreb", "Zagreb", "Croatia"), ("gdansk", "Gdansk", "Poland"),
    ("aarhus", "Aarhus", "Denmark"), ("tampere", "Tampere", "Finland"), ("bern", "Bern", "Switzerland"),
)  # fmt: skip

# Every so many centres, one of a kind; the largest centre (number 0) is always plain.
UKAT_AT, MILLIMETRE_AT, MG_DL_AT, UI_AT = 3, 5, 7, 1


@dataclass(frozen=True, kw_only=True)
class Centre:
    """One simulated centre.

    Effects are on the log hazard of response and of failure, on log2(LDH/ULN) and on the log odds of rituximab first.
    Upper limits of normal are in the unit that the centre sends; ck_uln is (female, male).
    """

    code: str
    name: str
    country: str
    size: int
    effect_response: float
    effect_failure: float
    effect_ldh: float
    preference: float
    old_ldh_assay: bool
    ldh_in_ukat: bool
    ldh_uln: float
    ck_uln: tuple[int, int]
    ast_uln: int
    aldolase_uln: float
    igg_in_mg_dl: bool
    enzyme_unit: str
    vas_in_mm: bool
    haq: bool
    aldolase: bool
    lower_limits: bool
    ivig_in_g: bool
    rituximab_in_mg: bool
    prednisolone: bool
    antibody_method: str


def effect_sds(scenario: Scenario) -> tuple[float, float]:
    """Return the SD between centres of log hazards and of log2(LDH/ULN) that gives the intraclass correlation.

    An exponential time has log variance pi^2/6 given its hazard; log2(LDH/ULN) has the SDs of ldh_baseline.
    """
    icc = scenario.number("centre_icc")
    odds = icc / (1 - icc)
    _, between, within = scenario.numbers("ldh_baseline")
    return float(np.sqrt(odds * np.pi**2 / 6)), float(np.sqrt(odds * (between**2 + within**2)))


def centre_sizes(patients: int, centres: int, largest_share: float) -> tuple[int, ...]:
    """Return how many patients each centre has: the first has the largest share, the others fall off evenly.

    Raises ValueError if there are fewer patients than centres.
    """
    if centres < 1 or patients < centres:
        text = f"{patients} patients cannot be shared among {centres} centres"
        raise ValueError(text)
    if centres == 1:
        return (patients,)
    first = min(max(round(largest_share * patients), 1), patients - centres + 1)
    rest = patients - first - (centres - 1)
    weights = np.linspace(2.1, 0.95, centres - 1)
    edges = np.round(np.cumsum(weights) / weights.sum() * rest).astype(int)
    return (first, *(int(n) + 1 for n in np.diff(edges, prepend=0)))


def make_centre(rng: np.random.Generator, number: int, size: int, scenario: Scenario) -> Centre:
    """Return the centre of that number; its features depend on its own random stream and its number only."""
    if number < len(PLACES):
        code, name, country = PLACES[number]
    else:
        code, name, country = f"centre-{number + 1}", f"Centre {number + 1}", ""
    hazard_sd, ldh_sd = effect_sds(scenario)
    effects = rng.normal(size=4)
    habits = rng.random(12)
    kind = number % 12
    ukat = kind == UKAT_AT
    old = number > 0 and not ukat and bool(habits[0] < scenario.share("old_ldh_assay"))
    uln = float(rng.integers(450, 481) if old else rng.integers(225, 251))
    by_sex = bool(habits[1] < scenario.share("ck_limits_by_sex"))
    woman = int(rng.integers(140, 171))
    # HAQ is missing by centre: enough whole small centres are without it, never the largest.
    return Centre(
        code=code,
        name=f"{name} (simulated)",
        country=country,
        size=size,
        effect_response=float(effects[0] * hazard_sd),
        effect_failure=float(effects[1] * hazard_sd),
        effect_ldh=float(effects[2] * ldh_sd),
        preference=float(effects[3] * scenario.number("centre_preference_sd")),
        old_ldh_assay=old,
        ldh_in_ukat=ukat,
        ldh_uln=round(uln / 60, 2) if ukat else uln,
        ck_uln=(woman, woman + 50) if by_sex else (woman + 30, woman + 30),
        ast_uln=int(rng.integers(32, 43)),
        aldolase_uln=round(float(rng.uniform(7.0, 8.2)), 1),
        igg_in_mg_dl=kind == MG_DL_AT,
        enzyme_unit="UI/L" if kind in {UI_AT, 4} else "U/L",
        vas_in_mm=kind == MILLIMETRE_AT,
        haq=number == 0 or kind not in _without(scenario.numbers("haq_missing")[0], (2, 6, 8, 10)),
        aldolase=number == 0
        or kind not in _without(scenario.numbers("aldolase_missing")[0], (1, 4, 5, 9, 11, 7, 3, 6)),
        lower_limits=bool(habits[4] < scenario.share("lower_limits_sent")),
        ivig_in_g=bool(habits[5] < scenario.share("ivig_dosed_in_g")),
        rituximab_in_mg=bool(habits[6] < scenario.share("rituximab_dosed_in_mg")),
        prednisolone=bool(habits[8] < scenario.share("prednisolone")),
        antibody_method=("line blot", "immunoprecipitation", "ELISA")[int(habits[7] * 3)],
    )


def _without(share: float, order: tuple[int, ...]) -> set[int]:
    """Return which kinds of centre never collect something, so that about that share of the patients lacks it.

    The largest centre always collects, and each of the others has about a twentieth of the patients.
    """
    return set(order[: round(share / 0.055)])
