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
