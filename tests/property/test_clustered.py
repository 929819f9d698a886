"""What holds for clustered models whatever the data: against matrices of rows by rows, under reordering and scaling."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from analyses.methods.clustered import ClusteredFit, cr2, gee
from analyses.methods.clusters.corrected_sandwich import DENSE
from analyses.methods.clusters.inverse_root import varying_root
from analyses.methods.clusters.separation import separating_terms
from analyses.methods.mixed_models.small_sample import JointTest
from analyses.result import NotEstimable

Array = NDArray[np.float64]
Family = Literal["gaussian", "binomial", "poisson"]
seeds = st.integers(0, 2**32 - 1)
families = st.sampled_from(["gaussian", "binomial", "poisson"])
FORMULA = "y ~ arm + x + z"


def study(seed: int, family: Family) -> pd.DataFrame:
    """Return clusters of one row to 90, some of them with more rows than are made into a matrix."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([rng.integers(1, 12, rng.integers(4, 9)), rng.integers(DENSE + 1, 90, 2)])
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    n = len(cluster)
    arm, x, z = rng.integers(0, 2, n), rng.normal(size=n).round(2), rng.integers(0, 3, n)
    level = 0.5 * arm + 0.4 * x - 0.2 * z + rng.normal(0, 0.4, len(sizes))[cluster]
    y = {
        "gaussian": lambda: (level + rng.normal(size=n)).round(3),
        "binomial": lambda: (rng.random(n) < 1 / (1 + np.exp(-level))).astype(float),
        "poisson": lambda: rng.poisson(np.exp(level)).astype(float),
    }[family]()
    w = rng.choice([0.5, 1.0, 2.5], n)
    return pd.DataFrame({"cluster": cluster, "arm": arm, "x": x, "z": z, "y": y, "w": w})


def fitted(found: object) -> ClusteredFit:
    assert isinstance(found, ClusteredFit)
    return found


def root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    known = values > 1e-10
    return np.asarray((vectors * np.where(known, 1 / np.sqrt(np.where(known, values, 1.0)), 0.0)) @ vectors.T)


def dense(data: pd.DataFrame, fit: ClusteredFit, family: Family, weight: str | None) -> tuple[Array, Any]:
    """Return CR2 and the covariance P of (functions x clusters), straight from the definitions."""
    names = [name for name in fit.terms["term"] if name != "Intercept"]
    x = np.column_stack([np.ones(len(data)), data[names].to_numpy(float)])
    w = np.ones(len(data)) if weight is None else data[weight].to_numpy(float)
    eta = x @ fit.terms["estimate"].to_numpy(float)
    mean = {"gaussian": eta, "binomial": 1 / (1 + np.exp(-eta)), "poisson": np.exp(eta)}[family]
    v = {"gaussian": np.ones(len(eta)), "binomial": mean * (1 - mean), "poisson": mean}[family]
    if family == "gaussian":
        theta, weights, slope = np.eye(len(x)), np.diag(w), x
    else:
        theta, weights, slope = np.diag(v / w), np.diag(w / v), x * v[:, None]
    bread = np.linalg.inv(slope.T @ weights @ slope)
    rest = np.eye(len(x)) - slope @ bread @ slope.T @ weights
    residual = data["y"].to_numpy(float) - mean
    lines = []
    for cluster in np.unique(data["cluster"]):
        own = np.flatnonzero(data["cluster"] == cluster)
        half = np.sqrt(theta[np.ix_(own, own)])
        adjusted = half @ root(half @ rest[own] @ theta @ rest[own].T @ half) @ half
        lines.append(bread @ slope[own].T @ weights[np.ix_(own, own)] @ adjusted @ np.eye(len(x))[own])
    stack = np.stack(lines)  # clusters, coefficients, rows
    found = stack @ residual
    each = stack @ rest

    def spread(rows: Array) -> Array:
        """Return (q, q, J, J): the covariance of function s in cluster i and function t in cluster j."""
        part = np.einsum("qp,jpn->qjn", rows, each)
        return np.einsum("sin,nm,tjm->stij", part, theta, part)

    return found.T @ found, spread


