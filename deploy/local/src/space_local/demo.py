"""``make demo``: an owner's whole story with the real programs; it fails if anything is not as it should be."""

import asyncio
import contextlib
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from space_local import demo_bill, demo_cloud
from space_local.demo_tools import (
    BACKUP,
    PASSWORD,
    PRICES,
    WRONG_PASSWORD,
    Demo,
    NotAsItShouldBe,
    compare,
    measure,
    quoted,
    read,
    size_text,
    space,
    step,
)
from space_local.errors import LocalError, tail
from space_local.options import PROJECT
from space_local.process import Child
from space_local.terminal import Terminal

SAMPLE_BYTES = 200 * 2**20
SAMPLE_FOLDERS = ("/usr/share", "/usr/lib", "/etc/ssl", str(PROJECT / ".venv" / "lib"))
LARGEST_SAMPLE = 20 * 2**20
CHANGED_FILES = 40
START_SECONDS = 120
PROMPT_SECONDS = 120


def main() -> int:
    try:
        _tell(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else None)
    except LocalError as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


def _tell(source: Path | None) -> None:
    demo = Demo.open()
    step("Files to back up")
    _gather(demo, source)
    count, size = measure(demo.files)
    print(f"  {count} files, {size_text(size)}, in {demo.files}")

    step("Starting the system (PostgreSQL, RabbitMQ, rclone, Caddy, every service)")
    with _running(demo):
        print(f"  console {demo.origin}, store https://127.0.0.1:{demo.store_port}")
        _tell_with_system(demo)
        _show_the_console(demo)
        step("Stopping the system")
    print(f"\nEverything is as it should be. What was made is kept in {demo.folder}; `make clean` removes it.")


def _tell_with_system(demo: Demo) -> None:
    # An owner of its own for every run: time will pass for them faster than for us.
    name = f"demo-{int(time.time())}@olares.com"
    step(f"Signing in as {name}")
    shutil.rmtree(demo.config, ignore_errors=True)
    space(demo, "login", "--name", name)
    of_others = _stored(demo)

    password = demo.folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    backup = ["backup", str(demo.files), "--name", BACKUP, "--password-file", str(password)]

    step("What is free, and what the rest costs")
    space(demo, "prices")

    step("A backup")
    space(demo, *backup)

    step(f"Changing some files ({CHANGED_FILES} written to, some removed, some added)")
    changed = _change(demo.files)
    demo_bill.meet_the_limit(demo, backup)
    before = _stored(demo)
    space(demo, *backup)
    added = _stored(demo) - before
    size = measure(demo.files)[1]
    print(f"  the store grew by {size_text(added)} for a folder of {size_text(size)}")
    if added > size // 2 + changed:
        raise NotAsItShouldBe("the backup after the changes was not incremental.")

    step("The backup list and the snapshots")
    space(demo, "backups")
    space(demo, "snapshots", BACKUP)
    snapshots = read(demo, "snapshots", BACKUP)
    if len(snapshots) < 2:
        raise NotAsItShouldBe(f"{len(snapshots)} snapshots are listed after two backups.")
    _check_storage(demo, of_others)

    step("Restoring into a new folder: a wrong password first, then the right one")
    _restore(demo)

    step("Comparing every file by SHA-256")
    compare(demo.files, demo.restored)

    settled_at = demo_cloud.restore_to_the_cloud(demo)

    demo_bill.look_at_the_bill(demo, settled_at)


def _show_the_console(demo: Demo) -> None:
    """All of this as its owner sees it in a browser; where somebody is at the terminal, for as long as they like."""
    step("The console")
    with httpx.Client(base_url=demo.origin, trust_env=False) as client:
        page = client.get("/")
        scripts = re.findall(r'<script[^>]* src="([^"]+)"', page.text)
        if not scripts or any(client.get(address).status_code != httpx.codes.OK for address in ("/", *scripts)):
            raise NotAsItShouldBe(f"the console is not at {demo.origin}: {page.status_code} {page.text[:200]}")
    space(demo, "login", "--web", "--no-open")
    print(f"  The console is at {demo.origin}; the password of the backup is “{PASSWORD}”.")
    if sys.stdin.isatty() and sys.stdout.isatty():
        print("  Open the link to look around. Press Enter here when you are done; `link` and Enter make another link.")
        with contextlib.suppress(EOFError):
            while input("  ").strip() == "link":
                space(demo, "login", "--web", "--no-open")


def _gather(demo: Demo, source: Path | None) -> None:
    """Fill the folder that is backed up; the demonstration changes files, so it works on a copy."""
    origin = demo.folder / "files-from"
    wanted = str(source or "this machine")
    if demo.files.exists() and origin.exists() and origin.read_text() == wanted:
        return
    shutil.rmtree(demo.files, ignore_errors=True)
    if source is not None:
        if not source.is_dir():
            raise LocalError(f"FOLDER={source} is not a folder.")
        shutil.copytree(source, demo.files, symlinks=True)
    else:
        _gather_sample(demo.files)
    origin.write_text(wanted)


