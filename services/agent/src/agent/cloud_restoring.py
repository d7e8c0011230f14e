"""Restoring to the cloud: an order, or one that is taken up again, followed to its end."""

from uuid import UUID

from agent import cloud_asking, cloud_service, cloud_words, lookup
from agent.api import Client
from agent.cloud_choosing import CloudRequest, missing_options
from agent.cloud_following import Follower
from agent.cloud_order import CloudOrder
from agent.cloud_password import KeptPassword
from agent.cloud_service import RestoreService
from agent.cloud_wire import CloudRestore
from agent.config import JsonObject
from agent.errors import ExitCode, Interrupted, SpaceError, UsageError, WrongPassword
from agent.output import Output
from agent.passwords import PasswordSource, has_terminal


def restore_to_cloud(client: Client, request: CloudRequest, source: PasswordSource, out: Output) -> int:
    """Order or go on; the exit code of a restore that went well, or was confirmed where nobody waits.

    Raises:
        UsageError: Something is missing and nobody can be asked.
        CloudRestoreEnded: It came to another end than a restored instance.
        Interrupted: By Ctrl-C; the restore goes on by itself.
    """
    asks = cloud_asking.can_ask(out)
    _check_complete(request, source, asks=asks)
    return _Run(client, request, source, out, asks=asks).run()


def result_document(found: CloudRestore) -> JsonObject:
    """The one document that programs read."""
    cloud = found.cloud
    quote = cloud.quote
    return {
        "restore_id": str(found.restore_id),
        "state": found.state,
        "code": found.code,
        "reason": found.reason,
        "backup_name": found.backup_name,
        "snapshot_id": str(found.snapshot_id),
        "instance_id": None if cloud.instance_id is None else str(cloud.instance_id),
        "instance_name": cloud.instance_name,
        "address": cloud.address,
        "payment": cloud.payment,
        "total": None if quote is None else quote.total.model_dump(),
        "bytes_restored": found.bytes_restored,
        "files_restored": found.files_restored,
        "warnings": found.warnings,
    }


class _Run:
    """One run of the command; what it knows of the restore decides what Ctrl-C says."""

    def __init__(
        self, client: Client, request: CloudRequest, source: PasswordSource, out: Output, *, asks: bool
    ) -> None:
        self._client = client
        self._request = request
        self._source = source
        self._out = out
        self._asks = asks
        self._service = RestoreService(client, lambda why: out.say(f"{why} Trying again…"))
        self._password = KeptPassword(client, source, out)
        self._order = CloudOrder(self._service, request, self._password, out, asks=asks)

    def run(self) -> int:
        try:
            found = self._run()
        except KeyboardInterrupt:
            known = self._order.found
            words = "Nothing was ordered." if known is None else cloud_words.comes_back(known)
            raise Interrupted("\n".join(["", *cloud_words.wrapped(words)])) from None
        except SpaceError as error:
            raise self._with_way_back(error) from error
        return self._report(found)

    def _run(self) -> CloudRestore:
        found = self._begun() if self._request.resume is None else self._taken_up(self._request.resume)
        if found.state in cloud_words.NOT_CONFIRMED:
            found = self._order.confirm()
        if not self._request.wait or found.state in cloud_words.OVER:
            return found
        follower = Follower(self._service, self._password, self._out, asks=self._asks, on_look=self._order.take_up)
        return follower.follow(found.restore_id)

    def _begun(self) -> CloudRestore:
        return self._order.place(with_password=self._has_password)

    def _taken_up(self, wanted: str) -> CloudRestore:
        restore_id = lookup.whole_id(self._client, "/restores", "restore_id", wanted)
        found = self._service.look(UUID(restore_id))
        self._order.take_up(found)
        if self._has_password and found.state in cloud_words.BEFORE_DATA:
            self._out.say(cloud_words.backup_text(found))
            self._password.settle(found.backup_id)
        return found

    @property
    def _has_password(self) -> bool:
        """Whether it can be had; it is wanted also where nobody waits, so that nothing is ordered in vain."""
        return not self._source.is_a_person or has_terminal()

    def _report(self, found: CloudRestore) -> int:
        if found.state == "completed":
            charged = self._service.charged(found.restore_id)
            if found.warnings:
                self._out.warn(cloud_words.warning_text(found))
            self._out.result(result_document(found), cloud_words.completed(found, charged))
            return ExitCode.WARNINGS if found.warnings else ExitCode.OK
        if found.state in cloud_words.OVER or found.state == "needs_operator":
            raise cloud_words.ended(found, self._service.charged(found.restore_id))
        confirmed = f"{cloud_words.state_text(found.state)}. {cloud_words.comes_back(found)}"
        self._out.result(result_document(found), confirmed)
        return ExitCode.OK

    def _with_way_back(self, error: SpaceError) -> SpaceError:
        """The failure with what becomes of the order, where its own hint does not say so."""
        known = self._order.found
        if known is None:
            if isinstance(error, WrongPassword):
                error.hint = "Nothing was ordered."
            return error
        error.restore_id = str(known.restore_id)
        if error.hint is None or cloud_service.is_away(error):
            error.hint = cloud_words.comes_back(known)
        return error


def _check_complete(request: CloudRequest, source: PasswordSource, *, asks: bool) -> None:
    """Before anything is asked of the service."""
    has_password = asks or has_terminal() or not source.is_a_person
    missing = [] if asks else missing_options(request, has_password=has_password)
    if missing:
        raise UsageError(
            "option_missing", f"{', '.join(missing)}: needed where nobody can be asked.", hint="`space restore --help`"
        )
