"""A restore to the cloud in words: its states, its charges line by line, how it ended and what to do next."""

import re
import shutil
import textwrap
from collections.abc import Iterable

from agent.cloud_wire import CloudRestore, Quote, QuoteLine
from agent.errors import CloudRestoreEnded, ExitCode
from agent.instance_words import duration_text
from agent.money import money_text
from agent.output import size_text, time_text
from agent.wire import Money

MAX_WIDTH = 100
MIN_WIDTH = 40
OVER = frozenset({"completed", "failed", "cancelled", "expired", "returned"})
# The owner's word is waited for.
NOT_CONFIRMED = frozenset({"quoting", "quoted"})
# Its instance will ask for the password, or does.
BEFORE_DATA = frozenset({"quoted", "authorising", "provisioning", "installing", "awaiting_password"})

STATES = {
    "quoting": "The charges are being worked out",
    "quoted": "The order is quoted and waits for your word",
    "authorising": "The payment is being held",
    "provisioning": "The instance is being made",
    "installing": "The instance starts and is being installed",
    "awaiting_password": "The instance waits for the backup password",
    "verifying_password": "The instance checks the backup password",
    "restoring": "The password is right; the backup is being restored",
    "validating": "Everything is there; it is being checked and started",
    "capturing": "The instance is ready; the payment is being taken",
    "undoing": "The order is being undone",
    "needs_operator": "An operator has to look at it",
    "completed": "Done",
    "failed": "The restore failed",
    "cancelled": "The restore was called off",
    "expired": "The restore has expired",
    "returned": "The restore was given up and its instance returned",
}
STALLED = "No progress for two minutes; it goes on by itself."
_COMMAND = re.compile(r"`[^`]*`")
_UNBROKEN = "\N{NO-BREAK SPACE}"
_UNTAKEN = frozenset({"none", "refused", "released"})
_NEXT = {
    "disk_full": "Order a plan with a larger disk: `space restore --to-cloud`.",
    "snapshot_damaged": "Try another snapshot: `space snapshots NAME` lists them.",
    "snapshot_not_restorable": "Try another snapshot: `space snapshots NAME` lists them.",
    "offer_unavailable": "Order again with another plan, region or provider: `space offers` lists them.",
    "backup_deleted": "`space backups` lists those that are there.",
}


def state_text(state: str) -> str:
    return STATES.get(state) or state.replace("_", " ").capitalize()


def command(found: CloudRestore, verb: str = "resume") -> str:
    """How to come back to a restore."""
    if verb == "resume":
        return f"`space restore --resume {found.restore_id}`"
    return f"`space restore {verb} {found.restore_id}`"


def wrapped(words: str, indent: str = "") -> list[str]:
    """Lines that a terminal does not break, and a command in them stays in one piece, so that it can be copied."""
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _UNBROKEN), words)
    lines = textwrap.wrap(
        kept, width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    return [line.replace(_UNBROKEN, " ") for line in lines]


def width() -> int:
    return max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size().columns))


def charges(found: CloudRestore, quote: Quote) -> list[str]:
    """Every charge before anything is paid, as lines of at most the terminal's width."""
    cloud = found.cloud
    estimate = cloud.estimate_seconds
    takes = "" if estimate is None else f"The restore takes about {duration_text(estimate)}. "
    lines = [
        "Your order",
        *wrapped(f"Backup:   {backup_text(found)}", "  "),
        *wrapped(f"Instance: {cloud.instance_name} ({cloud.provider} {cloud.region}, {cloud.plan})", "  "),
        "",
        "Charges now",
        *_lines(quote.lines),
        _sum("Total", quote.total),
        *_applied(quote),
        "",
        "Each later month, if what is stored stays as it is",
        *_lines(quote.next_month.lines),
        _sum("Total", quote.next_month.total),
        "",
    ]
    held = "Your card is held now and charged only when the restored instance can be used. "
    lines += wrapped((held if quote.applied.card.amount_minor else "") + takes)
    lines += wrapped(quote.if_given_up)
    return [*lines, *wrapped(f"This offer holds until {time_text(quote.expires_at.isoformat())}.")]


def backup_text(found: CloudRestore) -> str:
    size = "" if found.size_processed_bytes is None else f", {size_text(found.size_processed_bytes)}"
    return f"{found.backup_name}, snapshot of {time_text(found.snapshot_taken_at.isoformat())}{size}"


def completed(found: CloudRestore, charged: Money | None) -> str:
    """The end of a restore that went well."""
    cloud = found.cloud
    files = "" if found.files_restored is None else f" ({found.files_restored} files)"
    restored = size_text(found.bytes_restored)
    lines = wrapped(f"{cloud.instance_name} is ready. {found.backup_name}: {restored}{files} restored and checked.")
    if cloud.address is not None:
        lines.append(f"Address: {cloud.address}")
    lines.append(f"Open it: `space instance open {cloud.instance_name}`")
    return "\n".join([*lines, f"Paid: {_charged(charged, found)}"])


