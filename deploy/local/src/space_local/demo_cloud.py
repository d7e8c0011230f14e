"""The demonstration's restore to the cloud: ordered, unlocked, compared on the instance, paid for, and returned."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from space_local.demo_tools import BACKUP, PASSWORD, WRONG_PASSWORD, Demo, NotAsItShouldBe, compare, read, space, step
from space_local.terminal import Terminal

PROMPT_SECONDS = 120
RESTORED_SECONDS = 300
SETTLED_SECONDS = 60
PLACE = ("--provider", "local", "--region", "local", "--plan", "small")


def restore_to_the_cloud(demo: Demo) -> datetime:
    """Order an instance with the backup on it; everything that is said about its cost has to come true.

    Returns:
        When the instance was gone, and what it cost settled.
    """
    step("The same onto a new instance in the cloud (here: a process of this machine): a wrong password first")
    name = f"restored-{int(time.time())}@olares.com"
    _order(demo, name)
    (restored,) = [each for each in read(demo, "restores") if each["cloud"] and each["cloud"]["instance_name"] == name]
    restore = read(demo, "restore", "show", restored["restore_id"])

    step("Comparing every file on the instance by SHA-256")
    compare(demo.files, _restored(demo, restore["cloud"]["instance_id"]))

    step("What was quoted, and what the invoice says")
    number = _compare_bill(demo, restore)

    step("Returning the instance: what is not used of its month is given back")
    space(demo, "instance", "return", name, "--yes")
    _until_settled(demo, number)
    space(demo, "invoice", number)
    return datetime.fromisoformat(read(demo, "instance", "show", restore["cloud"]["instance_id"])["ended_at"])


def _order(demo: Demo, name: str) -> None:
    arguments = ["restore", "--to-cloud", "--backup", BACKUP, *PLACE, "--name", name]
    print(f"  $ space restore --to-cloud --backup '{BACKUP}' {' '.join(PLACE)} --name {name}")
    started = time.monotonic()
    with Terminal([str(Path(sys.executable).parent / "space"), *arguments], demo.environment) as terminal:
        terminal.expect("Backup password:", PROMPT_SECONDS)
        terminal.type(WRONG_PASSWORD)
        refused = terminal.expect("Backup password:", PROMPT_SECONDS)
        terminal.type(PASSWORD)
        terminal.expect("Order this for", PROMPT_SECONDS)
        terminal.type("y")
        terminal.expect("is ready", RESTORED_SECONDS)
        code = terminal.wait()
    for line in terminal.lines():
        print(f"    {line}")
    if "wrong" not in refused:
        raise NotAsItShouldBe("the wrong password was not called wrong.")
    if code != 0:
        raise NotAsItShouldBe(f"`space restore --to-cloud` ended with code {code}.")
    print(f"    ({time.monotonic() - started:.1f} s)")


def _restored(demo: Demo, instance_id: str) -> Path:
    """The folder in the instance's home that was restored."""
    home = demo.system / "instances" / "local" / instance_id / "home"
    found = sorted(path.name for path in home.iterdir())
    if len(found) != 1 or not found[0].startswith("Restored "):
        raise NotAsItShouldBe(f"the instance's home holds {found} instead of the one folder that was restored.")
    return home / found[0]


def _compare_bill(demo: Demo, restore: Any) -> str:
    """The invoice's number, if it is the quote's line by line."""
    quote = restore["cloud"]["quote"]
    (order,) = [each for each in read(demo, "invoices") if each["kind"] == "order"]
    invoice = read(demo, "invoice", order["number"])
    quoted, billed = ([_line(line) for line in lines] for lines in (quote["lines"], invoice["lines"]))
    for description, amount in billed:
        print(f"  {invoice['number']}: {description}, {amount / 100:.2f} {invoice['total']['currency']}")
    if quoted != billed or quote["total"] != invoice["total"]:
        raise NotAsItShouldBe(f"quoted were {quoted}, and {billed} was billed.")
    print("  the lines and their sum are those of the quote")
    return str(invoice["number"])


def _line(line: Any) -> tuple[str, int]:
    return line["description"], line["amount"]["amount_minor"]


def _until_settled(demo: Demo, number: str) -> None:
    """What was not used is on a credit note: most of the month, and not more than was paid."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while not (notes := read(demo, "invoice", number)["credit_notes"]):
        if time.monotonic() > deadline:
            raise NotAsItShouldBe(f"nothing was given back of {number}.")
        time.sleep(0.5)
    given_back = sum(note["total"]["amount_minor"] for note in notes)
    paid = read(demo, "invoice", number)["total"]["amount_minor"]
    if not paid * 99 // 100 <= given_back <= paid:
        raise NotAsItShouldBe(f"{given_back} of {paid} minor units were given back after some minutes.")
