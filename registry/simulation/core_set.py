"""Core set measures at visits, so that the total improvement score crosses 40 exactly on the day of response.

Three states by construction, in changes from baseline (improvement positive, whole steps of the scale, so no rounding):

    partial     PhGA, ExGA <= 1.5 cm; PtGA <= 2.5 cm; MMT8 <= 15; HAQ <= 0.375; CK <= 2.25 x ULN: at most 37.5 points.
                From day 150 on PhGA, ExGA >= 0.6 cm and MMT8 >= 4: at least 25 points. Nothing is 30 % worse.
    responder   PhGA >= 1.6 cm (15), ExGA >= 0.6 cm (7.5), MMT8 >= 16 (20): at least 42.5 points even without HAQ, PtGA
                and enzyme; amyopathic patients PhGA, ExGA >= 2.6 cm (17.5, 15), MMT8 >= 4 (10): the same 42.5.
    flare       every measure worse than at baseline, ExGA by at least 2 cm: 0 points, and deterioration.

The warning visit before a failure after an early stop is a responder's visit with ExGA worse by 2 cm: deterioration,
but a score of 20 or more, so that "no response" does not come before the failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import truncated_normal, whole
from registry.simulation.people import DIAGNOSES

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints
    from registry.simulation.fate import Latent
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

LATE_DAY = 150
TAPER_DAYS = 120


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Values at time zero and how well a patient does in each state.

    phga, ptga, exga in mm; haq in eighths; mmt8 and cdasi in points; prednisone and maintenance (the
    dose in the end) in mg/day; gain: share of the possible improvement that a responder reaches in the end; part: share
    of the largest partial improvement.
    """

    amyopathic: Flags
    phga: Ints
    ptga: Ints
    exga: Ints
    haq: Ints
    mmt8: Ints
    cdasi: Ints
    skin: Flags
    prednisone: Floats
    maintenance: Floats
    gain: Floats
    part: Floats


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Persons and days at which something is measured, and the state on that day."""

    person: Ints
    day: Ints
    baseline: Flags
    flare: Flags
    responder: Flags
    warning: Flags
    since_response: Floats

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.person)


def draw_baseline(rng: np.random.Generator, people: People, scenario: Scenario) -> Baseline:
    """Return baseline values from which a score of 40 can be reached."""
    n = people.size
    adm = people.amyopathic
    mmt_mean, *mmt_spread = scenario.numbers("mmt8")
    distance = people.phga / 10 - scenario.named("reference")["phga"]
    strength = truncated_normal(rng, mmt_mean + scenario.number("mmt8_per_phga") * distance, tuple(mmt_spread), n)
    dose_mean, *dose_spread = scenario.numbers("prednisone")
    exga = _on_phga(rng, people.phga, scenario.numbers("exga"))
    gain_a, gain_b = scenario.numbers("responder_gain")
    part_a, part_b = scenario.numbers("partial_gain")
    skin = adm | (people.diagnosis == DIAGNOSES.index("DM"))
    return Baseline(
        amyopathic=adm,
        phga=people.phga,
        ptga=_on_phga(rng, people.phga, scenario.numbers("ptga")),
        exga=np.where(adm, np.maximum(exga, 40), exga),
        haq=whole(8 * _clipped(rng, scenario.numbers("haq"), n)),
        mmt8=np.where(adm, rng.integers(138, 147, n), whole(strength)),
        cdasi=whole(_clipped(rng, scenario.numbers("cdasi"), n)),
        skin=skin,
        prednisone=np.round(truncated_normal(rng, dose_mean, tuple(dose_spread), n) / 2.5) * 2.5,
        maintenance=np.where(rng.random(n) < scenario.share("low_dose_kept"), 5.0, 0.0),
        gain=rng.beta(gain_a, gain_b, n),
        part=rng.beta(part_a, part_b, n),
    )


def _clipped(rng: np.random.Generator, values: tuple[float, ...], size: int) -> Floats:
    """Return normal draws, clipped; values are mean, SD, lower and upper limit."""
    mean, sd, low, high = values
    return np.clip(rng.normal(mean, sd, size), low, high)


def _on_phga(rng: np.random.Generator, phga: Ints, values: tuple[float, ...]) -> Ints:
    """Return another global score in mm, linear in PhGA (mm); values in cm: level, slope, SD, lower and upper limit."""
    level, slope, sd, low, high = values
    return whole(np.clip(10 * level + slope * phga + rng.normal(0, 10 * sd, len(phga)), 10 * low, 10 * high))


def moments(latent: Latent, warning: Ints, person: Ints, day: Ints) -> Moments:
    """Return the state of persons on days; day 0 and before is baseline."""
    response, failure = latent.response[person], latent.failure[person]
    baseline = day <= 0
    flare = (day >= failure) & (day < latent.flare_end[person])
    responder = ~baseline & ~flare & (day >= response)
    return Moments(
        person=person,
        day=day,
        baseline=baseline,
        flare=flare,
        responder=responder,
        warning=responder & (day == warning[person]),
        since_response=np.maximum(day - response, 0).astype(np.float64),
    )


def _improvement(
    noise: Ints,
    at: Moments,
    baseline: Baseline,
    *,
    least: Ints,
    most: Ints,
    early: tuple[Ints, Ints],
    late: tuple[Ints, Ints],
) -> Ints:
    """Return the improvement of a measure outside flares: between limits by state, and 0 at baseline.

    A responder moves from `least` towards a share of `most`; the others towards a share of the upper partial limit.
    """
    gain, part = baseline.gain[at.person], baseline.part[at.person]
    reached = 0.35 + 0.65 * (1 - np.exp(-at.since_response / TAPER_DAYS))
    responder = np.clip(least + whole((most - least) * gain * reached) + noise, least, most)
    ramp = np.clip(at.day / LATE_DAY, 0, 1)
    target = whole(early[1] * (0.25 + 0.75 * part) * ramp) + noise
    partial = np.where(at.day >= LATE_DAY, np.clip(target, *late), np.clip(target, *early))
    return np.where(at.baseline, 0, np.where(at.responder, responder, partial))


def _normal(rng: np.random.Generator, sd: float, size: int) -> Ints:
    return whole(rng.normal(0, sd, size))


def draw_mmt8(rng: np.random.Generator, baseline: Baseline, at: Moments) -> Ints:
    """Return MMT8 (0 to 150) at those moments."""
    start, adm = baseline.mmt8[at.person], baseline.amyopathic[at.person]
    room = 150 - start
    least, zero = np.where(adm, 4, 16), np.zeros(at.size, dtype=np.int64)
    change = _improvement(
        _normal(rng, 2.0, at.size), at, baseline, least=least, most=room,
        early=(zero - 6, np.minimum(15, room)), late=(zero + 4, np.minimum(15, room)),
    )  # fmt: skip
    worse = whole(start * rng.uniform(0.05, 0.28, at.size))
    return np.where(at.flare, start - worse, start + change)


def draw_phga(rng: np.random.Generator, baseline: Baseline, at: Moments) -> Ints:
    """Return the physician global activity in mm at those moments."""
    start, adm = baseline.phga[at.person], baseline.amyopathic[at.person]
    zero = np.zeros(at.size, dtype=np.int64)
    change = _improvement(
        _normal(rng, 3.0, at.size), at, baseline, least=np.where(adm, 26, 16), most=start,
        early=(-np.minimum(10, start // 4), zero + 15), late=(zero + 6, zero + 15),
    )  # fmt: skip
    return np.where(at.flare, np.minimum(start + rng.integers(5, 21, at.size), 100), start - change)


def draw_exga(rng: np.random.Generator, baseline: Baseline, at: Moments) -> Ints:
    """Return the extramuscular global activity in mm at those moments."""
    start, adm = baseline.exga[at.person], baseline.amyopathic[at.person]
    zero = np.zeros(at.size, dtype=np.int64)
    change = _improvement(
        _normal(rng, 3.0, at.size), at, baseline, least=np.where(adm, 26, 6), most=start,
        early=(-np.minimum(10, start // 4), zero + 15), late=(zero + 6, zero + 15),
    )  # fmt: skip
    return np.where(at.flare | at.warning, start + rng.integers(20, 31, at.size), start - change)


def draw_ptga(rng: np.random.Generator, baseline: Baseline, at: Moments) -> Ints:
    """Return the patient global activity in mm at those moments."""
    start = baseline.ptga[at.person]
    zero = np.zeros(at.size, dtype=np.int64)
    change = _improvement(
        _normal(rng, 6.0, at.size), at, baseline, least=zero + 5, most=start,
        early=(zero - 10, zero + 25), late=(zero - 5, zero + 25),
    )  # fmt: skip
    return np.where(at.flare, np.minimum(start + rng.integers(5, 21, at.size), 100), start - change)


def draw_haq(rng: np.random.Generator, baseline: Baseline, at: Moments) -> Ints:
    """Return the HAQ disability index in eighths (0 to 24) at those moments."""
    start = baseline.haq[at.person]
    zero = np.zeros(at.size, dtype=np.int64)
    change = _improvement(
        _normal(rng, 1.0, at.size), at, baseline, least=zero + 1, most=start,
        early=(zero - 2, zero + 3), late=(zero - 1, zero + 3),
    )  # fmt: skip
    return np.where(at.flare, np.minimum(start + rng.integers(1, 5, at.size), 24), start - change)


def draw_cdasi(rng: np.random.Generator, baseline: Baseline, at: Moments) -> Ints:
    """Return the CDASI activity score at those moments."""
    share = np.where(at.responder, 0.55 - 0.4 * baseline.gain[at.person], 0.9 - 0.2 * baseline.part[at.person])
    share = np.where(at.flare, 1.25, np.where(at.baseline, 1.0, share))
    return whole(np.clip(baseline.cdasi[at.person] * share * rng.uniform(0.9, 1.1, at.size), 0, 60))


def prednisone_dose(baseline: Baseline, at: Moments) -> Floats:
    """Return the oral prednisone dose in mg/day, in steps of 2.5: tapered, faster after a response, up in a flare."""
    start = baseline.prednisone[at.person]
    slow = 12.5 + (start - 12.5) * np.exp(-np.maximum(at.day, 0) / 240)
    low = baseline.maintenance[at.person]
    fast = low + (np.minimum(slow, start) - low) * np.exp(-at.since_response / 90)
    dose = np.where(at.responder, fast, slow)
    dose = np.where(at.flare, np.maximum(dose, 10) + 20, np.where(at.baseline, start, dose))
    return np.clip(np.round(dose / 2.5) * 2.5, 0, 95)


def enzyme_floor(start: Ints, uln: Ints) -> Ints:
    """Return the lowest CK in whole U/L of a partial improvement: 15 % of its range (15 x ULN) below baseline."""
    return -((9 * uln - 4 * start) // 4)
