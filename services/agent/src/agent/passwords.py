"""Asking for the backup password, in the terminal or from what a script names."""

import getpass
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageError, WrongPassword
from agent.keyfile import KeyFile, matching

MAX_PASSWORD_BYTES = 64 * 1024
COMMAND_SECONDS = 120

_NEEDED = "Use --password-file, --password-command or SPACE_PASSWORD_FILE where there is no terminal."


@dataclass(frozen=True)
class PasswordSource:
    """Where passwords come from; a file or a command gives one, a person may be asked again."""

    file: str | None = None
    command: str | None = None

    @classmethod
    def chosen(cls, file: str | None, command: str | None) -> "PasswordSource":
        """What the command line names, else SPACE_PASSWORD_FILE, else a person at the terminal."""
        if file and command:
            raise UsageError("two_passwords", "--password-file and --password-command exclude each other.")
        if file or command:
            return cls(file=file, command=command)
        return cls(file=os.environ.get("SPACE_PASSWORD_FILE") or None)

    @property
    def is_a_person(self) -> bool:
        return self.file is None and self.command is None

    def ask(self, prompt: str = "Backup password: ") -> bytes:
        """A password that is not empty.

        Raises:
            UsageError: The file or command gives none, or there is neither these nor a terminal.
            WrongPassword: The person closed the input instead of typing.
        """
        if self.file is not None:
            return _usable(_from_file(self.file), f"{self.file} holds")
        if self.command is not None:
            return _usable(_from_command(self.command), "The password command printed")
        while True:
            password = _typed(prompt)
            if password:
                return password
            _say("An empty password would protect nothing. Please type one.")

    def choose(self) -> bytes:
        """A new password: a person types it twice."""
        if not self.is_a_person:
            return self.ask()
        _say("This is the first backup of this task. Choose a password for it.")
        _say("Nobody else knows it, and without it nothing can be restored. Keep it safe.")
        while True:
            password = self.ask("New backup password: ")
            if _typed("The same again: ") == password:
                return password
            _say("The two differ. Please type it again.")

    def ask_until(self, is_right: Callable[[bytes], bool]) -> bytes:
        """A password that passes the check; a person is told and asked again, a file or command is not.

        Raises:
            WrongPassword: The file's or command's password does not pass.
        """
        while True:
            password = self.ask()
            if is_right(password):
                return password
            if not self.is_a_person:
                raise WrongPassword
            _say("This password is wrong. Please try again (Ctrl-C stops).")


def checker(key_files: Sequence[KeyFile]) -> Callable[[bytes], bool]:
    """Whether one of the repository's key files opens with a password."""
    return lambda password: matching(key_files, password) is not None


def _typed(prompt: str) -> bytes:
    if not has_terminal():
        raise UsageError("password_needed", "There is no terminal to ask for the backup password.", hint=_NEEDED)
    try:
        typed = getpass.getpass(prompt)
    except EOFError as error:
        raise WrongPassword("No password was given.") from error
    return os.fsencode(typed)


def has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin.isatty()
    return True


def _from_file(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_PASSWORD_BYTES)
        with Path(name).open("rb") as file:
            return file.read(MAX_PASSWORD_BYTES)
    except OSError as error:
        message = f"The password file {name} cannot be read: {error.strerror}."
        raise UsageError("password_file_unreadable", message) from error


def _from_command(command: str) -> bytes:
    try:
        # The owner's own command line, as they would type it.
        done = subprocess.run(  # noqa: S602
            command, shell=True, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        message = f"The password command failed with exit code {error.returncode}."
        raise UsageError("password_command_failed", message) from error
    except subprocess.TimeoutExpired as error:
        message = f"The password command did not end within {COMMAND_SECONDS} s."
        raise UsageError("password_command_failed", message) from error
    return done.stdout[:MAX_PASSWORD_BYTES]


def _usable(content: bytes, source: str) -> bytes:
    """A password without its line end."""
    password = content.removesuffix(b"\n").removesuffix(b"\r")
    if not password:
        raise UsageError("password_empty", f"{source} an empty password; it would protect nothing.")
    if b"\0" in password:
        raise UsageError("password_unusable", f"{source} a zero byte, which restic cannot take.")
    return password


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
