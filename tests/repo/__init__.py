"""Helpers of the repository's own tests, and small commands that `.ci/run` calls."""
