"""Cox models: likelihood, search, variances, penalty, and what is asked of a fit."""
