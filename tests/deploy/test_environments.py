"""Each package in an environment of its own: an import that it does not declare fails here, and nowhere else.

In the environment that everybody works in, all packages are installed, so importing a sibling, or what only a sibling
declares, simply works. These environments hold the files of what a package declares, directly or through others, linked
from the ones installed here: that takes seconds and no network. The images are built by uv from the same declarations.
"""

import ast
import importlib.metadata
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.support import ROOT, SERVICES

MEMBERS = {"shared": ROOT / "shared", "agent": ROOT / "services" / "agent"} | {
    name: ROOT / "services" / name for name in SERVICES
}
TEST_TOOLS = ("pytest", "hypothesis")

IMPORT_ALL = """
import importlib, importlib.util, pkgutil, sys
name, *others = sys.argv[1:]
package = importlib.import_module(name)
for module in pkgutil.walk_packages(package.__path__, f"{name}."):
    if not module.name.endswith("__main__") and ".migrations." not in module.name:
        importlib.import_module(module.name)
found = [other for other in others if importlib.util.find_spec(other)]
sys.exit(f"these can be imported: {found}" if found else 0)
"""


def declared(member: str) -> list[Requirement]:
    project = tomllib.loads((MEMBERS[member] / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def closure(requirements: Iterable[Requirement]) -> tuple[set[str], set[str]]:
    """The distributions that the requirements lead to: ours by the name of their package, and all others."""
    ours: set[str] = set()
    others: set[str] = set()
    seen: set[str] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        if name.startswith("space-"):
            ours.add(name.removeprefix("space-"))
            waiting += declared(name.removeprefix("space-"))
            continue
        others.add(name)
        for text in importlib.metadata.requires(name) or []:
            further = Requirement(text)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return ours, others


def link(distributions: Iterable[str], folder: Path) -> None:
    for name in distributions:
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or []:
            if ".." not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(distribution.locate_file(file))))


@pytest.fixture(params=list(MEMBERS))
def member(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def python(member: str, tmp_path: Path) -> Path:
    """The interpreter of an environment with one member and what it declares."""
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True, with_pip=False)
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    ours, others = closure(declared(member))
    link(others, packages)
    sources = [str(MEMBERS[name] / "src") for name in sorted({member} | ours)]
    (packages / "members.pth").write_text("\n".join(sources) + "\n")
    return environment / "bin" / "python"


def run(python: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(python.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [str(python), *arguments],
        env=environment | ({"PYTHONPATH": path} if path else {}),
        cwd=python.parent,
        capture_output=True,
        text=True,
        check=False,
        # Only what hangs takes as long; the rules of billing need half a minute of a processor that is free.
        timeout=600,
    )


def imported(file: Path) -> set[str]:
    """The modules a file imports, by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def domain_tests(service: str) -> list[Path]:
    """The service's tests of its rules alone; of their third parties the environment is the judge."""
    others = tuple(f"tests.{member}." for member in MEMBERS if member != service)

    def of_the_rules(name: str) -> bool:
        ours = name.partition(".")[0] in {*MEMBERS, "space_local"} or name.startswith(others)
        return not ours or name.startswith(f"{service}.domain")

    found = {file: imported(file) for file in sorted((ROOT / "tests" / service).glob("test_*.py"))}
    return [
        file
        for file, names in found.items()
        # Rules wait for nothing: what waits is a service's way to them.
        if any(name.startswith(f"{service}.domain") for name in names)
        and all(map(of_the_rules, names))
        and "async def test_" not in file.read_text()
    ]


def test_every_module_finds_what_it_imports_and_no_sibling(member: str, python: Path) -> None:
    ours, _ = closure(declared(member))
    siblings = set(MEMBERS) | {"space_local", "pytest"}
    done = run(python, "-c", IMPORT_ALL, member, *sorted(siblings - ours - {member}))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("member", SERVICES, indirect=True)
def test_the_rules_hold_where_nothing_else_is_installed(member: str, python: Path, tmp_path: Path) -> None:
    files = domain_tests(member)
    assert files, f"no test of {member} keeps to its domain"
    tools = tmp_path / "tools"
    link(closure([Requirement(name) for name in TEST_TOOLS])[1], tools)
    configuration = tmp_path / "pytest.ini"
    configuration.write_text("[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider --noconftest\n")
    options = ["-q", "-c", str(configuration), f"--rootdir={tmp_path}"]
    done = run(python, "-m", "pytest", *options, *map(str, files), path=f"{tools}:{ROOT}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_undeclared_import_of_a_sibling_is_seen(tmp_path: Path) -> None:
    assert closure(declared("restore"))[0] == {"shared"}
    assert "aioboto3" not in closure(declared("restore"))[1]
    assert closure(declared("agent"))[0] == set()
