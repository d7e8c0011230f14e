"""What the browser's module seals, the agent opens; the module runs as it is, in the Node that builds the console."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from agent.sealing import NotOpened, Sealing

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "services" / "console" / "src" / "crypto" / "sealing.ts"
RESTORE_ID = UUID("33333333-0000-4000-8000-000000000003")
INSTANCE_ID = UUID("44444444-0000-4000-8000-00000000000a")
PROGRAM = """
import { readFileSync } from "node:fs";
const { module, passwords, publicKey, target } = JSON.parse(readFileSync(0, "utf8"));
const { seal } = await import(module);
const sealed = [];
for (const hex of passwords) sealed.push(await seal(Uint8Array.from(Buffer.from(hex, "hex")), publicKey, target));
process.stdout.write(JSON.stringify(sealed));
"""
PASSWORDS = [
    b"correct horse",
    b"",
    b" \tleading and trailing blanks \r\n",
    bytes(range(256)),
    "pässwörd 😀".encode(),
    b"x" * 4096,
]


@pytest.mark.parametrize("number", [1, 2**31])
def test_the_agent_opens_what_the_browser_seals(number: int) -> None:
    sealing = Sealing()

    sealed = _sealed_by_the_browser(sealing.public_key, number)

    opened = [sealing.open(each, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=number) for each in sealed]
    assert opened == PASSWORDS


def test_it_opens_in_no_other_round_and_for_nobody_else() -> None:
    sealing = Sealing()

    first, *_ = _sealed_by_the_browser(sealing.public_key, 3)

    for wrong in ({"round": 4}, {"restore_id": INSTANCE_ID}, {"instance_id": RESTORE_ID}):
        with pytest.raises(NotOpened):
            sealing.open(first, **{"restore_id": RESTORE_ID, "instance_id": INSTANCE_ID, "round": 3, **wrong})  # type: ignore[arg-type]
    with pytest.raises(NotOpened):
        Sealing().open(first, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=3)


def _sealed_by_the_browser(public_key: str, number: int) -> list[str]:
    wanted = {
        "module": MODULE.as_uri(),
        "passwords": [password.hex() for password in PASSWORDS],
        "publicKey": public_key,
        "target": {"restoreId": str(RESTORE_ID), "instanceId": str(INSTANCE_ID), "round": number},
    }
    node = Path(sys.executable).with_name("node")
    command = [str(node), "--no-warnings", "--input-type=module", "--eval", PROGRAM]
    done = subprocess.run(command, input=json.dumps(wanted), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    sealed: list[str] = json.loads(done.stdout)
    return sealed
