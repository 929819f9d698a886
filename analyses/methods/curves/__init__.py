"""Curves of persons free of an event and what compares them: Kaplan-Meier, log-rank, restricted means."""
