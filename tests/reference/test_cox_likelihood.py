"""Likelihood, score and information of a Cox model against coxdev, which shares no line with ours."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coxdev import CoxDeviance

from analyses.methods.hazards.cox_contributions import at_maximum, information_contributions, score_contributions
from analyses.methods.hazards.cox_design import CoxDesign, Ties, cox_design
from analyses.methods.hazards.cox_maximum import maximise
from analyses.methods.hazards.likelihood_search import Maximum

FOLDER = Path(__file__).parent
ROLES = ("entry", "centre", "weight")


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "survival.csv")
    return data.assign(event=(data["cause"] > 0).astype(int))


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("kept", list(product([True, False], repeat=3)))
def test_likelihood_score_and_information_are_those_of_coxdev(
    persons: pd.DataFrame, ties: Ties, kept: tuple[bool, bool, bool]
) -> None:
    entry, strata, weight = (role if keep else None for role, keep in zip(ROLES, kept, strict=True))
    design = cox_design(
        "arm + age + ild",
        persons,
        month="month",
        event="event",
        entry=entry,
        strata=strata,
        weight=weight,
        cluster=None,
    )
    assert isinstance(design, CoxDesign)
    maximum = maximise(design, ties)
    assert isinstance(maximum, Maximum)
    peer = CoxDeviance(
        event=design.month,
        status=design.event.astype(np.int32),
        strata=design.stratum,
        start=design.entry,
        sample_weight=design.weight,
        tie_breaking=ties,
    )
    predictor = design.matrix @ maximum.coefficients
    found = peer(predictor, design.weight)
    assert maximum.log_likelihood == pytest.approx(found.loglik_sat - found.deviance / 2, rel=1e-12)
    np.testing.assert_allclose(design.matrix.T @ found.gradient, 0, atol=1e-9)
    information = design.matrix.T @ (peer.information(predictor, design.weight) @ design.matrix)
    np.testing.assert_allclose(maximum.information, information, rtol=1e-7)
    at = at_maximum(design, maximum.coefficients, ties)
    scores = peer.score_residuals(predictor, design.matrix, design.weight)
    np.testing.assert_allclose(score_contributions(at), scores, atol=1e-11)
    # few clusters are summed as matrix products, many person by person
    many = np.arange(design.month.size) % 126
    parts = {number: information_contributions(at, many % number, number) for number in (7, 126)}
    np.testing.assert_allclose(parts[126].reshape(18, 7, 6).sum(axis=0), parts[7], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parts[7].sum(axis=0), information[np.triu_indices(3)], rtol=1e-7)
