"""What holds for repeated measures whatever the data: against dense matrices, under reordering, scaling, copying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analyses.methods.mixed_models.likelihood_ratio import likelihood_ratio
from analyses.methods.mixed_models.reference_grid import Design, design
from analyses.methods.mixed_models.small_sample import Uncertainty
from analyses.methods.repeated import Covariance, RepeatedFit, VisitInference, mmrm
from analyses.methods.repeated_measures import visit_covariance
from analyses.methods.repeated_measures.visit_inference import uncertainty
from analyses.methods.repeated_measures.visit_rows import VisitRows, arrange
from analyses.methods.repeated_measures.visit_search import Optimum, _Problem, search

Array = NDArray[np.float64]
Smooth = Callable[[Any], Any]
KINDS = get_args(Covariance)
FORMULA = "y ~ arm * C(visit) + x"
seeds = st.integers(0, 2**32 - 1)


def registry(seed: int, patients: int = 40, visits: int = 3) -> pd.DataFrame:
    """Return correlated visits, a fifth of which are missing."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(patients), visits)
    visit = np.tile(np.arange(1, visits + 1), patients)
    arm, x = person % 2, rng.normal(0, 1, patients)[person]
    y = rng.normal(0, 1, patients)[person] + rng.normal(0, 1, len(person)) * (0.6 + 0.2 * visit) + 0.4 * x - 0.2 * arm
    data = pd.DataFrame({"patient": person, "visit": visit, "arm": np.where(arm, "b", "a"), "x": x, "y": y})
    return data[rng.random(len(data)) > 0.2].reset_index(drop=True)


def fitted(
    data: pd.DataFrame,
    covariance: Covariance = "us",
    inference: VisitInference = "kenward-roger",
    group: str | None = None,
) -> RepeatedFit:
    fit = mmrm(FORMULA, data, patient="patient", visit="visit", covariance=covariance, inference=inference, group=group)
    assert isinstance(fit, RepeatedFit)
    assert fit.converged, fit.notes
    return fit


def sigma(kind: str, theta: Any, t: int) -> Any:
    """Return the covariance of t visits, written a second time; theta may be complex."""
    if kind == "us":
        lower, k = np.eye(t, dtype=complex), t
        for i in range(t):
            for j in range(i):
                lower[i, j] = theta[k]
                k += 1
        root = np.diag(np.exp(theta[:t])) @ lower
        return root @ root.T
    level = np.exp(theta[:t]) if kind.endswith("h") else np.full(t, np.exp(theta[0]))
    own = theta[t:] if kind.endswith("h") else theta[1:]
    out = np.zeros((t, t), dtype=complex)
    for i in range(t):
        for j in range(t):
            lag = abs(i - j)
            if kind.startswith("cs"):
                r = (1 + 1 / (t - 1)) / (1 + np.exp(-own[0])) - 1 / (t - 1)
            else:
                r = own[lag - 1 if kind.startswith("toep") else 0]
                r = (r / np.sqrt(1 + r**2)) ** (lag if kind.startswith("ar1") else 1)
            out[i, j] = level[i] * level[j] * (r if lag else 1)
    return out


def jacobian(f: Smooth, theta: Array) -> Array:
    """Return exact first derivatives by complex steps."""
    steps = 1e-30j * np.eye(len(theta))
    return np.stack([np.imag(f(theta + step)) / 1e-30 for step in steps])


def central(f: Smooth, theta: Array, width: float = 1e-3) -> Array:
    """Return first derivatives by differences of the sixth order."""
    steps = width * np.eye(len(theta))
    weights = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
    return np.stack([sum(w * (f(theta + k * s) - f(theta - k * s)) for k, w in weights) / width for s in steps])


def dense(
    kind: str, data: pd.DataFrame, theta: Array, groups: list[str]
) -> tuple[Array, Array, Array, Array, float, Array, Array]:
    """Return C, Kenward and Roger's covariance with and without R, P_r, criterion, its gradient and W.

    Matrices have the size of the data.
    """
    made = design(FORMULA, data)
    assert isinstance(made, Design)
    x, y, n, t = made.x, made.y, len(data), int(data["visit"].max())
    visit, arm = data["visit"].to_numpy() - 1, data["arm"].to_numpy()
    same = data["patient"].to_numpy()[:, None] == data["patient"].to_numpy()[None, :]
    each = len(theta) // len(groups)

    def v(parameters: Any) -> Any:
        out = np.zeros((n, n), dtype=complex)
        for g, name in enumerate(groups):
            own = sigma(kind, parameters[g * each : (g + 1) * each], t)
            mine = np.ones(n, dtype=bool) if name == "" else arm == name
            out += own[np.ix_(visit, visit)] * (same & mine[:, None])
        return out

    def gradient(parameters: Array) -> Array:
        inverse = np.linalg.inv(np.real(v(parameters)))
        c = np.linalg.inv(x.T @ inverse @ x)
        p = inverse - inverse @ x @ c @ x.T @ inverse
        return np.array([np.sum(p * g) - y @ p @ g @ p @ y for g in jacobian(v, parameters)])

    inverse = np.linalg.inv(np.real(v(theta)))
    c = np.linalg.inv(x.T @ inverse @ x)
    rest = y - x @ c @ x.T @ inverse @ y
    logs = np.linalg.slogdet(np.real(v(theta)))[1] - np.linalg.slogdet(c)[1]
    criterion = logs + rest @ inverse @ rest + (n - x.shape[1]) * np.log(2 * np.pi)
    hessian = central(gradient, theta)
    w = 2 * np.linalg.inv((hessian + hessian.T) / 2)
    first, second = jacobian(v, theta), central(lambda q: jacobian(v, q), theta)
    ax = inverse @ x
    p = np.stack([ax.T @ g @ ax for g in first])
    total, curved = np.zeros_like(c), np.zeros_like(c)
    for r in range(len(theta)):
        for s in range(len(theta)):
            q = ax.T @ first[r] @ inverse @ first[s] @ ax
            total += w[r, s] * (q - p[r] @ c @ p[s])
            curved += w[r, s] * (ax.T @ second[r, s] @ ax) / 4
    return c, c + 2 * c @ (total - curved) @ c, c + 2 * c @ total @ c, p, float(criterion), gradient(theta), w


