"""Renders reports; formats numbers once, here."""
