"""Formulas that take one deployment or many: a number, or an array with one value per deployment."""

from typing import Any, TypeAlias

Values: TypeAlias = Any
"""A float, or a NumPy array of floats; the formulas of speed use operators that both have."""


def largest(a: Values, b: Values) -> Values:
    """The larger of two, element by element for arrays."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a if a > b else b
    from numpy import maximum

    return maximum(a, b)


def smallest(a: Values, b: Values) -> Values:
    """The smaller of two, element by element for arrays."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a if a < b else b
    from numpy import minimum

    return minimum(a, b)