@given(seed=seeds, family=families, weighted=st.booleans())
@settings(max_examples=12, deadline=None)
def test_low_rank_forms_give_what_matrices_of_rows_by_rows_give(seed: int, family: Family, weighted: bool) -> None:
    data, weight = study(seed, family), "w" if weighted else None
    fit = cr2(FORMULA, data, cluster="cluster", family=family, weight=weight)
    if isinstance(fit, NotEstimable):
        return
    covariance, spread = dense(data, fit, family, weight)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-7, atol=1e-10)
    rng = np.random.default_rng(seed)
    rows = np.vstack([np.eye(4), rng.normal(size=(2, 4))])
    expected = []
    for row in rows:
        p = spread(row[None])[0, 0]
        expected.append(np.trace(p) ** 2 / np.sum(p**2))
    own = fit._effects.known.own
    assert own is not None
    np.testing.assert_allclose(own.functions(rows)["df"].to_numpy(float), expected, rtol=1e-7)
    # AHT, from its definition: the covariances of the entries of a sum of squares whose expectation is the identity.
    three = rows[3:]
    p = spread(three)
    scale = root(np.einsum("stii->st", p))
    p = np.einsum("ab,bcij,cd->adij", scale, p, scale)
    total = sum((p[s, t] * p[t, s]).sum() + (p[s, s] * p[t, t]).sum() for s in range(3) for t in range(3))
    eta = 12 / total
    test = own.joint_test(three)
    if eta <= 2:
        assert isinstance(test, NotEstimable)
        return
    assert isinstance(test, JointTest)
    assert test.df2 == pytest.approx(eta - 2, rel=1e-6)
    value = three @ fit.terms["estimate"].to_numpy(float)
    wald = value @ np.linalg.solve(three @ covariance @ three.T, value)
    assert test.statistic == pytest.approx((eta - 2) / eta / 3 * wald, rel=1e-6)


@given(seed=seeds, family=families, weighted=st.booleans())
@settings(max_examples=8, deadline=None)
def test_where_one_cluster_decides_a_term_the_others_have_the_generalised_inverse(
    seed: int, family: Family, weighted: bool
) -> None:
    data, weight = study(seed, family), "w" if weighted else None
    # The largest cluster alone, which is more than what is made into a matrix, or the first.
    alone = data["cluster"].value_counts().idxmax() if seed % 2 else 0
    data = data.assign(z=(data["cluster"] == alone).astype(int))
    fit = cr2(FORMULA, data, cluster="cluster", family=family, weight=weight)
    if isinstance(fit, NotEstimable):
        return
    covariance, spread = dense(data, fit, family, weight)
    terms = fit.terms.set_index("term")
    assert list(terms.index[terms["reason"] != ""]) == ["z"]
    assert terms.loc["z", ["std_error", "df", "low", "high", "p"]].isna().all()
    assert "No standard error of z" in " ".join(fit.notes)
    np.testing.assert_allclose(fit.covariance.iloc[:3, :3], covariance[:3, :3], rtol=1e-6, atol=1e-10)
    p = [spread(np.eye(4)[[i]])[0, 0] for i in range(3)]
    expected = [np.trace(one) ** 2 / np.sum(one**2) for one in p]
    np.testing.assert_allclose(terms["df"].iloc[:3].to_numpy(float), expected, rtol=1e-6)
    assert isinstance(fit.joint_test(["arm", "z"]), NotEstimable)
    assert isinstance(fit.joint_test(["arm"]), JointTest)


