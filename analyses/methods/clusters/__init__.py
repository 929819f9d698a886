"""The engine of cluster-robust inference."""
