"""The corrected sandwich of a Cox model against the same written out for every person and event."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from coxdev import CoxDeviance
from scipy.stats import t as student

from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.hazards.cox_maximum import maximise
from analyses.methods.hazards.cox_robust import RobustVariance, corrected_sandwich, sandwich
from analyses.methods.hazards.likelihood_search import Maximum
from analyses.methods.survival import CoxFit, cox
from analyses.result import NotEstimable

Ties = Literal["efron", "breslow"]
TWELVE = pd.DataFrame(
    {
        "month": [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9],
        "event": [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1],
        "entry": [0, 0, 1, 0, 2, 0, 0, 3, 0, 1, 0, 0],
        "x": [1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0],
        "z": [0.3, -1.2, 0.8, 0.1, -0.4, 1.5, -0.7, 0.9, -0.2, 0.6, -1.1, 0.4],
        "half": [0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0],
        "centre": [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1],
        "weight": [1.0, 0.5, 2.0, 1.0, 1.5, 0.7, 1.0, 1.2, 0.4, 1.0, 2.0, 0.9],
    }
)


def dense(design: CoxDesign, maximum: Maximum, ties: Ties) -> tuple[np.ndarray, np.ndarray]:
    """Return covariance and degrees of freedom from a matrix with a row a person and event, nothing summed ahead."""
    size = len(design.terms)
    cluster = np.arange(len(design.month)) if design.cluster is None else design.cluster
    risk = design.weight * np.exp(design.matrix @ maximum.coefficients)
    entry = np.full(len(design.month), -np.inf) if design.entry is None else design.entry
    stratum = np.zeros(len(design.month)) if design.stratum is None else design.stratum
    cells, blocks, residuals, owners = [], [], [], []
    for i in np.flatnonzero(design.event):
        tied = np.flatnonzero((design.month == design.month[i]) & (stratum == stratum[i]) & design.event)
        share = list(tied).index(i) / len(tied) if ties == "efron" else 0.0
        inside = np.flatnonzero((stratum == stratum[i]) & (entry < design.month[i]) & (design.month >= design.month[i]))
        hazard = risk[inside] * np.where(np.isin(inside, tied), 1 - share, 1.0)
        chance = hazard / hazard.sum()
        weight = design.weight[tied].mean()
        centred = design.matrix[inside] - chance @ design.matrix[inside]
        cells.append(centred)
        blocks.append(weight * (np.diag(chance) - np.outer(chance, chance)))
        # Efron's ties spread each of the events tied over all of them
        happened = np.isin(inside, tied) * (design.weight[inside] / (len(tied) * weight) if ties == "efron" else 0.0)
        happened = happened if ties == "efron" else (inside == i) * design.weight[i] / weight
        residuals.append(weight * (happened - chance))
        owners.append(cluster[inside])
    matrix, owner = np.vstack(cells), np.concatenate(owners)
    covariance = np.zeros((len(owner), len(owner)))
    start = 0
    for block in blocks:
        covariance[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    score = np.stack([(matrix * (owner == c)[:, None]).T for c in range(cluster.max() + 1)])  # cluster, term, cell
    true = np.einsum("itk,kl,jul->ijtu", score, covariance, score)
    inverse = np.linalg.inv(true.sum(axis=(0, 1)))
    np.testing.assert_allclose(inverse, np.linalg.inv(maximum.information), rtol=1e-6)
    scale = root(inverse)  # the scale on which the information is 1, as no unit of a covariate should matter
    true = np.einsum("tu,ijuv,vw->ijtw", scale, true, scale)
    score = np.einsum("tu,iuk->itk", scale, score)
    towards = true.sum(axis=1)  # covariance of a cluster's score with the sum of all
    left = true - np.einsum("itu,jwu->ijtw", towards, towards)  # what estimating leaves of it
    total = np.zeros((size, size))
    turned = []
    for c in range(len(score)):
        target, own = towards[c], left[c, c]
        half = root(target)
        turn = half @ root(np.linalg.pinv(half @ own @ half, rcond=1e-9, hermitian=True)) @ half
        residual = turn @ score[c] @ np.concatenate(residuals)
        total += np.outer(residual, residual)
        turned.append(scale @ turn)
    spread = np.stack([[turned[i] @ left[i, j] @ turned[j].T for j in range(len(score))] for i in range(len(score))])
    along = np.stack([spread[:, :, k, k] for k in range(size)])
    df = np.trace(along, axis1=1, axis2=2) ** 2 / np.sum(along**2, axis=(1, 2))
    return scale @ total @ scale, df


def root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def fitted(ties: Ties, **roles: str | None) -> tuple[CoxDesign, Maximum]:
    settings = {"entry": None, "strata": None, "weight": None, "cluster": "centre", **roles}
    design = cox_design("x + z", TWELVE, month="month", event="event", **settings)
    assert isinstance(design, CoxDesign)
    maximum = maximise(design, ties)
    assert isinstance(maximum, Maximum)
    return design, maximum


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    "roles",
    [
        {},
        {"entry": "entry"},
        {"strata": "half"},
        {"entry": "entry", "strata": "half"},
    ],
)
def test_covariance_and_degrees_of_freedom_are_those_of_every_person_and_event(
    ties: Ties, roles: dict[str, str]
) -> None:
    design, maximum = fitted(ties, **roles)
    covariance, df = dense(design, maximum, ties)
    found = corrected_sandwich(design, maximum, ties)
    assert found.clusters == 5
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-6)
    np.testing.assert_allclose(found.df, df, rtol=1e-6)


def test_weighted_persons_of_one_month_each_have_the_same() -> None:
    apart = TWELVE.assign(month=np.arange(1.0, 13.0))
    settings = {"entry": "entry", "strata": None, "weight": "weight", "cluster": "centre"}
    design = cox_design("x + z", apart, month="month", event="event", **settings)
    assert isinstance(design, CoxDesign)
    maximum = maximise(design, "efron")
    assert isinstance(maximum, Maximum)
    covariance, df = dense(design, maximum, "efron")
    found = corrected_sandwich(design, maximum, "efron")
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-6)
    np.testing.assert_allclose(found.df, df, rtol=1e-6)


def test_where_each_stratum_is_a_cluster_the_baseline_hazard_takes_nothing() -> None:
    design, maximum = fitted("efron", strata="half", cluster="half")
    covariance, df = dense(design, maximum, "efron")
    found = corrected_sandwich(design, maximum, "efron")
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-6)
    np.testing.assert_allclose(found.df, df, rtol=1e-6)


def test_with_many_clusters_the_correction_without_the_baseline_hazard_goes_over_into_the_plain_sandwich() -> None:
    random = np.random.default_rng(4)
    data = pd.DataFrame({"month": random.exponential(size=4000), "event": 1, "x": random.normal(size=4000)})
    plain = cox("x", data.assign(row=range(4000)), month="month", event="event", cluster="row", variance="sandwich")
    corrected = cox("x", data.assign(row=range(4000)), month="month", event="event", cluster="row")
    assert isinstance(plain, CoxFit)
    assert isinstance(corrected, CoxFit)
    ratio = corrected.terms["std_error"][0] / plain.terms["std_error"][0]
    assert 1 < ratio < 1.002
    assert 100 < corrected.terms["df"][0] < 4000
    assert np.isinf(plain.terms["df"][0])


def test_intervals_and_p_are_students() -> None:
    fit = cox("x + z", TWELVE, month="month", event="event", cluster="centre", level=0.9)
    assert isinstance(fit, CoxFit)
    row = fit.terms.iloc[0]
    assert row["high"] - row["estimate"] == pytest.approx(student.ppf(0.95, row["df"]) * row["std_error"])
    assert row["p"] == pytest.approx(2 * student.cdf(-abs(row["estimate"] / row["std_error"]), row["df"]))
    assert fit.clusters == 5
    assert any("Fewer than 4 degrees of freedom" in note for note in fit.notes)


def test_no_more_clusters_than_terms_is_not_estimable() -> None:
    data = TWELVE.assign(centre=TWELVE["half"])
    for variance in ("sandwich", "CR2"):
        found = cox("x + z", data, month="month", event="event", cluster="centre", variance=variance)
        assert isinstance(found, NotEstimable)
        assert found.reason == "2 clusters are too few for a model of 2 terms"


def test_a_term_that_one_cluster_alone_decides_has_no_robust_variance() -> None:
    random = np.random.default_rng(0)
    data = pd.DataFrame({"x": random.integers(0, 2, 120), "centre": np.arange(120) % 6, "event": 1})
    data["month"] = random.exponential(size=120)
    data["only"] = np.where(data["centre"] == 0, random.normal(size=120), 0.0)
    found = cox("x + only", data, month="month", event="event", strata="centre", cluster="centre")
    assert found == NotEstimable(reason="one cluster alone decides the effect of only")


def test_clusters_whose_scores_are_all_0_leave_no_error() -> None:
    data = pd.DataFrame({"entry": [0, 0, 0, 0], "month": [2, 1, 1, 2], "event": [1, 0, 0, 1], "z": [1, 0, 0, 0]})
    data["row"] = range(4)
    found = cox("z", data, month="month", event="event", cluster="row", variance="sandwich")
    assert isinstance(found, NotEstimable)
    assert "no error" in found.reason


def test_the_order_of_rows_and_the_names_of_clusters_change_no_digit() -> None:
    turned = TWELVE.sample(frac=1, random_state=3).assign(centre=lambda d: d["centre"].map(lambda c: f"c{c}"))
    first = cox("x + z", TWELVE, month="month", event="event", entry="entry", cluster="centre")
    second = cox("x + z", turned, month="month", event="event", entry="entry", cluster="centre")
    assert isinstance(first, CoxFit)
    assert isinstance(second, CoxFit)
    pd.testing.assert_frame_equal(first.terms, second.terms, check_exact=True)


def test_a_plain_sandwich_is_the_sum_over_clusters_of_squared_scores() -> None:
    design, maximum = fitted("efron")
    inverse = np.linalg.inv(maximum.information)
    likelihood = CoxDeviance(event=design.month, status=design.event.astype(np.int32))
    scores = likelihood.score_residuals(design.matrix @ maximum.coefficients, design.matrix)
    assert design.cluster is not None
    sums = np.stack([scores[design.cluster == c].sum(axis=0) for c in range(5)])
    found = sandwich(design, maximum, "efron")
    assert isinstance(found, RobustVariance)
    np.testing.assert_allclose(found.covariance, inverse @ sums.T @ sums @ inverse, rtol=1e-10)
