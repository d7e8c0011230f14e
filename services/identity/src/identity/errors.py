"""Expected failures of identity, as a customer may read them."""

from shared.errors import Kind, ServiceError


class ProofInvalid(ServiceError):
    """Not a good signature by its DID's key over what was asked, or over a nonce of ours."""

    code = "proof_invalid"
    kind = Kind.UNAUTHENTICATED


class ProofExpired(ServiceError):
    """The proof or its nonce is out of time; ``skew_seconds`` says how far the proof's time is ahead of ours."""

    code = "proof_expired"
    kind = Kind.UNAUTHENTICATED


class LoginRefused(ServiceError):
    """A login of LarePass is forged, out of time, or was used. LarePass would take 401 or 506 for one that worked."""

    code = "login_refused"
    kind = Kind.FORBIDDEN


class NonceUsed(ServiceError):
    """The proof's nonce was used before."""

    code = "nonce_used"
    kind = Kind.UNAUTHENTICATED


class OwnerUnknown(ServiceError):
    """No owner has this DID yet; with an Olares name it can register."""

    code = "owner_unknown"
    kind = Kind.NOT_FOUND


class InviteRequired(ServiceError):
    """Registering needs an invite here."""

    code = "invite_required"
    kind = Kind.FORBIDDEN


class InviteInvalid(ServiceError):
    """The invite is unknown, used or too old."""

    code = "invite_invalid"
    kind = Kind.FORBIDDEN


class RegistrationClosed(ServiceError):
    """Nobody new may register here."""

    code = "registration_closed"
    kind = Kind.FORBIDDEN


class OlaresNameTaken(ServiceError):
    """Another owner has this Olares name."""

    code = "olares_name_taken"
    kind = Kind.CONFLICT


class OlaresNameSettled(ServiceError):
    """The owner has an Olares name of their own, which stays."""

    code = "olares_name_settled"
    kind = Kind.CONFLICT


class TooManyAttempts(ServiceError):
    """More attempts of this kind than are answered in their time."""

    code = "too_many_attempts"
    kind = Kind.RATE_LIMITED


class RefreshInvalid(ServiceError):
    """The refresh token is not one of ours."""

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
    """The API token is unknown, revoked or too old."""

    code = "api_token_invalid"
    kind = Kind.UNAUTHENTICATED


class ScopeNotGrantable(ServiceError):
    """An API token may not have this scope, or its maker has not."""

    code = "scope_not_grantable"
    kind = Kind.INVALID


class EnrolmentCodeInvalid(ServiceError):
    """Unknown, used or too old: one answer for all, so that guessing teaches nothing."""

    code = "enrolment_code_invalid"
    kind = Kind.FORBIDDEN


class DeviceKnown(ServiceError):
    """This key is a device already."""

    code = "device_known"
    kind = Kind.CONFLICT


class DeviceRemoved(ServiceError):
    """The device was removed from its owner and may not sign in."""

    code = "device_removed"
    kind = Kind.FORBIDDEN


class LastDevice(ServiceError):
    """An owner's last device stays, or nobody could sign in."""

    code = "last_device"
    kind = Kind.CONFLICT


class SessionNotFound(ServiceError):
    """No such session of this owner."""

    code = "session_not_found"
    kind = Kind.NOT_FOUND


class DeviceNotFound(ServiceError):
    """No such device of this owner."""

    code = "device_not_found"
    kind = Kind.NOT_FOUND


class TokenNotFound(ServiceError):
    """No such API token of this owner."""

    code = "token_not_found"
    kind = Kind.NOT_FOUND


class LinkInvalid(ServiceError):
    """The link to the console is unknown, used or too old: one answer for all."""

    code = "link_invalid"
    kind = Kind.FORBIDDEN


class SignInExpired(ServiceError):
    """This browser shows no code that could still be scanned, or its sign-in was taken."""

    code = "sign_in_expired"
    kind = Kind.GONE


class NotSignedIn(ServiceError):
    """This browser has no session."""

    code = "not_signed_in"
    kind = Kind.UNAUTHENTICATED


class OriginRefused(ServiceError):
    """A page of another origin may not ask this in a browser."""

    code = "origin_refused"
    kind = Kind.FORBIDDEN
