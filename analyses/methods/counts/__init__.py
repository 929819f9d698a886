"""Events that can come again: exact rates, rate ratios and mean numbers."""
