"""Frozen facts and results; standard library only."""