@pytest.mark.parametrize("group", [None, "arm"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_is_as_with_matrices_of_the_size_of_the_data(kind: Covariance, group: str | None) -> None:
    data = registry(7 if group is None else 11)
    fit = fitted(data, kind, group=group)
    best, _ = optimum(data, kind, group=group)
    theta = best.theta.copy()
    theta[:, : 3 if kind == "us" or kind.endswith("h") else 1] += np.log(arranged(data, group=group).scale)
    groups = [""] if group is None else ["a", "b"]
    c, adjusted, linear, p, criterion, gradient, w = dense(kind, data, theta.ravel(), groups)
    known = fit._effects.known
    assert fit.reml_criterion == pytest.approx(criterion, abs=1e-9)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    np.testing.assert_allclose(known.model, c, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(known.parameters, w, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(known.slopes, p, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, adjusted, rtol=1e-7, atol=1e-11)
    straight = fitted(data, kind, "kenward-roger-linear", group)
    np.testing.assert_allclose(straight.covariance, linear, rtol=1e-7, atol=1e-11)
    np.testing.assert_allclose(straight.terms["df"], fit.terms["df"], rtol=1e-12)
    half = known.model[1]
    mine = 2 * c[1, 1] ** 2 / ((g := np.einsum("p,rpq,q->r", half, p, half)) @ w @ g)
    assert fit.terms["df"][1] == pytest.approx(mine, rel=1e-7)


def arranged(data: pd.DataFrame, *, compress: bool = True, group: str | None = None) -> VisitRows:
    made = design(FORMULA, data, also=["patient", "visit"])
    assert isinstance(made, Design)
    rows = arrange(made, data, patient="patient", visit="visit", group=group, compress=compress)
    assert isinstance(rows, VisitRows)
    return rows


def optimum(
    data: pd.DataFrame, kind: Covariance, *, compress: bool = True, restricted: bool = True, group: str | None = None
) -> tuple[Optimum, Uncertainty]:
    rows = arranged(data, compress=compress, group=group)
    best = search(rows, kind, restricted=restricted)
    assert best is not None
    assert best.converged
    known = uncertainty(rows, best, kind, inference="kenward-roger" if restricted else "satterthwaite", level=0.95)
    assert isinstance(known, Uncertainty)
    return best, known


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_differences(kind: Covariance, restricted: bool) -> None:
    rows = arranged(registry(3, visits=4), group="arm")
    problem = _Problem(data=rows, kind=kind, restricted=restricted)
    rng = np.random.default_rng(1)
    theta = np.stack([visit_covariance.start(kind, own) for own in rows.moments])
    theta += rng.normal(0, 0.05, theta.shape)

    def value(flat: Array) -> Array:
        point = problem.point(flat.reshape(theta.shape))
        assert point is not None
        return np.array(point.criterion)

    def gradient(flat: Array) -> Array:
        point = problem.point(flat.reshape(theta.shape))
        assert point is not None
        return problem.derive(flat.reshape(theta.shape), point)[1].gradient

    point = problem.point(theta)
    assert point is not None
    _, made, hessian = problem.derive(theta, point)
    np.testing.assert_allclose(made.gradient, central(value, theta.ravel()), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(hessian, central(gradient, theta.ravel()), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_the_matrix_are_exact(kind: Covariance) -> None:
    rng = np.random.default_rng(5)
    theta = rng.normal(0, 0.4, visit_covariance.parameters(kind, 4))
    np.testing.assert_allclose(visit_covariance.matrix(kind, theta, 4), np.real(sigma(kind, theta, 4)), rtol=1e-12)
    first = jacobian(lambda q: sigma(kind, q, 4), theta)
    np.testing.assert_allclose(visit_covariance.slopes(kind, theta, 4), first, atol=1e-12)
    second = central(lambda q: jacobian(lambda u: sigma(kind, u, 4), q), theta)
    against, weight = rng.normal(0, 1, (4, 4)), rng.normal(0, 1, (len(theta), len(theta)))
    against, weight = against + against.T, weight + weight.T
    along = np.einsum("rsab,ab->rs", second, against)
    np.testing.assert_allclose(visit_covariance.curvature(kind, theta, 4, against), along, atol=1e-10)
    bent = np.einsum("rsab,rs->ab", second, weight)
    np.testing.assert_allclose(visit_covariance.bend(kind, theta, 4, weight), bent, atol=1e-10)


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_order_of_rows_changes_no_digit(seed: int) -> None:
    data = registry(seed)
    one = fitted(data)
    other = fitted(data.sample(frac=1, random_state=1))
    assert one.terms.equals(other.terms)
    assert one.variance.equals(other.variance)
    assert one.log_likelihood == other.log_likelihood
    assert one.residuals.equals(other.residuals.sort_index())
    assert one.standardised_residuals.equals(other.standardised_residuals.sort_index())


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_names_of_patients_do_not_matter(seed: int) -> None:
    data = registry(seed)
    one, other = fitted(data), fitted(data.assign(patient=[f"p{(7 * i) % 40:02}" for i in data["patient"]]))
    pd.testing.assert_frame_equal(one.terms, other.terms, rtol=1e-7)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-9)


@given(seed=seeds, factor=st.sampled_from([1e-6, 0.37, 1e5]))
@settings(max_examples=8, deadline=None)
def test_another_unit_of_the_response_scales_estimates_and_keeps_degrees_of_freedom(seed: int, factor: float) -> None:
    data = registry(seed)
    one, other = fitted(data), fitted(data.assign(y=factor * data["y"]))
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(other.terms[name], factor * one.terms[name], rtol=1e-6)
    np.testing.assert_allclose(other.terms["df"], one.terms["df"], rtol=1e-6)
    shift = -(one.n - len(one.terms)) * np.log(factor)
    assert other.log_likelihood - one.log_likelihood == pytest.approx(shift, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("restricted", [True, False])
def test_sums_in_place_of_patients_change_nothing(kind: Covariance, restricted: bool) -> None:
    data = registry(2, patients=160)
    assert len(arranged(data).rows) < len(arranged(data, compress=False).rows) / 1.5
    one, known = optimum(data, kind, restricted=restricted)
    other, there = optimum(data, kind, compress=False, restricted=restricted)
    assert one.point.criterion == pytest.approx(other.point.criterion, abs=1e-9)
    for name in ("estimate", "covariance", "model", "slopes", "parameters"):
        np.testing.assert_allclose(getattr(known, name), getattr(there, name), rtol=1e-6, atol=1e-9)


def test_every_patient_twice_keeps_maximum_likelihood_estimates_and_halves_their_covariance() -> None:
    data = registry(4)
    twice = pd.concat([data, data.assign(patient=data["patient"] + 1000)])
    one, known = optimum(data, "us", restricted=False)
    other, there = optimum(twice, "us", restricted=False)
    np.testing.assert_allclose(there.estimate, known.estimate, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(there.model, known.model / 2, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(
        other.sigma * arranged(twice).scale ** 2, one.sigma * arranged(data).scale ** 2, rtol=1e-7
    )


def test_without_its_second_derivatives_kenward_and_roger_does_not_depend_on_the_order_of_the_visits() -> None:
    data = registry(12)
    turned = data.assign(visit=4 - data["visit"])
    error = {}
    for inference in ("kenward-roger-linear", "kenward-roger"):
        # The mean of an arm at the visit that stays in the middle.
        found = [
            fitted(frame, inference=inference).marginal_means(["arm", "visit"]).set_index(["arm", "visit"])["std_error"]
            for frame in (data, turned)
        ]
        error[inference] = found[0].xs(2, level="visit") / found[1].xs(2, level="visit")
    np.testing.assert_allclose(error["kenward-roger-linear"].astype(float), 1, rtol=1e-8)
    # mmrm's parameters are a Cholesky factor, and so what comes with their second derivatives does.
    assert (error["kenward-roger"] - 1).abs().max() > 1e-5


@pytest.mark.parametrize("kind", ["cs", "us"])
def test_a_covariance_of_each_arm_is_never_less_likely(kind: Covariance) -> None:
    data = registry(9)
    test = likelihood_ratio(fitted(data, kind), fitted(data, kind, group="arm"))
    assert test.chi_square >= 0
    assert test.df == (2 if kind == "cs" else 6)


def test_larger_covariances_are_more_likely() -> None:
    data = registry(13)
    chains: tuple[tuple[Covariance, ...], ...] = (
        ("cs", "csh", "toeph", "us"),
        ("ar1", "toep", "toeph"),
        ("ar1", "ar1h"),
    )
    for chain in chains:
        likelihoods = [fitted(data, kind).log_likelihood for kind in chain]
        assert likelihoods == sorted(likelihoods)