@given(seed=seeds, spread=st.floats(0, 6), top=st.floats(0.01, 0.9999))
@settings(max_examples=25, deadline=None)
def test_the_root_of_a_diagonal_and_a_low_rank_is_that_of_its_matrix(seed: int, spread: float, top: float) -> None:
    rng = np.random.default_rng(seed)
    v = 10 ** rng.uniform(-spread, 0, 60)
    v /= v.max()
    q = np.linalg.qr(rng.normal(size=(60, 3)))[0] * np.sqrt([top, top / 2, 0.0])
    columns = v[:, None] * rng.normal(size=(60, 2))
    mine = varying_root(v**2, v[:, None] * q, -np.eye(3), columns, low=v.min() ** 2 * (1 - top), high=1.0)
    # Scaled to a matrix that a double can hold: B = V (I - QQ') V has a condition of up to 1e16.
    values, vectors = np.linalg.eigh(np.diag(v**2) - (v[:, None] * q) @ (v[:, None] * q).T)
    if values[0] < 1e-9:
        # Then by what defines it: B^-1/2 of B^-1/2 is B^-1, whose inverse is exact by Woodbury.
        mine = varying_root(v**2, v[:, None] * q, -np.eye(3), mine, low=v.min() ** 2 * (1 - top), high=1.0)
        inner = np.linalg.inv(np.eye(60) - q @ q.T)
        expected = (inner @ (columns / v[:, None])) / v[:, None]
    else:
        expected = vectors @ ((vectors.T @ columns) / np.sqrt(values)[:, None])
    np.testing.assert_allclose(mine, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@given(seed=seeds, family=families)
@settings(max_examples=6, deadline=None)
def test_the_order_of_rows_changes_no_digit(seed: int, family: Family) -> None:
    data = study(seed, family)
    data["arm"] = np.where(data["arm"] == 1, "new", "old")
    mixed = data.sample(frac=1, random_state=seed % 1000)
    formula = "y ~ arm + x + z"
    for weight in (None, "w"):
        pair = [cr2(formula, d, cluster="cluster", family=family, weight=weight) for d in (data, mixed)]
        if any(isinstance(one, NotEstimable) for one in pair):
            return
        one, other = (fitted(p) for p in pair)
        pd.testing.assert_frame_equal(one.terms, other.terms, check_exact=True)
        assert one.joint_test(["arm", "x"]) == other.joint_test(["arm", "x"])
        if family == "binomial":
            pd.testing.assert_frame_equal(one.risk_difference("arm"), other.risk_difference("arm"), check_exact=True)
    if family != "binomial":
        pair = [gee(formula, d, cluster="cluster", family=family, correlation="exchangeable") for d in (data, mixed)]
        if isinstance(pair[0], ClusteredFit):
            pd.testing.assert_frame_equal(pair[0].terms, fitted(pair[1]).terms, check_exact=True)


@given(seed=seeds, family=families, scale=st.floats(0.01, 100))
@settings(max_examples=8, deadline=None)
def test_units_of_covariates_and_weights_and_names_of_clusters_do_not_matter(
    seed: int, family: Family, scale: float
) -> None:
    data = study(seed, family)
    one = cr2(FORMULA, data, cluster="cluster", family=family, weight="w")
    if isinstance(one, NotEstimable):
        return
    changed = data.assign(x=data["x"] * scale, w=data["w"] * scale, cluster=data["cluster"].map(lambda c: f"q{97 - c}"))
    other = fitted(cr2(FORMULA, changed, cluster="cluster", family=family, weight="w")).terms
    per = np.array([1, 1, scale, 1])
    np.testing.assert_allclose(
        other["std_error"].to_numpy(float) * per, one.terms["std_error"].to_numpy(float), rtol=1e-6
    )
    np.testing.assert_allclose(other["df"].to_numpy(float), one.terms["df"].to_numpy(float), rtol=1e-6)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_risk_differences_have_the_gradient_of_the_mean_risk(seed: int) -> None:
    data = study(seed, "binomial")
    fit = cr2("y ~ arm * x + z", data, cluster="cluster", family="binomial", weight="w")
    if isinstance(fit, NotEstimable):
        return
    beta, w = fit.terms["estimate"].to_numpy(float), data["w"].to_numpy() / data["w"].sum()

    def difference(at: Array) -> float:
        risks = []
        for arm in (1.0, 0.0):
            columns = {
                "Intercept": np.ones(len(data)),
                "arm": arm,
                "x": data["x"],
                "z": data["z"],
                "arm:x": arm * data["x"],
            }
            x = np.column_stack([np.broadcast_to(columns[name], len(data)) for name in fit.terms["term"]])
            risks.append(w @ (1 / (1 + np.exp(-x @ at))))
        return float(risks[0] - risks[1])

    step = 1e-6 * np.eye(len(beta))
    gradient = np.array([(difference(beta + s) - difference(beta - s)) / 2e-6 for s in step])
    row = fit.risk_difference("arm").iloc[0]
    assert row["estimate"] == pytest.approx(difference(beta), rel=1e-10, abs=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt(gradient @ fit.covariance.to_numpy() @ gradient), rel=1e-5)
    own = fit._effects.known.own
    assert own is not None
    assert row["df"] == pytest.approx(float(own.functions(gradient[None])["df"].iloc[0]), rel=1e-4)


@given(seed=seeds, family=st.sampled_from(["binomial", "poisson"]))
@example(seed=52078432, family="poisson")  # a last step without information went to infinity
@settings(max_examples=40, deadline=None)
def test_a_fit_exists_exactly_where_no_terms_separate(seed: int, family: Family) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 14))
    x = np.column_stack([np.ones(n), rng.integers(0, 2, n), rng.integers(-1, 2, n)]).astype(float)
    y = rng.integers(0, 2, n).astype(float)
    if np.linalg.matrix_rank(x) < 3 or np.ptp(y) == 0:
        return
    # The largest sum of what a bounded combination can separate is 0 where there is none.
    if family == "binomial":
        side = np.where(y[:, None] > 0, x, -x)
        bound = linprog(-side.sum(axis=0), A_ub=-side, b_ub=np.zeros(n), bounds=(-1, 1), method="highs")
    else:
        side = -x[y == 0]
        level = x[y > 0]
        bound = linprog(
            -side.sum(axis=0),
            A_ub=-side,
            b_ub=np.zeros(len(side)),
            A_eq=level,
            b_eq=np.zeros(len(level)),
            bounds=(-1, 1),
        )
    separated = -bound.fun > 1e-7
    assert bool(separating_terms(x, y, ("Intercept", "a", "b"), family)) == separated
    data = pd.DataFrame({"y": y, "a": x[:, 1], "b": x[:, 2], "cluster": np.arange(n) % 4})
    found = cr2("y ~ a + b", data, cluster="cluster", family=family)
    assert isinstance(found, NotEstimable) == separated
