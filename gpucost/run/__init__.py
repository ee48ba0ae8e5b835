"""Sweeps and replications: many independent points, their progress, and the file that keeps them."""
