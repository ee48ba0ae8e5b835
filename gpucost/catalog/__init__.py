"""Reads the catalogue: strict YAML rows in, domain objects out. Knows nothing of formulas."""
