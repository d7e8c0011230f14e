"""The limit of backup storage: the figures, and what an owner can do about it."""

from collections.abc import Mapping
from pathlib import Path

from agent import api
from agent.api import Client
from agent.billing_wire import Quota
from agent.errors import LimitReached, ServerRefused, SpaceError
from agent.money import money_text
from agent.output import Output, size_text
from agent.sizing import upload_bound

OVER_LIMIT = "over_limit"
ARREARS = "arrears"
REASONS = frozenset({OVER_LIMIT, ARREARS})
# How long a backup waits for the figures, which it can do without.
QUOTA_SECONDS = 5.0
# What the service holds at most for a backup that declares nothing.
UNDECLARED_BYTES = 2**30
_FIGURES = ("used_bytes", "limit_bytes", "left_bytes")


def quota_of(client: Client) -> Quota | None:
    """The owner's figures; None where billing does not answer or this token may not ask: no backup waits for them."""
    try:
        return api.parse(Quota, client.get("/quotas", attempts=1, timeout_seconds=QUOTA_SECONDS))
    except SpaceError:
        return None


def prepare_first_backup(client: Client, source: Path, out: Output) -> int | None:
    """Look at the limit before a first backup asks for a password and uploads for hours; what to declare for its key.

    Only a size that fits, and is below what is held without declaring, is declared. A larger one could refuse a backup
    that fits once it is compressed, so the owner is told and the gate, which counts what arrives, has the last word.

    Raises:
        LimitReached: No key would be given.
    """
    quota = quota_of(client)
    if quota is None:
        return None
    if (reached := _before_a_backup(quota)) is not None:
        raise reached
    bound = upload_bound(source, max(quota.left_bytes, UNDECLARED_BYTES))
    if bound is None:
        return None
    if bound > quota.left_bytes:
        out.warn(f"This may be more than the {size_text(quota.left_bytes)} you have left (`space quota`).")
        out.say("What is excluded, compressed or equal takes less. At the limit the upload stops and nothing is lost.")
    return bound if bound <= min(quota.left_bytes, UNDECLARED_BYTES) else None


def key_refused(client: Client, refusal: ServerRefused) -> LimitReached:
    """A refused key, with the figures of the decision and the owner's choices."""
    return _reached(refusal.code, quota_of(client), refusal.extra, fallback=refusal.message)


def stopped(client: Client, error: SpaceError) -> LimitReached:
    """The limit was reached while restic was uploading."""
    quota = quota_of(client)
    if quota is not None and quota.can_backup:
        # By its figures there is room: an operator stopped it, or what stopped it is over. The store said why.
        quota = None
    reached = _reached(error.code, quota, {}, fallback=error.message)
    return LimitReached(
        reached.code,
        f"The backup was stopped on its way. {reached.message} Nothing is lost: the snapshots that were there are "
        "whole, and the same command goes on with this one when there is room.",
        hint=reached.hint or "",
        figures=reached.figures,
    )


def choices(reason: str | None, quota: Quota | None) -> list[str]:
    """What the owner can do, a line each, the likeliest first."""
    if reason == ARREARS:
        return [
            "See what is open with `space invoices --state finalised` and pay it with `space pay NUMBER`;",
            "or use another card: `space payment-method add`, then `space pay NUMBER`.",
            "Reading, restoring to this machine and deleting stay open.",
        ]
    first = "Add a card with `space payment-method add` (`space prices` says what is charged);"
    if quota is not None and quota.has_payment_method:
        limit = "" if quota.spend_limit is None else f" (it is {money_text(quota.spend_limit)})"
        first = f"Raise your spend limit{limit} with `space quota --spend-limit AMOUNT`;"
    return [
        first,
        "or make room: `space backups` shows what each one holds, `space delete NAME` deletes one.",
    ]


def _before_a_backup(quota: Quota) -> LimitReached | None:
    """Why no key would be given, if so."""
    if quota.can_backup or quota.reason not in REASONS:
        return None
    return _reached(quota.reason, quota, {}, fallback=quota.explanation)


def _reached(reason: str, quota: Quota | None, extra: Mapping[str, object], *, fallback: str) -> LimitReached:
    figures = _figures(quota, extra)
    hint = "\n".join([*choices(reason, quota), "`space quota` shows the figures."])
    return LimitReached(reason, _words(reason, quota, figures) or fallback, hint=hint, figures=figures)


def _figures(quota: Quota | None, extra: Mapping[str, object]) -> dict[str, int]:
    """Those of the decision itself where it has them, else those of the moment."""
    known: dict[str, object] = {} if quota is None else {name: getattr(quota, name) for name in _FIGURES}
    known |= {name: extra[name] for name in _FIGURES if name in extra}
    return {name: value for name, value in known.items() if isinstance(value, int)}


def _words(reason: str, quota: Quota | None, figures: Mapping[str, int]) -> str | None:
    if not figures.keys() >= set(_FIGURES):
        return None
    used, limit, left = (size_text(figures[name]) for name in _FIGURES)
    if reason == ARREARS:
        free = "free storage" if quota is None else f"free {size_text(quota.allowance_bytes)}"
        return f"A bill is not paid, so nothing above the {free} can be backed up; {used} are used."
    if figures["left_bytes"] <= 0:
        return f"Your backup storage is full: {used} of {limit} are used."
    reserved = 0 if quota is None else quota.reserved_bytes
    held = f", {size_text(reserved)} are reserved for backups that run now" if reserved else ""
    return f"There is too little backup storage left: {used} of {limit} are used{held}, {left} are left."
