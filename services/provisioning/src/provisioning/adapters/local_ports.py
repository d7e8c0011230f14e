"""Ports of local machines: free ones are picked once and kept."""

import random
import socket

# Below the kernel's range for outgoing connections, which would take a picked port while its machine is off.
CANDIDATES = range(20000, 32000)


def pick(taken: frozenset[int] = frozenset()) -> int:
    """A free loopback port other than those that machines keep."""
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"No port between {CANDIDATES.start} and {CANDIDATES.stop} is free.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Connections of a server that has just ended do not keep the next one away.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
