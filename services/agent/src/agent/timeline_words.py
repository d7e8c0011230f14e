"""What a restore's timeline has, in words: a plain sentence for each entry."""

from agent import cloud_words
from agent.cloud_wire import TimelineEntry
from agent.output import size_text

PAYMENT = {
    "asked": "The payment is asked for; it is held before anything is made",
    "held": "The payment is held; nothing is taken yet",
    "refused": "The payment was refused",
    "void_asked": "What is held is to be let go",
    "released": "What was held was let go",
    "capture_asked": "The payment is to be taken",
    "captured": "The payment was taken",
    "billed": "The charge is on an invoice, which is paid without what was held",
}
INSTANCE = {
    "reserved": "An instance was reserved",
    "wanted": "The instance was ordered from its provider",
    "running": "The machine of the instance runs",
    "enrolled": "The instance has reported for the first time",
    "unwanted": "The instance is to be returned",
    "gone": "The instance is gone",
}
PASSWORD = {
    "first": "The instance asks for the backup password",
    "wrong": "The backup password was wrong; the instance asks for it again",
    "agent_restarted": "The instance was restarted and asks for the backup password again",
    "agent_silent": "The instance was not heard for a while and asks for the backup password again",
}
_BY_KIND = {"payment": PAYMENT, "instance": INSTANCE, "password": PASSWORD}


def entry_text(entry: TimelineEntry, *, is_cloud: bool) -> str:
    """The sentence, without a stop at its end, as a reason may follow.

    Args:
        is_cloud: Whether the restore goes to an instance, and not to a machine of the owner's.
    """
    match entry.kind:
        case "moved":
            return cloud_words.state_text(entry.state)
        case "progress":
            return f"{size_text(entry.bytes_restored)} of {size_text(entry.total_bytes)}"
        case "keys_issued":
            return f"{'The instance' if is_cloud else 'The machine'} was given keys to read the backup"
        case kind:
            return _BY_KIND.get(kind, {}).get(entry.code or "") or _unknown(entry)


def _unknown(entry: TimelineEntry) -> str:
    """What a later service says."""
    words = " ".join(filter(None, (entry.kind, entry.code))).replace("_", " ")
    return words.capitalize()
