"""True hazard ratios, risks and restricted means of response and failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import DAYS_A_MONTH
from registry.simulation.fate import hazards
from registry.simulation.true_value import ARMS, HORIZON, Truth, exact, mean

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario


def true_times(people: People, arms: tuple[Flags, ...], scenario: Scenario) -> list[Truth]:
    """Return hazard ratios, and risks and restricted means in closed form for each person drawn."""
    log_response = np.log(scenario.number("response_median_months_ivig"))
    log_response -= np.log(scenario.number("response_median_months_rituximab"))
    given = "given covariates and centre"
    out = [
        exact("response_40.log_hazard_ratio", log_response, "log hazard ratio",
               f"Log hazard ratio of the first total improvement score of 40 or more, {given}; at all times the same."),
        exact("failure.log_hazard_ratio", np.log(scenario.number("failure_hazard_ratio")), "log hazard ratio",
               f"Log hazard ratio of treatment failure (composite), {given}; at all times the same."),
    ]  # fmt: skip
    by_arm = [hazards(people, arm, scenario) for arm in arms]
    for place, (endpoint, words, lag) in enumerate(
        (
            ("response_40", "a total improvement score of 40 or more", 0),
            ("failure", "treatment failure", int(scenario.number("failure_lag"))),
        )
    ):
        first, second = by_arm[0][place], by_arm[1][place]
        for months in (6, 12, HORIZON):
            day = months * DAYS_A_MONTH
            risks = [1 - np.exp(-hazard * max(np.floor(day) - lag, 0)) for hazard in (first, second)]
            for arm, risk in zip(ARMS, risks, strict=True):
                out.append(
                    mean(
                        f"{endpoint}.risk.{arm}.month_{months}",
                        risk,
                        "probability",
                        f"Marginal probability of {words} within {months} months if everybody started {arm}.",
                    )
                )
            out.append(
                mean(
                    f"{endpoint}.risk_difference.month_{months}",
                    risks[1] - risks[0],
                    "probability",
                    f"Marginal difference of the probability of {words} within {months} months.",
                )
            )
        means = [_restricted_mean(hazard, lag) for hazard in (first, second)]
        for arm, restricted in zip(ARMS, means, strict=True):
            out.append(
                mean(
                    f"{endpoint}.restricted_mean.{arm}.month_{HORIZON}",
                    restricted,
                    "months",
                    f"Marginal mean time to {words}, restricted to {HORIZON} months, if everybody started {arm}.",
                )
            )
        out.append(
            mean(
                f"{endpoint}.restricted_mean_difference.month_{HORIZON}",
                means[1] - means[0],
                "months",
                f"Marginal difference of the mean time to {words}, restricted to {HORIZON} months.",
            )
        )
    return out


def _restricted_mean(hazard: Floats, lag: int) -> Floats:
    """Return E[min(T, horizon)] in months for T = lag + exponential, rounded up to days: the sum of P(T > day)."""
    horizon = HORIZON * DAYS_A_MONTH
    whole_days = int(horizon)
    after = whole_days - lag
    total = lag + np.expm1(-hazard * after) / np.expm1(-hazard) + (horizon - whole_days) * np.exp(-hazard * after)
    return np.asarray(total / DAYS_A_MONTH)
