"""Telling the service how a restore goes."""

import time
from collections.abc import Callable
from uuid import UUID

import httpx

from agent.api import Client
from agent.config import JsonObject
from agent.errors import SpaceError
from agent.output import Output
from agent.restic import messages

REPORT_SECONDS = 10.0
REPORT_TIMEOUT = httpx.Timeout(5.0)


class Reporter:
    """Tells the service how the restore goes. A report that cannot be delivered never fails the restore; one answered
    with `restore_ended` stops it, because then the owner has called it off."""

    def __init__(self, client: Client, restore_id: UUID, redeemer_secret: str, out: Output) -> None:
        self._secret = redeemer_secret
        self._path = f"/restores/{restore_id}/reports"
        self._client = client
        self._out = out
        self._last = 0.0
        self._is_verifying = False

    def restoring(self) -> None:
        self._is_verifying = False
        self._send({"state": "restoring"})

    def watching(self, on_progress: Callable[[messages.Progress], None]) -> Callable[[messages.Progress], None]:
        """The same progress, told to the service every few seconds too."""

        def note(progress: messages.Progress) -> None:
            on_progress(progress)
            is_written = 0 < progress.bytes_total <= progress.bytes_done
            if is_written and not self._is_verifying:
                self._is_verifying = True
                self._send({"state": "verifying", **_counts(progress)})
            elif not is_written and time.monotonic() - self._last >= REPORT_SECONDS:
                self._send({"state": "restoring", **_counts(progress)})

        return note

    def completed(self, *, files: int, size_bytes: int, warnings: int) -> None:
        body: JsonObject = {
            "state": "completed",
            "bytes_restored": size_bytes,
            "files_restored": files,
            "total_bytes": size_bytes,
            "warnings": warnings,
        }
        if not self._send(body, attempts=3):
            self._out.say("The service could not be told that the restore is complete; nothing is missing here.")

    def failed(self, error: SpaceError) -> None:
        if error.code != "restore_ended":
            self._send({"state": "failed", "reason": error.code})

    def _send(self, body: JsonObject, attempts: int = 1) -> bool:
        self._last = time.monotonic()
        try:
            self._client.post(
                self._path, {"redeemer_secret": self._secret, **body}, authorised=False, attempts=attempts
            )
        except SpaceError as error:
            if error.code == "restore_ended" and body["state"] in ("restoring", "verifying"):
                raise
            return False
        return True


def _counts(progress: messages.Progress) -> JsonObject:
    return {
        "bytes_restored": progress.bytes_done,
        "files_restored": progress.files_done,
        "total_bytes": progress.bytes_total,
    }
