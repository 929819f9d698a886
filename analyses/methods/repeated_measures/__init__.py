"""Repeated measures: one covariance matrix of the visits, by sums over patients with the same visits."""
