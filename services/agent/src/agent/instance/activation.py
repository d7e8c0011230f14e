"""Running the activation step of an instance, and saying what it says."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from agent.instance.journal import LINE_CHARACTERS, Journal

DEADLINE_SECONDS = 3600.0
GRACE_SECONDS = 2.0
# What was left running in the background may hold the pipe open for ever.
DRAIN_SECONDS = 0.5
_CHUNK_BYTES = 65536


async def activate(command: Sequence[str], journal: Journal) -> bool:
    """Whether the command ended well. It stays in the agent's own process group, and ends with the agent."""
    async with _relayed(journal) as pipe:
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=asyncio.subprocess.STDOUT
            )
        except (OSError, ValueError) as error:
            journal.say(f"The activation step cannot be run: {error}.")
            return False
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                status = await process.wait()
        except TimeoutError:
            journal.say(f"The activation step is ended: it takes longer than {DEADLINE_SECONDS:.0f} seconds.")
            return False
        finally:
            await _end(process)
    if status != 0:
        journal.say(f"The activation step failed with status {status}.")
    return status == 0


@asynccontextmanager
async def _relayed(journal: Journal) -> AsyncIterator[int]:
    """A pipe whose content is said.

    It is our own: asyncio's takes a command for running until everything that it left in the background has ended too.
    """
    taken, given = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader),
        open(taken, "rb", buffering=0),  # noqa: SIM115, PTH123, ASYNC230
    )
    relaying = asyncio.create_task(_relay(reader, journal))
    try:
        yield given
    finally:
        os.close(given)
        await asyncio.wait({relaying}, timeout=DRAIN_SECONDS)
        relaying.cancel()
        transport.close()


async def _relay(reader: asyncio.StreamReader, journal: Journal) -> None:
    """Say it line by line; one without an end is cut rather than kept in memory."""
    rest = b""
    while chunk := await reader.read(_CHUNK_BYTES):
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
