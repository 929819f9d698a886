"""Several states: occupation probabilities, times in state and transitions."""
