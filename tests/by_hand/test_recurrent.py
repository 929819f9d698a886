"""Events that come again on paper: mean numbers and rate ratios of at most eight persons, fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from analyses.methods.rates import (
    MeanNumber,
    MeanNumberAt,
    incidence_rate,
    mean_cumulative_number,
    rate_ratio,
    recurrent_rate_ratio,
)
from analyses.methods.survival import CoxFit
from analyses.result import NotEstimable

Z = 1.959963984540054
COLUMNS = ["person", "entry", "month", "event"]
# Person 1 has events at 1 and 3 and is seen to 5; 2 has one at 2 and dies at 3; 3 has none and is seen to 4.
ROWS = [
    (1, 0, 1, 1, 0), (1, 1, 3, 1, 0), (1, 3, 5, 0, 0),
    (2, 0, 2, 1, 0), (2, 2, 3, 0, 1),
    (3, 0, 4, 0, 0),
]  # fmt: skip


def frame(rows: list[tuple[float, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*COLUMNS, "dead", "weight"][: len(rows[0])] if rows else COLUMNS)


def fitted(rows: list[tuple[float, ...]], **settings: str) -> MeanNumber:
    found = mean_cumulative_number(frame(rows), **{name: name for name in COLUMNS}, **settings)  # type: ignore[arg-type]
    assert isinstance(found, MeanNumber)
    return found


def at(found: MeanNumber, month: float) -> MeanNumberAt:
    (here,) = found.at([month])
    assert isinstance(here, MeanNumberAt)
    return here


def test_the_mean_number_is_the_sum_of_events_over_persons_at_risk() -> None:
    # at risk 3, 3, 3 at months 1, 2, 3: 1/3, 2/3, 1
    found = fitted(ROWS)
    assert [at(found, month).mean for month in (0, 0.9, 1, 2, 3, 5)] == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1])
    # As long as all three are seen it is the mean of their counts, with the root of its mean square deviation over 3:
    # counts 1, 0, 0; then 1, 1, 0; then 2, 1, 0.
    for month, counts in ((1, (1, 0, 0)), (2, (1, 1, 0)), (3, (2, 1, 0))):
        assert at(found, month).std_error == pytest.approx(np.std(counts) / math.sqrt(3), rel=1e-13)
    here = at(found, 3)
    reach = math.exp(Z * here.std_error / here.mean)
    assert (here.low, here.high) == pytest.approx((1 / reach, reach))
    assert (here.at_risk, here.events) == (3, 3)
    assert (at(found, 4).at_risk, at(found, 5).at_risk) == (2, 1)
    assert (found.n, found.events, found.followed_to) == (3, 3, 5)


def test_death_stops_events_and_lowers_the_mean_after_it() -> None:
    # With an event of person 1 at month 6: S(6-) = 2/3, at risk 1 (3 was censored at 4): 1 + 2/3 and not 1 + 1.
    rows = [*ROWS[:2], (1, 3, 6, 1, 0), *ROWS[3:]]
    assert at(fitted(rows), 6).mean == pytest.approx(2)
    found = fitted(rows, terminal="dead")
    assert at(found, 6).mean == pytest.approx(1 + 2 / 3)
    assert at(found, 6).mean == found.mean[-1]
    assert found.survival.tolist() == pytest.approx([1, 1, 1, 2 / 3, 2 / 3])
    # Influences at 6. On log S(6-): own death 1/3 / (2/3) (...): -(dN - 1/3) / 2 for each of three at risk at 3.
    # On the mean: (N_i(3) - 1) / 3 up to 3, then 2/3 x 1 x influence on log S; at 6 the one at risk has 1 - 1 = 0.
    influences = [
        Fraction(2 - 1, 3) + Fraction(2, 3) * Fraction(1, 3) / 2,
        Fraction(1 - 1, 3) - Fraction(2, 3) * Fraction(2, 3) / 2,
        Fraction(0 - 1, 3) + Fraction(2, 3) * Fraction(1, 3) / 2,
    ]
    assert at(found, 6).std_error == pytest.approx(math.sqrt(sum(u**2 for u in influences)), rel=1e-13)


def test_all_seen_to_their_death_have_the_mean_of_their_counts() -> None:
    # Counts 2, 1 and 0 at death, times 3, 5, 2: nobody is censored, so the mean in the end is (2 + 1 + 0) / 3. The
    # event at 3 comes at the very time of death and counts.
    rows = [(1, 0, 1, 1, 0), (1, 1, 3, 1, 1), (2, 0, 4, 1, 0), (2, 4, 5, 0, 1), (3, 0, 2, 0, 1)]
    found = fitted(rows, terminal="dead")
    here = at(found, 40)
    assert here.mean == pytest.approx(1)
    assert here.std_error == pytest.approx(np.std([2, 1, 0]) / math.sqrt(3), rel=1e-12)
    assert fitted(rows).at([40]) == (NotEstimable(reason="nobody is followed beyond month 5"),)


def test_weights_and_late_entries_by_hand() -> None:
    # Weights 1/2, 3/4 (from month 1 on), 1: at 1 weights 1/2 and 1 are at risk, at 2 all.
    rows = [
        (1, 0, 1, 1, 0, 0.5),
        (1, 1, 4, 0, 0, 0.5),
        (2, 1, 2, 1, 0, 0.75),
        (2, 2, 4, 0, 0, 0.75),
        (3, 0, 4, 0, 0, 1),
    ]
    found = fitted(rows, weight="weight")
    first, second = Fraction(1, 3), Fraction(1, 3)
    assert at(found, 2).mean == pytest.approx(float(first + second))
    total = Fraction(3, 2), Fraction(9, 4)
    influences = [
        Fraction(1, 2) * ((1 - first) / total[0] - second / total[1]),
        Fraction(3, 4) * (1 - second) / total[1],
        -first / total[0] - second / total[1],
    ]
    assert at(found, 2).std_error == pytest.approx(math.sqrt(sum(u**2 for u in influences)), rel=1e-13)


def test_without_an_event_the_limit_is_the_exact_one_of_poisson() -> None:
    found = fitted([(1, 0, 3, 0), (2, 0, 5, 0), (3, 0, 6, 1)])
    here = at(found, 2)
    assert (here.mean, here.std_error, here.low) == (0, 0, 0)
    assert here.high == pytest.approx(-math.log(0.025) / 3)
    assert at(found, 4).high == pytest.approx(-math.log(0.025) / 2)
    never = fitted([(1, 0, 3, 0), (2, 0, 5, 0)])
    assert (at(never, 5).mean, at(never, 5).high) == pytest.approx((0, -math.log(0.025)))


@pytest.mark.parametrize("persons", [1, 3])
def test_persons_who_are_too_alike_have_garwoods_limits(persons: int) -> None:
    rows = [row for person in range(persons) for row in ((person, 0, 1, 1), (person, 1, 2, 1))]
    here = at(fitted(rows), 2)
    exact = incidence_rate(2 * persons, persons, per=1)
    assert not isinstance(exact, NotEstimable)
    assert here.mean == pytest.approx(2)
    assert here.std_error == 0
    assert (here.low, here.high) == pytest.approx((exact.low, exact.high))


def test_nobody_and_weights_of_zero() -> None:
    names = {name: name for name in COLUMNS}
    nobody = NotEstimable(reason="there is nobody to follow")
    assert mean_cumulative_number(frame([]), **names) == nobody
    assert mean_cumulative_number(frame([(1, 0, 3, 1, 0, 0)]), **names, weight="weight") == nobody


def test_who_is_out_of_sight_is_not_at_risk() -> None:
    # Person 2 is not seen between 2 and 4, when person 1 has an event alone.
    found = fitted([(1, 0, 3, 1), (1, 3, 6, 0), (2, 0, 2, 0), (2, 4, 5, 1)])
    assert [at(found, month).mean for month in (3, 5)] == pytest.approx([1, 1.5])
    assert [at(found, month).at_risk for month in (2, 3, 4, 5)] == [2, 1, 1, 2]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([(1, 0, 3, 1, 0), (1, 2, 5, 0, 0)], "of 1 persons: 1 with rows that overlap"),
        ([(1, 0, 3, 2, 0)], "1 with event or dead neither 0 nor 1"),
        ([(1, 0, 3, 0, 1), (1, 3, 5, 0, 0), (2, 0, 1, 0, 0)], "of 2 persons: 1 with a row after the terminal event"),
        ([(1, 0, 3, 0, 1), (1, 4, 5, 0, 0)], "1 with a row after the terminal event"),
        ([(1, 0, 3, None, 1)], "missing in event or dead"),
        ([(None, 0, 3, 1, 1)], r"missing in person \(1 rows\)"),
    ],
)
def test_impossible_histories_are_refused_with_the_number_of_persons(rows: list[tuple[float, ...]], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        fitted(rows, terminal="dead")


# --- rate ratios ------------------------------------------------------------------------------------------------------
# z = 1: person 1 with events at 1 and 3, person 2 with one at 4. z = 0: person 3 with one at 2, person 4 without one.
# All are seen to 5 and at risk at all four times: the partial likelihood is that of 3 events of 4 with z = 1,
# r^3 / (2 + 2 r)^4, so that r / (1 + r) = 3/4 and r = 3.
TWO_BY_TWO = pd.DataFrame(
    [(1, 0, 1, 1, 1), (1, 1, 3, 1, 1), (1, 3, 5, 0, 1), (2, 0, 4, 1, 1), (2, 4, 5, 0, 1), (3, 0, 2, 1, 0),
     (3, 2, 5, 0, 0), (4, 0, 5, 0, 0)],
    columns=[*COLUMNS, "z"],
)  # fmt: skip


def ratio(data: pd.DataFrame, **settings: str) -> CoxFit | NotEstimable:
    return recurrent_rate_ratio("z", data, **{name: name for name in COLUMNS}, **{"variance": "sandwich", **settings})  # type: ignore[arg-type]


def test_with_all_at_risk_all_the_time_the_rate_ratio_is_that_of_the_counts() -> None:
    found = ratio(TWO_BY_TWO)
    assert isinstance(found, CoxFit)
    row = found.terms.iloc[0]
    assert row["estimate"] == pytest.approx(math.log(3), abs=1e-9)
    # Score of a person: sum over events of (own event - e^(beta z) / (2 + 2 r)) (z - 3/4). Four times, weights 3/8 for
    # z = 1 and 1/8 for z = 0: persons have 2 - 3/2, 1 - 3/2 (times 1/4), 1 - 1/2, 0 - 1/2 (times -3/4).
    # Information: 4 x 3/4 x 1/4.
    scores = [Fraction(1, 8), Fraction(-1, 8), Fraction(-3, 8), Fraction(3, 8)]
    variance = sum(score**2 for score in scores) / Fraction(3, 4) ** 2
    assert row["std_error"] == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert (row["low"], row["high"]) == pytest.approx(
        (math.log(3) - Z * row["std_error"], math.log(3) + Z * row["std_error"])
    )


def test_every_event_counts_and_not_the_first_only() -> None:
    # Without person 1's second event r / (1 + r) = 2/3; only first events: r = e^beta from 1, 2 and 4, person 1 at risk
    # at 1 only.
    found = ratio(TWO_BY_TWO.assign(event=TWO_BY_TWO["event"] * (TWO_BY_TWO["month"] != 3)))
    assert isinstance(found, CoxFit)
    assert found.terms["estimate"].item() == pytest.approx(math.log(2), abs=1e-9)
    first = ratio(TWO_BY_TWO.groupby("person").head(1))
    assert isinstance(first, CoxFit)
    # at 1 all four; at 2 one of z = 1 and two of z = 0; at 4 one of each
    best = brentq(lambda r: 2 - 4 * r / (2 + 2 * r) / 2 - r / (2 + r) - r / (1 + r), 1e-6, 50, xtol=1e-14)
    assert math.exp(first.terms["estimate"].item()) == pytest.approx(best, rel=1e-7)


def test_what_cannot_be_estimated_says_why() -> None:
    none = ratio(TWO_BY_TWO.assign(event=0))
    assert none == NotEstimable(reason="nobody had the event")
    assert isinstance(ratio(TWO_BY_TWO.assign(z=1)), NotEstimable)
    assert isinstance(ratio(TWO_BY_TWO.assign(event=TWO_BY_TWO["event"] * TWO_BY_TWO["z"])), NotEstimable)
    with pytest.raises(ValueError, match="1 with rows that overlap"):
        ratio(TWO_BY_TWO.assign(entry=[0, 0, 3, 0, 4, 0, 2, 0]))


def test_a_row_with_a_missing_value_is_left_out_and_counted() -> None:
    gap = TWO_BY_TWO.assign(z=TWO_BY_TWO["z"].astype(float).where(TWO_BY_TWO["person"] != 4))
    found = ratio(gap)
    assert isinstance(found, CoxFit)
    assert found.dropped == 1


def test_exact_rates_stand_beside_them() -> None:
    assert not isinstance(incidence_rate(3, 60), NotEstimable)
    assert not isinstance(rate_ratio(3, 60, 2, 50), NotEstimable)
