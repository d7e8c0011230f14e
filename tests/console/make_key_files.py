"""Writes key_files.json beside it: key files by the real restic, for the console's unit tests of its password check.

`.venv/bin/python tests/console/make_key_files.py [path of restic]`
"""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
TARGET = Path(__file__).with_name("key_files.json")
REPOSITORIES = {
    "one key": ["correct horse"],
    "three keys": ["first", "second", "third"],
    "blanks around": ["  two blanks \t "],
    "beyond ASCII": ["Pässwörter 🔑"],
    "decomposed": ["e\u0301 is not \u00e9"],
    "long": ["x" * 300],
}


def make(restic: str) -> None:
    made = [_repository(restic, name, passwords) for name, passwords in REPOSITORIES.items()]
    version = subprocess.run([restic, "version"], check=True, capture_output=True, text=True).stdout.strip()
    TARGET.write_text(json.dumps({"made_by": version, "repositories": made}, indent=1, ensure_ascii=False) + "\n")


def _repository(restic: str, name: str, passwords: list[str]) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        home = Path(folder)
        env = {"RESTIC_PASSWORD": passwords[0], "RESTIC_CACHE_DIR": folder, "RESTIC_REPOSITORY": str(home / "r")}
        subprocess.run([restic, "init"], env=env, check=True, capture_output=True)
        for further in passwords[1:]:
            file = home / "password"
            file.write_text(further)
            command = [restic, "key", "add", "--new-password-file", str(file)]
            subprocess.run(command, env=env, check=True, capture_output=True)
        files = [base64.b64encode(key.read_bytes()).decode() for key in sorted((home / "r" / "keys").iterdir())]
    return {"name": name, "passwords": passwords, "key_files": files}


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else shutil.which("restic") or str(ROOT / ".space" / "tools" / "restic"))
