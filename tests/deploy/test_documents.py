"""What is generated from the code is what is committed, and every link between pages leads somewhere."""

import inspect
import json
import re
import subprocess
import sys
from collections import defaultdict
from typing import Any

import pytest

from shared.errors import STATUS, ServiceError
from tests.deploy.support import ROOT, SERVICES

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("s*/README.md"), *ROOT.glob("s*/*/README.md")]
)


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def failures(base: type[ServiceError] = ServiceError) -> set[type[ServiceError]]:
    direct = {error for error in base.__subclasses__() if error.__module__.partition(".")[0] in {"shared", *SERVICES}}
    return direct | {error for subclass in direct for error in failures(subclass)}


@pytest.mark.parametrize("error", sorted(failures(), key=str), ids=lambda error: f"{error.__module__}.{error.__name__}")
def test_every_expected_failure_says_what_it_means(error: type[ServiceError]) -> None:
    assert inspect.cleandoc(error.__dict__.get("__doc__") or "")
    assert re.fullmatch("[a-z_]+", error.code)


def test_a_code_means_one_status() -> None:
    found: dict[str, set[int]] = defaultdict(set)
    for error in failures():
        found[error.code].add(STATUS[error.kind])
    assert {code: statuses for code, statuses in found.items() if len(statuses) > 1} == {}


def test_the_event_document_holds_together() -> None:
    document = json.loads((ROOT / "docs" / "asyncapi.json").read_text())

    def follow(reference: str) -> Any:
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))
    assert references
    assert all(follow(reference) for reference in references)
    sends = [operation for operation in document["operations"].values() if operation["action"] == "send"]
    assert len(sends) == len(document["channels"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Any) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
