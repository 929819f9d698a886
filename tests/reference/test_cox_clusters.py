"""CR2 and Satterthwaite's degrees of freedom of a Cox model against clubSandwich (cox_clusters.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.methods.survival import CoxFit, cox

FOLDER = Path(__file__).parent


def test_a_corrected_sandwich_is_close_to_clubsandwichs_of_the_poisson_model_with_the_same_likelihood() -> None:
    expected = json.loads((FOLDER / "cox_clusters.json").read_text(encoding="utf-8"))
    data = pd.read_csv(FOLDER / "survival.csv")
    data["any"] = (data["cause"] > 0).astype(int)
    fit = cox("arm + age + ild", data, month="month", event="any", cluster="centre", ties="breslow")
    assert isinstance(fit, CoxFit)
    assert fit.variance == "CR2"
    np.testing.assert_allclose(fit.terms["estimate"], expected["estimate"], rtol=1e-7)
    np.testing.assert_allclose(fit.terms["df"], expected["df"], rtol=1e-3)
    # Both corrections make the variance unbiased if the model holds. clubSandwich turns the residual of each person and
    # time, ours the score of each centre (as a Cox model has no residuals a time), so that they differ in what they
    # leave to chance: by a tenth of what the correction moves.
    np.testing.assert_allclose(fit.terms["std_error"], expected["std_err"], rtol=0.013)
    moved = fit.terms["std_error"] / expected["sandwich_std_err"]
    assert moved.between(1.04, 1.09).all()
