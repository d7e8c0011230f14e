"""Expected failures of catalog."""

from shared.errors import Kind, ServiceError


class TerminusNotFound(ServiceError):
    """No such Terminus of this owner."""

    code = "terminus_not_found"
    kind = Kind.NOT_FOUND


class TooManyTerminus(ServiceError):
    """A device names a Terminus that its owner does not have, and devices have registered as many as they may."""

    code = "too_many_terminus"
    kind = Kind.CONFLICT


class BackupNotFound(ServiceError):
    """No such backup of this owner."""

    code = "backup_not_found"
    kind = Kind.NOT_FOUND


class BackupNameTaken(ServiceError):
    """The owner already has a backup of that name; ``backup_id`` says which."""

    code = "backup_name_taken"
    kind = Kind.CONFLICT


class BackupDeleted(ServiceError):
    """The backup is being deleted or is gone."""

    code = "backup_deleted"
    kind = Kind.CONFLICT


class BackupNotDeletable(ServiceError):
    """The backup's state does not allow to delete it."""

    code = "backup_not_deletable"
    kind = Kind.CONFLICT


class BackupNotUndeletable(ServiceError):
    """It is too late, or there is nothing to undo."""

    code = "backup_not_undeletable"
    kind = Kind.CONFLICT


class SnapshotNotFound(ServiceError):
    """No such snapshot of this owner."""

    code = "snapshot_not_found"
    kind = Kind.NOT_FOUND


class SnapshotTimeInvalid(ServiceError):
    """The snapshot is said to have been taken in the future; ``server_time`` says what time it is here."""

    code = "snapshot_time_invalid"
    kind = Kind.INVALID


class SnapshotNotRestorable(ServiceError):
    """The snapshot's object is not in the store, or is not what its name says."""

    code = "snapshot_not_restorable"
    kind = Kind.CONFLICT


class PinTooLate(ServiceError):
    """The end of the restore was heard before it asked to keep a snapshot: nothing is kept for it."""

    code = "pin_too_late"
    kind = Kind.GONE


class StorageKeyNotFound(ServiceError):
    """No such storage key of this owner."""

    code = "storage_key_not_found"
    kind = Kind.NOT_FOUND


class OwnerNotFound(ServiceError):
    """No owner of that id has been seen here."""

    code = "owner_not_found"
    kind = Kind.NOT_FOUND


class StoreUnavailable(ServiceError):
    """The object store does not answer, or not as it should."""

    code = "store_unavailable"
    kind = Kind.UNAVAILABLE


class OverLimit(ServiceError):
    """No write key: the owner has no room for it. ``used_bytes``, ``limit_bytes`` and ``left_bytes`` say how much."""

    code = "over_limit"
    kind = Kind.FORBIDDEN


class Arrears(ServiceError):
    """No write key: a bill is overdue and the owner stores more than their free allowance, or would."""

    code = "arrears"
    kind = Kind.FORBIDDEN


class RepositoryMissing(ServiceError):
    """The backup has no repository in the store yet, or no longer."""

    code = "repository_missing"
    kind = Kind.CONFLICT


class TooManyRequests(ServiceError):
    """More requests of this kind than are answered; ``Retry-After`` says when the next one is."""

    code = "too_many_requests"
    kind = Kind.RATE_LIMITED


class AddressMissing(ServiceError):
    """Olares devices cannot be told where the store is."""

    code = "address_missing"
    kind = Kind.CONFLICT


class PrefixForeign(ServiceError):
    """The suffix a device names is not of its owner's prefix."""

    code = "prefix_foreign"
    kind = Kind.INVALID


class LayoutReadOnly(ServiceError):
    """The repository lies where older clients wrote theirs: it is read and deleted, not written."""

    code = "layout_read_only"
    kind = Kind.CONFLICT


class BackupNameUnusable(ServiceError):
    """No repository can be written under the name that a device gave its backup."""

    code = "backup_name_unusable"
    kind = Kind.INVALID


class BackupUrlImpossible(ServiceError):
    """No Olares device could restore this snapshot by a Backup Url."""

    code = "backup_url_impossible"
    kind = Kind.CONFLICT
