"""What EC2's error codes mean to us, as "Error codes for the Amazon EC2 API" lists them."""

from provisioning.adapters.ec2_region import Ec2Refused
from provisioning.ports import CredentialsRefused, OrderRefused, OutOfCapacity, Unanswered

CREDENTIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Blocked",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "OptInRequired",
        "PendingVerification",
        # The clock of this machine is wrong.
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)

# The first of these EC2 answers as an error of its own, with a status from 500 on: the code counts before the status.
CAPACITY = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientAddressCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientVolumeCapacity",
        # Limits of the account, which machines that are returned make room under.
        "InstanceLimitExceeded",
        "NetworkInterfaceLimitExceeded",
        "PrivateIpAddressLimitExceeded",
        "ResourceLimitExceeded",
        "VcpuLimitExceeded",
        "VolumeLimitExceeded",
    }
)

UNCERTAIN = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "Unavailable",
        # The token is that of a machine which was asked for with other settings and is not listed. Most likely it is
        # not listed yet, and then to say that nothing was made would lose it.
        "IdempotentParameterMismatch",
    }
)


def verdict(refused: Ec2Refused) -> CredentialsRefused | OutOfCapacity | OrderRefused | Unanswered:
    """The exception of the port that says the same. A code that is not known here refuses what was asked for."""
    told = f"EC2 says {refused}"
    if refused.code in CREDENTIALS:
        return CredentialsRefused(told)
    if refused.code in CAPACITY:
        return OutOfCapacity(told)
    if refused.code in UNCERTAIN or refused.status >= 500 or not refused.code:
        return Unanswered(told)
    return OrderRefused(told)
