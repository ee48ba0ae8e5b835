"""Readers of what people have on disk or on a hub: configurations, weight files, their headers."""
