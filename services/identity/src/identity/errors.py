"""Expected failures of identity, as a customer may read them."""

from shared.errors import Kind, ServiceError


class ProofInvalid(ServiceError):
    code = "proof_invalid"
    kind = Kind.UNAUTHENTICATED


class ProofExpired(ServiceError):
    """The proof or its nonce is out of time; ``skew_seconds`` says how far the proof's time is ahead of ours."""

    code = "proof_expired"
    kind = Kind.UNAUTHENTICATED


class NonceUsed(ServiceError):
    code = "nonce_used"
    kind = Kind.UNAUTHENTICATED


class OwnerUnknown(ServiceError):
    code = "owner_unknown"
    kind = Kind.NOT_FOUND


class InviteRequired(ServiceError):
    code = "invite_required"
    kind = Kind.FORBIDDEN


class InviteInvalid(ServiceError):
    code = "invite_invalid"
    kind = Kind.FORBIDDEN


class RegistrationClosed(ServiceError):
    code = "registration_closed"
    kind = Kind.FORBIDDEN


class OlaresNameTaken(ServiceError):
    code = "olares_name_taken"
    kind = Kind.CONFLICT


class TooManyAttempts(ServiceError):
    code = "too_many_attempts"
    kind = Kind.RATE_LIMITED


class RefreshInvalid(ServiceError):
    code = "refresh_invalid"
    kind = Kind.UNAUTHENTICATED


class RefreshReused(ServiceError):
    """A refresh token came a second time: two parties hold the session, so neither keeps it."""

    code = "refresh_reused"
    kind = Kind.UNAUTHENTICATED


class SessionEnded(ServiceError):
    """Signed out, removed or too old."""

    code = "session_ended"
    kind = Kind.UNAUTHENTICATED


class ApiTokenInvalid(ServiceError):
    code = "api_token_invalid"
    kind = Kind.UNAUTHENTICATED


class ScopeNotGrantable(ServiceError):
    code = "scope_not_grantable"
    kind = Kind.INVALID


class EnrolmentCodeInvalid(ServiceError):
    """Unknown, used or too old: one answer for all, so that guessing teaches nothing."""

    code = "enrolment_code_invalid"
    kind = Kind.FORBIDDEN


class DeviceKnown(ServiceError):
    code = "device_known"
    kind = Kind.CONFLICT


class DeviceRemoved(ServiceError):
    code = "device_removed"
    kind = Kind.FORBIDDEN


class LastDevice(ServiceError):
    code = "last_device"
    kind = Kind.CONFLICT


class SessionNotFound(ServiceError):
    code = "session_not_found"
    kind = Kind.NOT_FOUND


class DeviceNotFound(ServiceError):
    code = "device_not_found"
    kind = Kind.NOT_FOUND


class TokenNotFound(ServiceError):
    code = "token_not_found"
    kind = Kind.NOT_FOUND
