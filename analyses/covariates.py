"""What a covariate of study.toml is called where people read."""

from __future__ import annotations

COVARIATE_NAMES = {
    "age_decades": "age (per 10 years)",
    "female": "female sex",
    "ild": "interstitial lung disease",
    "asys": "antisynthetase syndrome",
    "dysphagia": "dysphagia",
    "prior_immunosuppressants_2": "two or more earlier immunosuppressants",
    "phga": "physician global activity (per cm)",
    "ptga": "patient global activity (per cm)",
    "exga": "extramuscular activity (per cm)",
    "mmt8": "MMT8 (per point)",
    "haq": "HAQ (per point)",
    "prednisone": "prednisone equivalent (per mg/day)",
    "log2_ldh": "LDH (per doubling)",
    "log2_ck": "CK (per doubling)",
    "log2_aldolase": "aldolase (per doubling)",
    "disease_years": "disease duration (per year)",
    "incident": "incident user",
}


def covariate_name(name: str) -> str:
    """Return a covariate in words, with the unit of its effect."""
    return COVARIATE_NAMES.get(name, name.replace("_", " "))
