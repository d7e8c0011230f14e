"""Failures that a person at the terminal can act on."""

from pathlib import Path


class LocalError(Exception):
    """Shown as one message, without a traceback."""


class ServerFailed(LocalError):
    """A server ended or did not become ready; the end of its log is part of the message."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        super().__init__(f"{name} {what}. The end of {log}:\n{tail(log)}")
        self.name = name


class PortTaken(LocalError):
    def __init__(self, port: int, holder: str, remedy: str) -> None:
        super().__init__(f"Port {port} is already in use by {holder}. {remedy}")
        self.port = port


class AlreadyRunning(LocalError):
    def __init__(self, home: Path, pid: int | None) -> None:
        by = f"process {pid}" if pid else "another process"
        super().__init__(f"The system of {home} is already running ({by}). `make stop` ends it.")


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, indented; says so when there is none."""
    try:
        content = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in content[-lines:]) or "  (the log is empty)"
