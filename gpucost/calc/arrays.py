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


def exponential(a: Values) -> Values:
    """e to the power of `a`."""
    if isinstance(a, (int, float)):
        from math import exp

        return exp(a)
    from numpy import exp as exp_of

    return exp_of(a)


def floor(a: Values) -> Values:
    """The largest whole number that is not above `a`, as a float."""
    if isinstance(a, (int, float)):
        return float(a // 1)
    from numpy import floor as floor_of

    return floor_of(a)


def ceiling(a: Values) -> Values:
    """The smallest whole number not below `a`, as a float; a hair above a whole one does not count."""
    return -floor(-(a - 1e-9))


def choose(condition: Values, yes: Values, no: Values) -> Values:
    """`yes` where the condition holds, else `no`; both are worked out."""
    if isinstance(condition, bool):
        return yes if condition else no
    from numpy import where

    return where(condition, yes, no)


def over_rows(a: Values) -> Values:
    """The sum over the rows of an array; a number as it is."""
    return a if isinstance(a, (int, float)) or a.ndim < 2 else a.sum(axis=0)
