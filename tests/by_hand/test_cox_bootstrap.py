"""Bootstrap of a Cox model: every refit is what cox gives for the rows drawn, and its spread is that of theory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.methods.survival import Bootstrap, CoxFit, bootstrap, cox
from analyses.result import NotEstimable


def persons(size: int, seed: int = 5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x, z = random.integers(0, 2, size), random.normal(size=size)
    waited, lost = random.exponential(10 / np.exp(0.6 * x - 0.4 * z)), random.uniform(4, 30, size)
    return pd.DataFrame(
        {
            "month": np.ceil(4 * np.minimum(waited, lost)) / 4,
            "event": (waited <= lost).astype(int),
            "x": x,
            "z": z,
            "centre": np.arange(size) % 8,
            "entry": 0.0,
        }
    )


def fitted(data: pd.DataFrame, **roles: str) -> CoxFit:
    fit = cox("x + z", data, month="month", event="event", **roles)  # type: ignore[arg-type]
    assert isinstance(fit, CoxFit)
    return fit


def test_a_refit_is_the_model_of_the_rows_drawn() -> None:
    data = persons(60).sort_values(["month", "x", "z"], ignore_index=True)
    found = bootstrap(fitted(data), replicates=3, seed=11)
    assert isinstance(found, Bootstrap)
    # rows of a design are ordered by month; no two persons of a month are told apart by what is drawn
    order = fitted(data).design
    random = np.random.default_rng(11)
    for place in range(3):
        drawn = np.sort(random.integers(0, 60, 60))
        rows = pd.DataFrame(order.matrix[drawn] * order.scale + order.centre, columns=["x", "z"])
        again = fitted(rows.assign(month=order.month[drawn], event=order.event[drawn].astype(int)))
        np.testing.assert_allclose(found.estimates.iloc[place], again.terms["estimate"], rtol=1e-8)


def test_whole_clusters_are_drawn_and_one_that_comes_twice_counts_twice() -> None:
    data = persons(80)
    fit = fitted(data, cluster="centre", strata="centre")
    found = bootstrap(fit, replicates=2, seed=3)
    assert isinstance(found, Bootstrap)
    random = np.random.default_rng(3)
    for place in range(2):
        drawn = random.integers(0, 8, 8)
        rows = pd.concat([data[data["centre"] == centre] for centre in drawn], ignore_index=True)
        np.testing.assert_allclose(
            found.estimates.iloc[place], fitted(rows, strata="centre").terms["estimate"], rtol=1e-8
        )


def test_the_spread_of_refits_is_the_standard_error_of_theory() -> None:
    fit = fitted(persons(600))
    found = bootstrap(fit, replicates=400, seed=1)
    assert isinstance(found, Bootstrap)
    assert found.failed == {}
    assert found.estimates.shape == (400, 2)
    # 400 refits know a standard error to 3.5 %
    np.testing.assert_allclose(found.terms["std_error"], fit.terms["std_error"], rtol=0.14)
    assert found.terms["low"].lt(found.terms["estimate"]).all()
    assert found.terms["high"].gt(found.terms["estimate"]).all()


def test_the_same_seed_gives_the_same_refits_whatever_the_order_of_rows() -> None:
    data = persons(60)
    first, second = (bootstrap(fitted(d), replicates=20, seed=2) for d in (data, data.sample(frac=1, random_state=1)))
    assert isinstance(first, Bootstrap)
    assert isinstance(second, Bootstrap)
    pd.testing.assert_frame_equal(first.estimates, second.estimates, check_exact=True)
    other = bootstrap(fitted(data), replicates=20, seed=3)
    assert isinstance(other, Bootstrap)
    assert not np.allclose(other.estimates, first.estimates)


def test_refits_without_a_maximum_are_counted_and_too_many_of_them_end_it() -> None:
    rare = pd.DataFrame({"month": np.arange(1.0, 41), "event": 0, "x": np.arange(40) % 2, "z": np.arange(40) % 5})
    rare.loc[[3, 6, 10, 13, 16, 20, 22, 25, 28, 31, 33, 36], "event"] = 1
    found = bootstrap(fitted(rare), replicates=200, seed=1)
    assert isinstance(found, Bootstrap)
    assert found.failed == {"the hazard ratio would be infinite or 0: events are separated by x": 2}
    assert len(found.estimates) == 198
    few = rare.assign(event=0)
    few.loc[[3, 10, 16, 20, 25, 31, 36], "event"] = 1
    assert bootstrap(fitted(few), replicates=200, seed=1) == NotEstimable(
        reason="only 175 of 200 refits have a maximum"
    )


def test_one_refit_has_no_spread() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        bootstrap(fitted(persons(60)), replicates=1, seed=1)
