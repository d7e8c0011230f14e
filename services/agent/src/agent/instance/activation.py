"""Running the activation step of an instance, and saying what it says."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from agent.instance.journal import LINE_CHARACTERS, Journal

DEADLINE_SECONDS = 1800.0
GRACE_SECONDS = 2.0
# Something that was left running in the background may hold the pipe open for ever.
DRAIN_SECONDS = 0.5
_CHUNK_BYTES = 65536


async def activate(command: Sequence[str], journal: Journal) -> bool:
    """Whether the command ended well. It stays in the agent's own process group, and ends with the agent."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except (OSError, ValueError) as error:
        journal.say(f"The activation step cannot be run: {error}.")
        return False
    reading = asyncio.create_task(_relay(process, journal))
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            status = await process.wait()
        await asyncio.wait({reading}, timeout=DRAIN_SECONDS)
    except TimeoutError:
        journal.say(f"The activation step is ended: it takes longer than {DEADLINE_SECONDS:.0f} seconds.")
        return False
    finally:
        reading.cancel()
        await _end(process)
    if status != 0:
        journal.say(f"The activation step failed with status {status}.")
    return status == 0


async def _relay(process: asyncio.subprocess.Process, journal: Journal) -> None:
    """Its output, line by line; one without an end is cut rather than kept in memory."""
    if process.stdout is None:
        raise ValueError("the process has no pipe")
    rest = b""
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) >= LINE_CHARACTERS:
            lines, rest = [*lines, rest], b""
        for line in lines:
            _say(line, journal)
        # A command that writes without end must leave the heartbeats their turn.
        await asyncio.sleep(0)
    _say(rest, journal)


def _say(line: bytes, journal: Journal) -> None:
    if text := line.decode("utf-8", "backslashreplace").strip():
        journal.say(text)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
