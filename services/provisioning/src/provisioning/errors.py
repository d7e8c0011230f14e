"""Expected failures of provisioning."""

from shared.errors import Kind, ServiceError


class OfferUnknown(ServiceError):
    """There is no such provider, region or plan."""

    code = "offer_unknown"
    kind = Kind.INVALID


class OfferUnavailable(ServiceError):
    """The plan exists and cannot be had just now: sold out, without a price, or its provider does not let us in."""

    code = "offer_unavailable"
    kind = Kind.CONFLICT


class InstanceNameInvalid(ServiceError):
    """Not an Olares name."""

    code = "instance_name_invalid"
    kind = Kind.INVALID


class NameInUse(ServiceError):
    """A live instance of the owner's has this name; ``instance_id`` says which."""

    code = "name_in_use"
    kind = Kind.CONFLICT


class InstanceNotFound(ServiceError):
    """No such instance of this owner."""

    code = "instance_not_found"
    kind = Kind.NOT_FOUND


class InstanceOver(ServiceError):
    """The instance is destroyed or canceled; nothing can be done with it any more."""

    code = "instance_over"
    kind = Kind.GONE


class InstanceBusy(ServiceError):
    """The instance's status does not allow that."""

    code = "instance_busy"
    kind = Kind.CONFLICT


class EnrolmentRefused(ServiceError):
    """The enrolment secret is not this instance's."""

    code = "enrolment_refused"
    kind = Kind.UNAUTHENTICATED


class EnrolmentSpent(ServiceError):
    """The enrolment secret was used before, with another key."""

    code = "enrolment_spent"
    kind = Kind.GONE


class EnrolmentExpired(ServiceError):
    """The time to use the enrolment secret is over."""

    code = "enrolment_expired"
    kind = Kind.GONE


class AgentUnknown(ServiceError):
    """The token is not signed by this instance's agent, or its time is not now; ``server_time`` says when now is."""

    code = "agent_unknown"
    kind = Kind.UNAUTHENTICATED


class HeartbeatFromFuture(ServiceError):
    """The heartbeat says it was made later than now; ``server_time`` says when now is."""

    code = "heartbeat_from_future"
    kind = Kind.INVALID


class PageUnavailable(ServiceError):
    """The instance shows no page just now, or has none of its own."""

    code = "page_unavailable"
    kind = Kind.CONFLICT


class LinkOver(ServiceError):
    """The link to an instance's page was used, is too old, or is not this instance's."""

    code = "link_over"
    kind = Kind.GONE


class TooManyStreams(ServiceError):
    """More logs are being followed at once than are served."""

    code = "too_many_streams"
    kind = Kind.RATE_LIMITED


class NotStuck(ServiceError):
    """The instance does not wait for an operator."""

    code = "not_stuck"
    kind = Kind.CONFLICT


class OrphanNotFound(ServiceError):
    """No such orphan is recorded."""

    code = "orphan_not_found"
    kind = Kind.NOT_FOUND
