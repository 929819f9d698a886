"""True differences of LDH, MMT8 and prednisone over time, and true rates of serious infection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import DAYS_A_MONTH, NEVER
from registry.simulation.core_set import draw_baseline, draw_haq, draw_mmt8, draw_phga, moments, prednisone_dose
from registry.simulation.events import infection_rate
from registry.simulation.fate import Fate
from registry.simulation.immunoglobulin import LOW_IGG_G_L, latent_igg
from registry.simulation.laboratory import ldh_decline
from registry.simulation.treatment import draw_episodes, rituximab_courses
from registry.simulation.true_value import ARMS, HORIZON, MONTHS, Truth, exact, mean

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints
    from registry.simulation.fate import Latent
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

# The draw of switches is the same for every scenario and arm.
SWITCH_SEED = 1
# Name, unit, parts of a unit in which it is drawn, words, draw.
_SCALES = (
    ("haq", "points", 8, "HAQ disability index (0 to 3)", draw_haq),
    ("phga", "cm", 10, "physician global activity (0 to 10)", draw_phga),
)


def true_ldh(latents: tuple[Latent, ...], scenario: Scenario) -> list[Truth]:
    """Return changes and differences of log2(LDH/ULN): exact outside flares, with flares by Monte Carlo."""
    out = []
    rise = scenario.number("ldh_flare")
    for months in MONTHS:
        day = np.array([months * DAYS_A_MONTH])
        ivig, rituximab = (ldh_decline(day, np.array([arm]), scenario)[0] for arm in (False, True))
        smooth = float(ivig - rituximab)
        out += [
            exact(
                f"log2_ldh.smooth_change.{arm}.month_{months}",
                -float(decline),
                "log2 x ULN",
                f"Mean change of log2(LDH/ULN) from baseline to {months} months outside flares under {arm} first.",
            )
            for arm, decline in zip(ARMS, (ivig, rituximab), strict=True)
        ]
        out.append(
            exact(
                f"log2_ldh.smooth_difference.month_{months}",
                smooth,
                "log2 x ULN",
                f"Difference of log2(LDH/ULN) at {months} months, adjusted for baseline, outside flares.",
            )
        )
        flares = [(day >= latent.failure) & (day < latent.flare_end) for latent in latents]
        more = rise * (flares[1].astype(np.float64) - flares[0])
        out.append(
            mean(
                f"log2_ldh.difference.month_{months}",
                more,
                "log2 x ULN",
                f"Difference of mean log2(LDH/ULN) at {months} months, adjusted for baseline, flares included.",
                smooth,
            )
        )
    return out


def true_measures(
    rng: np.random.Generator, people: People, latents: tuple[Latent, ...], scenario: Scenario
) -> list[Truth]:
    """Return what has no closed form: MMT8, HAQ, PhGA and the dose of that day, with the same noise in both arms."""
    baseline = draw_baseline(rng, people, scenario)
    everybody = np.arange(people.size)
    never = np.full(people.size, NEVER)
    out = []
    for months in MONTHS:
        day = np.full(people.size, round(months * DAYS_A_MONTH))
        at = [moments(latent, never, everybody, day) for latent in latents]
        seed = int(rng.integers(2**32))
        strength = [draw_mmt8(np.random.default_rng(seed), baseline, moment) for moment in at]
        out += [
            mean(
                f"mmt8.mean.{arm}.month_{months}",
                values.astype(np.float64),
                "points",
                f"Marginal mean of MMT8 (0 to 150) at {months} months if everybody started {arm}.",
            )
            for arm, values in zip(ARMS, strength, strict=True)
        ]
        out.append(
            mean(
                f"mmt8.difference.month_{months}",
                (strength[1] - strength[0]).astype(np.float64),
                "points",
                f"Marginal difference of mean MMT8 (0 to 150) at {months} months.",
            )
        )
        for place, (name, unit, parts, words, draw) in enumerate(_SCALES, start=1):
            scores = [draw(np.random.default_rng([seed, place]), baseline, moment) / parts for moment in at]
            what = f"Marginal difference of the mean {words} at {months} months."
            out.append(mean(f"{name}.difference.month_{months}", scores[1] - scores[0], unit, what))
        dose = [prednisone_dose(baseline, moment) for moment in at]
        out.append(
            mean(
                f"prednisone.difference.month_{months}",
                dose[1] - dose[0],
                "mg/day",
                f"Marginal difference of the mean oral prednisone dose at {months} months.",
            )
        )
    return out


def true_infections(
    people: People, arms: tuple[Flags, ...], latents: tuple[Latent, ...], scenario: Scenario
) -> list[Truth]:
    """Return rates of serious infection over the first 24 months, with switches and the fall of IgG as they come."""
    by_arm = scenario.named("serious_infection_rate")
    out = [
        exact("serious_infection.log_rate_ratio_at_equal_igg", np.log(by_arm["rituximab"] / by_arm["ivig"]),
               "log rate ratio", "Log rate ratio of serious infections at the same IgG and infection history."),
    ]  # fmt: skip
    rates = [
        100 * infection_rate(people, arm, scenario) * (1 + (scenario.number("serious_infection_low_igg") - 1) * low)
        for arm, low in (
            (arm, _low_igg_share(people, arm, latent, scenario)) for arm, latent in zip(arms, latents, strict=True)
        )
    ]
    words = f"Serious infections per 100 person-years in the first {HORIZON} months"
    out += [
        mean(f"serious_infection.rate.{arm}", rate, "per 100 person-years", f"{words} if everybody started {arm}.")
        for arm, rate in zip(ARMS, rates, strict=True)
    ]
    ratio = rates[1].mean() / rates[0].mean()
    relative = (rates[1] - ratio * rates[0]) / rates[0].mean()
    error = float(relative.std(ddof=1) / np.sqrt(people.size) / ratio)
    out.append(Truth(
        name="serious_infection.log_rate_ratio", value=float(np.log(ratio)), unit="log rate ratio",
        method="monte carlo", standard_error=error,
        estimand=f"Log of the ratio of: {words}, rituximab first over IVIG first.",
    ))  # fmt: skip
    return out


def _low_igg_share(people: People, arm: Flags, latent: Latent, scenario: Scenario) -> Floats:
    """Return the share of the first 24 months that each person spends with IgG below 5 g/L."""
    n = people.size
    never, no = np.full(n, NEVER), np.zeros(n, dtype=bool)
    end = np.full(n, int(HORIZON * DAYS_A_MONTH))
    fate = Fate(
        rituximab=arm, latent=latent, fatal=no, early_stop=never, intolerance=no, warning=never, entry=0 * end,
        prevalent=no, end=end, died=no, lost=no, withdrawn=no, cause=never, time_zero=0 * end,
    )  # fmt: skip
    episodes, _ = draw_episodes(np.random.default_rng(SWITCH_SEED), fate, scenario)
    everybody: Ints = np.arange(n)
    days = np.arange(1, end[0], 14)
    low = np.zeros(n)
    for day in days:
        courses = rituximab_courses(episodes, n, everybody, np.full(n, day))
        low += latent_igg(people.igg, courses, scenario) < LOW_IGG_G_L
    return low / len(days)
