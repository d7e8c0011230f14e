"""Rounding, and sharing out what is rounded: the only place where a part of a minor unit is given up."""

from collections.abc import Sequence
from fractions import Fraction


def round_minor(amount: Fraction) -> int:
    """An exact amount in minor units as whole ones, half to even."""
    return round(amount)


def share_out(amount_minor: int, weights: Sequence[Fraction | int]) -> list[int]:
    """An amount in whole minor units cut in proportion to the weights; the parts add up to it.

    What flooring leaves over goes, one each, to the largest remainders, the first of equals first. Without any weight
    above 0 everything goes to the first.

    Raises:
        ValueError: If a weight is negative, or there is an amount and nobody to bear it.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    if not weights:
        if amount_minor:
            raise ValueError(f"nobody bears {amount_minor}")
        return []
    whole = sum(weights)
    if whole == 0:
        return [amount_minor, *[0] * (len(weights) - 1)]
    exact = [Fraction(amount_minor) * weight / whole for weight in weights]
    parts = [part.numerator // part.denominator for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: amount_minor - sum(parts)]:
        parts[index] += 1
    return parts