def warning_text(found: CloudRestore) -> str:
    what = "1 file" if found.warnings == 1 else f"{found.warnings} files"
    log = f"`space instance log {found.cloud.instance_name}` says where they are listed."
    return f"{what} could not be restored, or not entirely. {log}"


def ended(found: CloudRestore, charged: Money | None) -> CloudRestoreEnded:
    """A restore that came to another end: what happened, what it costs, and what to do next."""
    code, reason = found.code or found.state, _sentence(found.reason)
    charge = _charged(charged, found)
    match found.state:
        case "failed":
            message, hint = f"The restore failed. {reason}", _NEXT.get(code, "Try again: `space restore --to-cloud`.")
        case "cancelled":
            message, hint = f"The restore was called off. {reason}", "Order again with `space restore --to-cloud`."
        case "expired":
            message = f"The order was not confirmed or could not be paid in time, and is over. {reason}"
            hint = "Order again with `space restore --to-cloud`; the charges are shown anew."
        case "returned":
            code = "given_up"
            message = f"The restore was given up and its instance returned. {reason}"
            hint = "Your backup is kept. `space restore --to-cloud` orders again."
        case _:
            message = f"An operator has to look at this restore before it goes on. {reason}"
            hint = f"Nothing is lost. Look again later: {command(found)}."
            return CloudRestoreEnded(code, message.strip(), hint=hint, restore_id=str(found.restore_id))
    return CloudRestoreEnded(
        code, f"{message.strip()} {charge}", hint=hint, restore_id=str(found.restore_id), exit_code=ExitCode.ERROR
    )


def comes_back(found: CloudRestore) -> str:
    """What becomes of a restore that nobody looks at any more, and how to look again."""
    if found.state == "quoting":
        return f"Nothing is ordered and nothing charged. Go on with {command(found)}."
    if found.state == "quoted":
        quote = found.cloud.quote
        until = "" if quote is None else f" until {time_text(quote.expires_at.isoformat())}"
        return (
            f"The order is quoted, not confirmed; nothing is charged. Go on{until} with {command(found)}, "
            f"or drop it with {command(found, 'cancel')}."
        )
    if found.state in OVER:
        return f"It is over: {command(found, 'show')}."
    if found.state in BEFORE_DATA:
        wanted = found.cloud.password
        if wanted is not None:
            return (
                f"The instance waits for the backup password until {time_text(wanted.until.isoformat())}. Come back "
                f"with {command(found)}; if it is forgotten, {command(found, 'cancel')} gives the restore up."
            )
        return (
            "The restore goes on in the cloud by itself, but its instance will ask for the backup password. "
            f"Come back with {command(found)}."
        )
    return f"The restore goes on in the cloud by itself. Come back with {command(found)}."


def _charged(charged: Money | None, found: CloudRestore) -> str:
    payment = found.cloud.payment
    if payment in _UNTAKEN:
        return "Nothing was charged."
    if charged is not None:
        return f"{money_text(charged)} (`space invoices` shows the bill)."
    if payment in ("held", "void_asked"):
        return "What is held on your card is let go."
    return "`space invoices` shows what was charged."


def _sentence(reason: str | None) -> str:
    if not reason:
        return ""
    whole = reason.strip()
    return whole[:1].upper() + whole[1:] + ("" if whole.endswith((".", "!", "?")) else ".")


def _applied(quote: Quote) -> Iterable[str]:
    sources = (
        ("from your promotional balance", quote.applied.promotional),
        ("from your balance", quote.applied.balance),
        ("from your card", quote.applied.card),
    )
    return [_sum(label, amount, "    ") for label, amount in sources if amount.amount_minor]


def _lines(lines: list[QuoteLine]) -> Iterable[str]:
    for line in lines:
        amount = money_text(line.amount)
        room = width() - len(amount) - 4
        first, *more = textwrap.wrap(_line_text(line), room, break_long_words=True) or ["-"]
        yield f"  {first:{room}}  {amount}"
        yield from (f"    {rest}" for rest in more)


def _line_text(line: QuoteLine) -> str:
    """Its description, and how it is reckoned where that says more than the amount."""
    if line.quantity == "1":
        return line.description
    return f"{line.description}: {line.quantity} {line.unit} at {line.unit_price}"


def _sum(label: str, amount: Money, indent: str = "  ") -> str:
    text = money_text(amount)
    room = width() - len(text) - len(indent) - 2
    return f"{indent}{label:{room}}  {text}"
