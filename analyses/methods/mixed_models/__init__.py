"""The engine of linear mixed models."""
