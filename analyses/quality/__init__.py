"""Data quality: how complete, timely and consistent is what the centres send."""
