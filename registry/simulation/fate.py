"""The course of the disease: latent days of response and failure, enrolment, and the end of follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import DAYS_A_MONTH, DAYS_A_YEAR, EMPTY, NEVER, choice

if TYPE_CHECKING:
    from datetime import date

    from registry.simulation.arrays import Flags, Floats, Ints
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

# After an early stop, deterioration is seen this many days before the day of failure and confirmed on it.
WARNING_DAYS = 21


@dataclass(frozen=True, kw_only=True)
class Latent:
    """Latent days since time zero under a given first agent: they may lie after the end of follow-up.

    flare_end is the first day after the flare that the failure starts; a response during the flare ends it.
    """

    response: Ints
    failure: Ints
    flare_end: Ints


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What happens to patients, in days since time zero; NEVER where it does not.

    fatal: the failure is a death from myositis. early_stop: the first agent is stopped for intolerance or in remission.
    warning: the first of the two visits that show deterioration after an early stop. entry: enrolment, negative when
    before time zero. end: last day followed. cause: index of scenario death_causes, EMPTY unless dead of these.
    time_zero: days since 1970-01-01.
    """

    rituximab: Flags
    latent: Latent
    fatal: Flags
    early_stop: Ints
    intolerance: Flags
    warning: Ints
    entry: Ints
    prevalent: Flags
    end: Ints
    died: Flags
    lost: Flags
    withdrawn: Flags
    cause: Ints
    time_zero: Ints

    @property
    def failed(self) -> Flags:
        """Whether a failure that is not a death is seen within follow-up."""
        return (self.latent.failure <= self.end) & ~self.fatal


def hazards(people: People, rituximab: Flags, scenario: Scenario) -> tuple[Floats, Floats]:
    """Return the hazards a day of response (from day 0) and of failure (from the lag on) by first agent.

    Proportional hazards: baseline x exp(centre + covariates + arm). The log hazard ratio of response is
    log(median under IVIG / median under rituximab); that of failure is the log of failure_hazard_ratio.
    """
    months_ivig = scenario.number("response_median_months_ivig")
    months_rituximab = scenario.number("response_median_months_rituximab")
    response = (
        np.log(2)
        / (months_ivig * DAYS_A_MONTH)
        * np.exp(
            people.effect_response
            + people.linear(scenario.named("response_log_hazard"), scenario)
            + np.log(months_ivig / months_rituximab) * rituximab
        )
    )
    failure = (
        scenario.number("failure_rate_ivig")
        / DAYS_A_YEAR
        * np.exp(
            people.effect_failure
            + people.linear(scenario.named("failure_log_hazard"), scenario)
            + np.log(scenario.number("failure_hazard_ratio")) * rituximab
        )
    )
    return response, failure


def latent_days(people: People, rituximab: Flags, clocks: tuple[Floats, Floats], scenario: Scenario) -> Latent:
    """Return the latent days for unit exponential draws (response, failure); the same draws serve both arms.

    Times are rounded up to days. A response that would fall on the very day of failure is seen on the next.
    """
    response_hazard, failure_hazard = hazards(people, rituximab, scenario)
    response = np.minimum(np.ceil(clocks[0] / response_hazard), NEVER).astype(np.int64)
    failure = np.ceil(scenario.number("failure_lag") + clocks[1] / failure_hazard)
    failure = np.minimum(failure, NEVER).astype(np.int64)
    response = np.where(response == failure, response + 1, response)
    flare_end = failure + int(scenario.number("flare"))
    during = (response > failure) & (response < flare_end)
    return Latent(response=response, failure=failure, flare_end=np.where(during, response, flare_end))


def _days(day: date) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))


