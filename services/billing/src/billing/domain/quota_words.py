"""A quota in a sentence or two: how things stand, and what an owner can do about it."""

from billing.domain.price_words import money, size
from billing.domain.prices import GB
from billing.domain.quota import Quota, Reason


def rounded(size_bytes: int) -> str:
    """Bytes for a person: ``2.34 GB``; less than a hundredth of a GB in MB."""
    if size_bytes % GB == 0 or size_bytes < GB // 100:
        return size(size_bytes) if size_bytes % 2**20 == 0 else f"{size_bytes / 2**20:.1f} MB"
    return f"{size_bytes / GB:.2f} GB"


def refusal(quota: Quota, reason: Reason, declared_bytes: int | None, *, has_method: bool) -> str:
    """Why a write key was not issued, and what to do."""
    used = f"{rounded(quota.used_bytes)} of {rounded(quota.limit_bytes)} are used"
    if quota.reserved_bytes:
        used += f" and {rounded(quota.reserved_bytes)} are reserved for running backups"
    wanted = "" if declared_bytes is None else f" This backup would write up to {rounded(declared_bytes)}."
    if reason == "arrears":
        return (
            f"{used}, and a bill is overdue, so nothing above the free allowance can be backed up.{wanted} "
            "Pay it (`space invoices`) to go on; restoring and deleting are open as ever."
        )
    remedy = "raise your spend limit" if has_method else "add a payment method"
    return f"{used}.{wanted} To go on, {remedy}, or delete a backup; restoring and deleting are open as ever."


def explanation(
    quota: Quota, *, free_bytes: int, has_method: bool, spend_limit_minor: int | None, spent_minor: int, currency: str
) -> str:
    """How an owner stands."""
    free = f"You have {rounded(quota.used_bytes)} in backups; {rounded(free_bytes)} are free."
    if quota.reason == "arrears":
        return f"{free} A bill is overdue: until it is paid, nothing above the free allowance can be backed up."
    if not has_method:
        end = "Uploads stop there until you add a payment method" if quota.can_backup else "Uploads are stopped"
        return f"{free} {end}{'.' if quota.can_backup else ': add a payment method or delete a backup.'}"
    limit = money(spend_limit_minor or 0, currency)
    spent = money(spent_minor, currency)
    go_on = "Backups go on" if quota.can_backup else "Uploads are stopped: raise the limit or delete a backup"
    return f"{free} {go_on} up to your spend limit of {limit} a month, of which {spent} are used."
