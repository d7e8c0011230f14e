"""Comparing folders."""

from pathlib import Path


def tree(folder: Path) -> dict[str, object]:
    """Every path in a folder with what it holds."""
    return {str(path.relative_to(folder)): held(path) for path in sorted(folder.rglob("*"))}


def held(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    return path.read_bytes() if path.is_file() else "folder"