def draw_fate(rng: np.random.Generator, people: People, rituximab: Flags, scenario: Scenario) -> Fate:
    """Return the course of the disease and of follow-up.

    Prevalent patients had to be alive and in care at enrolment: loss and other deaths are drawn given that they come
    later (exponential times have no memory), and failures that were fatal before enrolment are drawn anew.
    """
    n = people.size
    first, last, cut = (_days(scenario.day(name)) for name in ("first_date", "last_date", "data_date"))
    prevalent = rng.random(n) < scenario.number("prevalent_share")
    low, high = scenario.numbers("incident_delay")
    shortest, longest = scenario.numbers("prevalent_delay")
    delay = np.floor(shortest + (longest - shortest) * rng.random(n) ** 1.5).astype(np.int64)
    entry = np.where(prevalent, delay, rng.integers(int(low), int(high) + 1, n))
    time_zero = rng.integers(first, last + 1, n) - np.where(prevalent, entry, 0)

    seen_from = np.where(prevalent, entry, 0)
    administrative = cut - rng.integers(0, int(scenario.number("longest_silence")) + 1, n) - time_zero
    administrative = np.minimum(administrative, int(scenario.number("longest_follow_up")))
    loss = seen_from + np.ceil(rng.exponential(DAYS_A_YEAR / scenario.number("loss_rate"), n)).astype(np.int64)
    age_effect = scenario.number("death_age_decades") * (people.age / 10 - scenario.named("reference")["age_decades"])
    death_hazard = scenario.number("death_rate") / DAYS_A_YEAR * np.exp(age_effect)
    death = seen_from + np.ceil(rng.exponential(1 / death_hazard)).astype(np.int64)

    clocks = (rng.exponential(size=n), rng.exponential(size=n))
    fatal = rng.random(n) < scenario.number("failure_fatal")
    latent = latent_days(people, rituximab, clocks, scenario)
    while (again := prevalent & fatal & (latent.failure <= entry)).any():
        clocks[1][again] = rng.exponential(size=int(again.sum()))
        fatal[again] = rng.random(int(again.sum())) < scenario.number("failure_fatal")
        latent = latent_days(people, rituximab, clocks, scenario)

    end = np.minimum(administrative, loss)
    by_other = death <= end
    end = np.where(by_other, death, end)
    by_myositis = fatal & (latent.failure <= end)
    end = np.where(by_myositis, latent.failure, end)
    by_other &= ~by_myositis
    causes = choice(rng, tuple(scenario.named("death_causes").values()), n)
    lost = (loss < administrative) & ~by_other & ~by_myositis
    early_stop, intolerance, warning = _early_stop(rng, latent, fatal, scenario)
    return Fate(
        rituximab=rituximab,
        latent=latent,
        fatal=fatal,
        early_stop=early_stop,
        intolerance=intolerance,
        warning=warning,
        entry=np.where(~prevalent & (entry >= end), 0, entry),
        prevalent=prevalent,
        end=end,
        died=by_other | by_myositis,
        lost=lost,
        withdrawn=lost & (rng.random(n) < scenario.share("withdrawn_among_lost")),
        cause=np.where(by_other, causes, EMPTY),
        time_zero=time_zero,
    )


def _early_stop(rng: np.random.Generator, latent: Latent, fatal: Flags, scenario: Scenario) -> tuple[Ints, Flags, Ints]:
    """Return the day of an early stop, whether for intolerance, and the day of the warning before a later failure.

    Only responders stop early, and only when the failure is far enough away for two visits to show it: whether somebody
    stops early tells nothing about response or failure, and changes neither.
    """
    n = len(fatal)
    after = np.ceil(rng.exponential(DAYS_A_YEAR / scenario.number("early_stop_rate"), n)).astype(np.int64)
    day = latent.response + 30 + after
    possible = day + 3 * WARNING_DAYS < latent.failure
    intolerance = possible & (rng.random(n) < scenario.number("early_stop_intolerance"))
    warning = np.where(possible & ~fatal, latent.failure - WARNING_DAYS, NEVER)
    return np.where(possible, day, NEVER), intolerance, warning