def _gather_sample(target: Path) -> None:
    left = SAMPLE_BYTES
    share = SAMPLE_BYTES // len(SAMPLE_FOLDERS)
    for number, folder in enumerate(SAMPLE_FOLDERS):
        # What an earlier folder could not fill, the later ones may.
        limit = left - share * (len(SAMPLE_FOLDERS) - number - 1)
        for path in _readable_files(Path(folder)):
            size = path.stat().st_size
            if size > min(limit, LARGEST_SAMPLE):
                continue
            copy = target / path.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
            limit -= size
            left -= size
            if limit < share // 100:
                break


def _readable_files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                yield path


def _change(folder: Path) -> int:
    """Change a folder a little; the bytes of what is other or new in it."""
    paths = list(_readable_files(folder))
    chosen = random.sample(paths, min(CHANGED_FILES, len(paths)))
    for path in chosen[: len(chosen) // 8]:
        path.unlink()
    for path in chosen[len(chosen) // 8 :]:
        path.chmod(path.stat().st_mode | 0o200)
        with path.open("ab") as file:
            file.write(b"\nchanged " + os.urandom(64).hex().encode())
    changed = sum(path.stat().st_size for path in chosen[len(chosen) // 8 :])
    new = folder / "added" / str(time.time_ns())
    new.mkdir(parents=True)
    for number in range(5):
        changed += (new / f"new file {number} ü").write_bytes(os.urandom(100_000))
    return changed


@contextlib.contextmanager
def _running(demo: Demo) -> Iterator[None]:
    """The system as `make run` starts it, in a process of its own."""
    environment = {
        "SPACE_HOME": str(demo.system),
        # What `make run` or the `space` command was told elsewhere is not about this system.
        "SPACE_HOST": "",
        "SPACE_ORIGIN": "",
        "SPACE_ORIGIN_PORT": str(demo.origin_port),
        "SPACE_STORE_PORT": str(demo.store_port),
        "BILLING_PRICE_BOOK": str(PRICES),
    }
    command = [sys.executable, "-m", "space_local", "run"]
    child = Child("system", command, demo.folder, environment, stop_seconds=90)
    child.log.parent.mkdir(parents=True, exist_ok=True)
    child.log.write_text("")
    ready = demo.system / "origin"
    ready.unlink(missing_ok=True)

    async def is_ready() -> bool:
        return ready.exists()

    try:
        child.spawn()
        asyncio.run(child.until_ready(is_ready, START_SECONDS))
        yield
    finally:
        asyncio.run(child.stop())
    if child.process is not None and child.process.returncode != 0:
        raise NotAsItShouldBe(f"the system did not stop cleanly:\n{tail(child.log)}")


def _restore(demo: Demo) -> None:
    shutil.rmtree(demo.restored, ignore_errors=True)
    command = [str(Path(sys.executable).parent / "space"), "restore", "--backup", BACKUP, "--to", str(demo.restored)]
    print(f"  $ space restore --backup {quoted(BACKUP)} --to {demo.restored}")
    started = time.monotonic()
    with Terminal(command, demo.environment) as terminal:
        terminal.expect("Backup password:", PROMPT_SECONDS)
        terminal.type(WRONG_PASSWORD)
        refused = terminal.expect("Backup password:", PROMPT_SECONDS)
        terminal.type(PASSWORD)
        code = terminal.wait()
    for line in terminal.lines():
        print(f"    {line}")
    if "wrong" not in refused:
        raise NotAsItShouldBe("the wrong password was not called wrong.")
    if code != 0:
        raise NotAsItShouldBe(f"`space restore` ended with code {code}.")
    print(f"    ({time.monotonic() - started:.1f} s)")


def _check_storage(demo: Demo, of_others: int) -> None:
    """The storage that is listed is the sum of the objects in the store; one measurement may still be on its way."""
    deadline = time.monotonic() + 90
    while True:
        listed = next(item["storage_bytes"] for item in read(demo, "backups") if item["name"] == BACKUP)
        stored = _stored(demo) - of_others
        if listed == stored:
            print(f"  storage listed = sum of its objects in the store = {stored} bytes")
            return
        if time.monotonic() > deadline:
            raise NotAsItShouldBe(f"{listed} bytes are listed, and the objects in the store are {stored} bytes.")
        time.sleep(1)


def _stored(demo: Demo) -> int:
    return measure(demo.system / "store")[1]


if __name__ == "__main__":
    sys.exit(main())
