"""What an operator tells the driver of EC2, and the page that says how."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from provisioning import offers_file
from provisioning.adapters import DRIVERS
from provisioning.adapters.ec2 import Ec2Driver, Ec2Settings
from tests.support.ec2 import IMAGE, REGION, SETTINGS, SIZE, driver, ec2, wanted


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"images": {}}, "images"),
        ({"images": {"us-east-1": "debian"}}, "ami-"),
        ({"images": {"US East": IMAGE}}, "images"),
        ({"agent_package": ""}, "agent_package"),
        ({"agent_package": "a\n--index-url https://evil.test"}, "agent_package"),
        ({"restic": {"address": "ftp://space.test/restic.bz2", "sha256": "ab" * 32}}, "restic.address"),
        ({"restic": {"address": "https://space.test/a b", "sha256": "ab" * 32}}, "restic.address"),
        ({"restic": {"address": "https://space.test/restic.bz2", "sha256": "AB" * 32}}, "restic.sha256"),
        ({"restic": {"address": "https://space.test/restic.bz2"}}, "restic.sha256"),
        ({"subnets": {"eu-north-1": "subnet-1"}}, "no image is named for eu-north-1"),
        ({"security_groups": {REGION: ["sg-1"]}}, "subnets has none for us-east-1"),
        ({"disk": "olares"}, "disk"),
        ({"restore_target": {"path": "Home"}}, "path"),
        ({"activation": "olares-cli activate"}, "activation"),
        ({"activations": ["x"]}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Ec2Settings.model_validate({**SETTINGS, **change})


@pytest.mark.parametrize("url", ["ftp://host", "http://", "https://host/path", "https://host?x=1", "host:80"])
def test_an_endpoint_is_a_host_and_a_port(url: str) -> None:
    with pytest.raises(ValueError, match="https://host:port"):
        Ec2Driver("aws", uuid4(), Ec2Settings.model_validate(SETTINGS), "k", "s", url)


@pytest.mark.parametrize(
    ("restic", "line", "says"),
    [
        ("", 5, "restic is missing"),
        ("      restic: {address: https://space.test/restic.bz2}\n", 8, "sha256 is missing"),
        ('      restic: {address: restic.bz2, sha256: "00"}\n', 8, "address is not of the form"),
    ],
    ids=["none", "no hash", "no address"],
)
def test_offers_without_a_restic_that_can_be_checked_are_refused_with_their_line(
    restic: str, line: int, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "offers.yaml"
    path.write_text(
        "providers:\n  - provider: aws\n    name: AWS\n    driver: ec2\n    settings:\n"
        f"      images: {{us-east-1: {IMAGE}}}\n      agent_package: space-agent\n{restic}"
        "    regions:\n      - region: us-east-1\n        name: Virginia\n        plans:\n"
        "          - {plan: small, name: Small, vcpu: 2, memory_gb: 4, disk_gb: 40, size: t3.medium}\n"
    )
    with pytest.raises(offers_file.OffersProblems) as refused:
        offers_file.load(path, DRIVERS)
    assert f"{path}:{line}: {says}" in str(refused.value)


# The page for operators


def blocks(language: str) -> list[str]:
    page = (Path(__file__).parents[2] / "docs/instances-on-aws.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.S | re.M)


def test_the_pages_example_can_be_used_as_it_stands(tmp_path: Path) -> None:
    (example,) = blocks("yaml")
    path = tmp_path / "offers.yaml"
    path.write_text(example)
    provider = offers_file.load(path, DRIVERS).providers["aws"]
    settings = Ec2Settings.model_validate(provider.settings)
    for region in provider.regions.values():
        assert region.at in settings.images


def test_the_page_names_every_setting() -> None:
    page = (Path(__file__).parents[2] / "docs/instances-on-aws.md").read_text()
    assert [name for name in Ec2Settings.model_fields if f"`{name}`" not in page] == []


async def test_the_pages_policy_allows_what_the_driver_does_and_no_more(tmp_path: Path) -> None:
    async with ec2(tmp_path) as cloud:
        aws = driver(cloud)
        reference = (await aws.create(wanted())).reference
        for act in (aws.restart, aws.stop, aws.start, aws.destroy):
            await act(REGION, reference)
        await aws.sold_out(REGION, [SIZE])
        done = {f"ec2:{form['Action']}" for form in cloud.seen}
    (policy,) = blocks("json")
    allowed: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        actions = statement["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)
    # Tags at creation need a permission of their own.
    assert allowed == done | {"ec2:CreateTags"}
