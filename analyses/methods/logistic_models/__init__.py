"""The engine of logistic mixed models with one random intercept."""
