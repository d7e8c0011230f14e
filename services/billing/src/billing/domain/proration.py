"""A part of a month's price, by the second."""

from fractions import Fraction


def prorated(amount_minor: int, part_seconds: int, whole_seconds: int) -> Fraction:
    """The price of a part of what was bought, exactly, in minor units.

    Raises:
        ValueError: If the part is negative or longer than the whole, or there is no whole.
    """
    if not 0 <= part_seconds <= whole_seconds or whole_seconds == 0:
        raise ValueError(f"{part_seconds} s are no part of {whole_seconds} s")
    return Fraction(amount_minor) * Fraction(part_seconds, whole_seconds)
