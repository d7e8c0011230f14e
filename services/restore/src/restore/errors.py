"""Expected failures of restore."""

from shared.errors import Kind, ServiceError


class RestoreNotFound(ServiceError):
    """No such restore of this owner or client."""

    code = "restore_not_found"
    kind = Kind.NOT_FOUND


class RestoreOver(ServiceError):
    """The restore has come to its end and cannot be cancelled any more."""

    code = "restore_over"
    kind = Kind.CONFLICT


class RestoreEnded(ServiceError):
    """The restore was cancelled, or its backup deleted, or its time is over; its client should stop."""

    code = "restore_ended"
    kind = Kind.GONE


class TicketUnknown(ServiceError):
    """No such ticket was ever made."""

    code = "ticket_unknown"
    kind = Kind.NOT_FOUND


class TicketSpent(ServiceError):
    """The ticket was redeemed by somebody else, or its restore is completed."""

    code = "ticket_spent"
    kind = Kind.GONE


class TicketExpired(ServiceError):
    """The ticket's time is over."""

    code = "ticket_expired"
    kind = Kind.GONE


class TooManyAttempts(ServiceError):
    """More attempts to redeem from one address than are answered in a minute."""

    code = "too_many_attempts"
    kind = Kind.RATE_LIMITED


class TooManyStreams(ServiceError):
    """More timelines followed at once than one owner, or this process, may."""

    code = "too_many_streams"
    kind = Kind.RATE_LIMITED


class BackupNotFound(ServiceError):
    """No such backup of this owner, says catalog."""

    code = "backup_not_found"
    kind = Kind.NOT_FOUND


class BackupDeleted(ServiceError):
    """The backup is being deleted or is gone, says catalog."""

    code = "backup_deleted"
    kind = Kind.CONFLICT


class SnapshotNotFound(ServiceError):
    """No such snapshot of this owner, or none that is successful, says catalog."""

    code = "snapshot_not_found"
    kind = Kind.NOT_FOUND


class SnapshotNotRestorable(ServiceError):
    """The snapshot's object is not in the store, or not as it should be, says catalog."""

    code = "snapshot_not_restorable"
    kind = Kind.CONFLICT


class RepositoryMissing(ServiceError):
    """The backup has no repository in the store, says catalog."""

    code = "repository_missing"
    kind = Kind.CONFLICT


class TooManyRequests(ServiceError):
    """The repository's key files were asked for too often, says catalog."""

    code = "too_many_requests"
    kind = Kind.RATE_LIMITED


class PinTooLate(ServiceError):
    """The restore is over as far as catalog knows, so nothing is kept for it any more."""

    code = "pin_too_late"
    kind = Kind.GONE


class OfferUnknown(ServiceError):
    """Nothing of that name is offered there, says provisioning."""

    code = "offer_unknown"
    kind = Kind.INVALID


class OfferUnavailable(ServiceError):
    """It is offered, and cannot be had just now, says provisioning."""

    code = "offer_unavailable"
    kind = Kind.CONFLICT


class InstanceNameInvalid(ServiceError):
    """The instance's name is not an Olares name, says provisioning."""

    code = "instance_name_invalid"
    kind = Kind.INVALID


class NameInUse(ServiceError):
    """A live instance of the owner's has that name; ``instance_id`` says which is to be returned first."""

    code = "name_in_use"
    kind = Kind.CONFLICT


class InstanceOver(ServiceError):
    """The instance that was reserved was called off meanwhile, says provisioning."""

    code = "instance_over"
    kind = Kind.GONE


class PlaceUnknown(ServiceError):
    """There are no prices for that place or plan, says billing."""

    code = "place_unknown"
    kind = Kind.INVALID


class PlanTooSmall(ServiceError):
    """The snapshot does not fit the plan's disk; ``size_bytes`` and ``disk_bytes`` say by how much."""

    code = "plan_too_small"
    kind = Kind.CONFLICT


class QuoteExpired(ServiceError):
    """The quote's time is over, and prices may have changed; a new order gets a new one."""

    code = "quote_expired"
    kind = Kind.GONE


class NotConfirmable(ServiceError):
    """The restore is not one that waits to be confirmed."""

    code = "restore_not_confirmable"
    kind = Kind.CONFLICT


class RestoreCopying(ServiceError):
    """Files are being written, so the restore is not cancelled any more; its instance can be returned."""

    code = "restore_copying"
    kind = Kind.CONFLICT


class PasswordNotExpected(ServiceError):
    """The restore does not wait for a password just now."""

    code = "password_not_expected"
    kind = Kind.CONFLICT


class AgentNotReady(ServiceError):
    """The machine has no key yet that a password could be sealed for."""

    code = "agent_not_ready"
    kind = Kind.CONFLICT


class RoundOver(ServiceError):
    """The password was sealed for a key that the machine does not have any more; ``round`` names the newest."""

    code = "round_over"
    kind = Kind.CONFLICT


class TooSoon(ServiceError):
    """After a wrong password the next one is taken a little later; so is an agent's key after very many."""

    code = "too_soon"
    kind = Kind.RATE_LIMITED


class AgentUnknown(ServiceError):
    """The request is not signed by the agent of this restore's instance, or not just now."""

    code = "agent_unknown"
    kind = Kind.UNAUTHENTICATED


class NotStuck(ServiceError):
    """The restore does not wait for an operator."""

    code = "not_stuck"
    kind = Kind.CONFLICT
