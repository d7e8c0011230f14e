"""The backup password of a restore to the cloud: in this process's memory, and sealed to one agent; nowhere else."""

from uuid import UUID

from agent import api, sealing
from agent.api import Client
from agent.backing_up import fetch_key_files
from agent.cloud_wire import PasswordWanted
from agent.errors import SpaceError
from agent.output import Output
from agent.passwords import PasswordSource, checker
from agent.wire import Backup


class KeptPassword:
    """What the owner typed, once it is right for the backup's key files."""

    def __init__(self, client: Client, source: PasswordSource, out: Output) -> None:
        self._client = client
        self._source = source
        self._out = out
        self._password: bytes | None = None

    @property
    def is_a_persons(self) -> bool:
        return self._source.is_a_person

    @property
    def is_there(self) -> bool:
        return self._password is not None

    def settle(self, backup_id: UUID) -> None:
        """Ask for it and check it here, against the repository's key files as they are now.

        Raises:
            WrongPassword: That of a file or a command is wrong; a person is told and asked again.
            SpaceError: `repository_missing`: there is nothing to restore.
        """
        task = api.parse(Backup, self._client.get(f"/backups/{backup_id}"))
        key_files = fetch_key_files(self._client, task)
        if key_files is None:
            self._out.say("The backup's key files may not be seen, so the password is first checked on the instance.")
            self._password = self._source.ask()
            return
        if not key_files:
            raise SpaceError("repository_missing", f"{task.name} has nothing in the store that could be restored.")
        self._password = self._source.ask_until(checker(key_files))

    def forget(self) -> None:
        self._password = None

    def sealed(self, restore_id: UUID, instance_id: UUID, wanted: PasswordWanted) -> str:
        """The password for the agent that waits for it, and for nobody else."""
        if self._password is None or wanted.public_key is None or wanted.round is None:
            raise ValueError("there is no password, or nobody to seal it to")
        try:
            key = sealing.read_public_key(wanted.public_key)
            return sealing.seal(self._password, key, restore_id=restore_id, instance_id=instance_id, round=wanted.round)
        except ValueError as error:
            raise SpaceError("answer_invalid", "The instance's key is none; the password was not sent.") from error
