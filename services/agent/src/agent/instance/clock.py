"""The server's time, as far as it is known: a machine's own clock may be off by hours."""

import time
from datetime import UTC, datetime, timedelta

# Answers are some time on their way; a difference as small as this is not a wrong clock.
TOLERANCE = timedelta(seconds=5)


class Clock:
    """This machine's clock until the server's has been heard, which is followed by elapsed time from then on."""

    def __init__(self) -> None:
        self._heard: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        if self._heard is None:
            return datetime.now(UTC)
        server_time, at = self._heard
        return server_time + timedelta(seconds=time.monotonic() - at)

    def learn(self, server_time: datetime) -> bool:
        """Follow the server; whether that changed anything."""
        if abs(server_time - self.now()) <= TOLERANCE:
            return False
        self._heard = (server_time, time.monotonic())
        return True
