"""Expected failures of the command: a stable code, an exit code, a sentence for the owner."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees; documented in README.md and in `space --help`."""

    OK = 0
    ERROR = 1
    USAGE = 2
    WARNINGS = 3
    WRONG_PASSWORD = 4
    SIGN_IN_NEEDED = 5
    REFUSED = 6
    UNREACHABLE = 7
    NOT_FOUND = 8
    INTERRUPTED = 130
    TERMINATED = 143


class SpaceError(Exception):
    """Anything that ends a command; `hint` says what to do about it, `restore_id` which restore it is about."""

    exit_code = ExitCode.ERROR
    restore_id: str | None = None

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Interrupted(SystemExit):
    """Ctrl-C where running the command again is not how to go on; `words` say what is."""

    def __init__(self, words: str) -> None:
        super().__init__(ExitCode.INTERRUPTED)
        self.words = words


class UsageError(SpaceError):
    exit_code = ExitCode.USAGE


class WrongPassword(SpaceError):
    exit_code = ExitCode.WRONG_PASSWORD

    def __init__(self, message: str = "The backup password is wrong.", *, hint: str | None = None) -> None:
        super().__init__("wrong_password", message, hint=hint)


class NotSignedIn(SpaceError):
    exit_code = ExitCode.SIGN_IN_NEEDED

    def __init__(self, message: str = "You are not signed in.", *, code: str = "not_signed_in") -> None:
        super().__init__(code, message, hint="Sign in with `space login`, or set SPACE_API_TOKEN.")


class Unreachable(SpaceError):
    """The service or the object store does not answer; running the command again goes on where it stopped."""

    exit_code = ExitCode.UNREACHABLE


class NotFound(SpaceError):
    exit_code = ExitCode.NOT_FOUND


class LimitReached(SpaceError):
    """No more may be uploaded: `over_limit`, or `arrears` when a bill is open; `figures` are in bytes."""

    exit_code = ExitCode.REFUSED

    def __init__(self, code: str, message: str, *, hint: str, figures: dict[str, int]) -> None:
        super().__init__(code, message, hint=hint)
        self.figures = figures


class PaymentRefused(SpaceError):
    """The card or its bank said no, and nothing was taken."""

    exit_code = ExitCode.REFUSED


class CloudRestoreEnded(SpaceError):
    """A restore to the cloud stopped before it was complete."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        restore_id: str,
        hint: str | None = None,
        exit_code: ExitCode = ExitCode.ERROR,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.restore_id = restore_id
        self.exit_code = exit_code


class ServerRefused(SpaceError):
    """A problem+json answer of the service."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int,
        hint: str | None = None,
        extra: dict[str, object] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra or {}
        self.exit_code = _exit_code(status)


def _exit_code(status: int) -> ExitCode:
    if status == 401:
        return ExitCode.SIGN_IN_NEEDED
    if status == 404:
        return ExitCode.NOT_FOUND
    if status >= 500:
        return ExitCode.UNREACHABLE
    return ExitCode.REFUSED


class ResticError(SpaceError):
    """restic failed; the subclasses are the failures that something is done about."""


class ResticMissing(ResticError):
    pass


class RepositoryMissing(ResticError):
    pass


class RepositoryExists(ResticError):
    pass


class RepositoryHalfMade(ResticError):
    """Keys without a config: an init was interrupted, or is being done at this moment."""


class RepositoryLocked(ResticError):
    pass


class KeyMismatch(ResticError):
    """A key file opens with the password but belongs to another init of the same repository."""


class KeysExpired(ResticError):
    """The store's keys ran out in the middle; new ones let the run go on."""


class StoreRefused(ResticError):
    exit_code = ExitCode.REFUSED


class UploadsStopped(StoreRefused):
    """The gate takes no more uploads of this owner: `over_limit`, or `arrears` when a bill is open."""


class StoreUnreachable(ResticError):
    exit_code = ExitCode.UNREACHABLE


class DiskFull(ResticError):
    pass


class PathNotInSnapshot(ResticError):
    """`<snapshot>:<path>` named something that is not a folder of the snapshot."""
