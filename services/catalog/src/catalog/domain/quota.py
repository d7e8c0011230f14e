"""What an owner reads who may not upload, with the figures and what to do about it."""

from catalog.domain.gate import Restriction

GB = 2**30
MB = 2**20


def in_words(size_bytes: int) -> str:
    """A size for people, rounded down: ``9.7 GB`` of 2**30 bytes, below a tenth of one in MB."""
    tenths = size_bytes * 10 // GB
    return f"{tenths // 10}.{tenths % 10} GB" if tenths else f"{size_bytes // MB} MB"


def refused(reason: Restriction, used_bytes: int, limit_bytes: int, left_bytes: int) -> str:
    """Why there is no room for a backup."""
    used, limit, left = in_words(used_bytes), in_words(limit_bytes), in_words(left_bytes)
    if reason is Restriction.ARREARS:
        return (
            f"A bill of yours is overdue, so you may store {limit}; your backups hold {used}. "
            "Pay the open invoice or delete a backup, then try again."
        )
    return (
        f"Your backups hold {used} of the {limit} you may store; the {left} that are left are not enough for this one. "
        "Delete a backup, add a payment method or raise your spend limit, then try again."
    )


def refused_as_last_heard(reason: Restriction) -> str:
    """The same when the figures cannot be asked for."""
    if reason is Restriction.ARREARS:
        return "A bill of yours was overdue when it was last looked at. Pay the open invoice, then try again."
    return (
        "Your backup storage was full when it was last looked at. "
        "Delete a backup, add a payment method or raise your spend limit, then try again."
    )
