"""What an instance may be called."""

from provisioning.domain.names import NotAName, olares_name
from provisioning.errors import InstanceNameInvalid


def kept_name(text: str) -> str:
    """The name as it is kept. Raises InstanceNameInvalid."""
    try:
        return olares_name(text)
    except NotAName as error:
        raise InstanceNameInvalid(str(error)) from error
