"""Competing risks: cumulative incidences, Gray's test and the Fine-Gray model."""
