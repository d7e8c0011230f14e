"""Loading the file of offers: what it says, and everything that is refused, with its line, all at once."""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from provisioning import adapters
from provisioning.domain.offers import Offers, Plan, Provider, Region
from provisioning.offers_file import GB, OffersProblems, load, load_or_exit, parse
from provisioning.settings import PACKAGED_OFFERS


class Hardware(BaseModel):
    model_config = ConfigDict(extra="forbid")

    images: dict[Annotated[str, Field(pattern="^[a-z0-9-]+$")], Annotated[str, Field(pattern="^ami-[0-9a-f]+$")]]
    disk_gb: Annotated[int, Field(ge=8)] = 8


DRIVERS = {"local": None, "ec2": Hardware}

SOUND = """\
providers:
  - provider: local
    name: This machine
    driver: local
    regions:
      - region: local
        name: This machine
        plans:
          - {plan: small, name: Small, vcpu: 2, memory_gb: 4, disk_gb: 40, size: small}
          - {plan: large, name: Large, vcpu: 8, memory_gb: "0.5", disk_gb: 160, size: large, sold_out: true}
  - provider: aws
    name: Amazon Web Services
    driver: ec2
    settings: {images: {us-east-1: ami-1a, eu-west-1: ami-2b}, disk_gb: 40}
    regions:
      - region: us-east-1
        name: US East
        plans: [{plan: small, name: Small, vcpu: 2, memory_gb: 4, disk_gb: 40, size: t3.medium}]
      - region: europe
        name: Europe
        at: eu-west-1
        plans: [{plan: small, name: Small, vcpu: 2, memory_gb: 4, disk_gb: 40, size: t3.medium, sold_out: false}]
"""


def read(text: str) -> Offers:
    return parse(text, "offers.yaml", DRIVERS)


def problems(text: str) -> list[str]:
    """Without the file's name, which every one begins with."""
    with pytest.raises(OffersProblems) as caught:
        read(text)
    assert all(str(each).startswith("offers.yaml:") for each in caught.value.problems)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(each).removeprefix("offers.yaml:") for each in caught.value.problems]


def changed(before: str, after: str) -> str:
    assert before in SOUND
    return SOUND.replace(before, after, 1)


def test_offers_are_read_as_they_are_written() -> None:
    t3 = Plan("small", "Small", 2, 4 * GB, 40 * GB, "t3.medium")
    assert read(SOUND) == Offers(
        {
            "local": Provider(
                "local",
                "This machine",
                "local",
                {
                    "local": Region(
                        "local",
                        "This machine",
                        "local",
                        {
                            "small": Plan("small", "Small", 2, 4 * GB, 40 * GB, "small"),
                            "large": Plan("large", "Large", 8, GB // 2, 160 * GB, "large", sold_out=True),
                        },
                    )
                },
            ),
            "aws": Provider(
                "aws",
                "Amazon Web Services",
                "ec2",
                {
                    "us-east-1": Region("us-east-1", "US East", "us-east-1", {"small": t3}),
                    "europe": Region("europe", "Europe", "eu-west-1", {"small": t3}),
                },
                {"images": {"us-east-1": "ami-1a", "eu-west-1": "ami-2b"}, "disk_gb": 40},
            ),
        }
    )


def test_offering_nothing_is_fine() -> None:
    assert list(parse("providers: []\n", "offers.yaml", DRIVERS).plans()) == []


def test_the_packaged_offers_are_what_the_packaged_prices_are_for() -> None:
    offers = load(PACKAGED_OFFERS, {"local": None})
    assert [(provider.provider, region.region, plan.plan) for provider, region, plan in offers.plans()] == [
        ("local", "local", "small"),
        ("local", "local", "medium"),
        ("local", "local", "large"),
    ]
    assert not any(plan.sold_out for _, _, plan in offers.plans())


def test_the_offers_that_are_shown_as_an_example_are_sound() -> None:
    page = (Path(__file__).parents[2] / "docs" / "instances-on-aws.md").read_text()
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    assert [plan.size for _, _, plan in parse(example, "instances-on-aws.md", adapters.DRIVERS).plans()]


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("memory_gb: 4", "memory_gb: -4", 9, "memory_gb is to be more than 0"),
        ("memory_gb: 4", "memory_gb: 0", 9, "memory_gb is to be more than 0"),
        ("memory_gb: 4", "memory_gb: 0.5", 9, 'write it in quotes: "0.5"'),
        ("memory_gb: 4", 'memory_gb: "-4"', 9, "'-4' is not an amount of GB"),
        ("memory_gb: 4", 'memory_gb: "4 GB"', 9, "'4 GB' is not an amount of GB"),
        ("memory_gb: 4", 'memory_gb: "0.1"', 9, "0.1 GB are no whole number of bytes"),
        ("memory_gb: 4", "memory_gb: 1000001", 9, "memory_gb is to be 1,000,000 at most"),
        ("memory_gb: 4", "memory_gb: 0x4", 9, "0x4 is not a whole number as it is written here"),
        ("memory_gb: 4", "memory_gb: 04", 9, "04 is not a whole number as it is written here"),
        ("memory_gb: 4", "memory_gb: 1_0", 9, "1_0 is not a whole number as it is written here"),
        ("memory_gb: 4", f"memory_gb: {'9' * 16}", 9, "digits alone, at most fifteen"),
        ("memory_gb: 4", "memory_gb: true", 9, "memory_gb is to be a whole number"),
        ("memory_gb: 4", "memory_gb: [4]", 9, "memory_gb is to be a whole number"),
        ("memory_gb: 4", "memory_gb: ", 9, "memory_gb is to be a whole number"),
        ("disk_gb: 40", "disk_gb: 0", 9, "disk_gb is to be more than 0"),
        ("vcpu: 2", "vcpu: 0", 9, "vcpu is to be more than 0"),
        ("vcpu: 2", 'vcpu: "2"', 9, "vcpu is to be a whole number, without quotes"),
        ("vcpu: 2", "vcpu: 10001", 9, "vcpu is to be 10,000 at most"),
        ("vcpu: 2", "vcpu: true", 9, "vcpu is to be a whole number"),
        (", size: small", "", 9, "size is missing"),
        ("size: small", "size: ", 9, "size is to be a word"),
        ("size: small", 'size: ""', 9, "one line of up to 100 characters"),
        ("size: small", 'size: "a\\nb"', 9, "one line of up to 100 characters"),
        ("size: small", f"size: {'x' * 101}", 9, "one line of up to 100 characters"),
        ("name: Small", "name: 5", 9, "name is to be a word; a number is written in quotes"),
        ("name: Small", 'name: " "', 9, "one line of up to 100 characters"),
        ("sold_out: true", "sold_out: yes", 10, 'yes is read as true; write true, or "yes" in quotes'),
        ("sold_out: true", "sold_out: 1", 10, "sold_out is to be true or false"),
        ("sold_out: true", "sold_out:", 10, "sold_out is to be true or false"),
        ("sold_out: true", "soldout: true", 10, "soldout is not a field here; there are disk_gb, memory_gb, name,"),
        ("plan: large", "plan: small", 10, "the plan small stands here twice"),
        ("plan: small", "plan: no", 9, 'no is read as false; write false, or "no" in quotes where a word is meant'),
        ("plan: small", "plan: 2", 9, '2 is a number; as a name, write it in quotes: "2"'),
        ("plan: small", "plan: 2026-01-01", 9, 'write it in quotes: "2026-01-01"'),
        ("plan: small", 'plan: "a b"', 9, "'a b' is not a name: up to 64 letters, digits"),
        ("plan: small", 'plan: ""', 9, "'' is not a name"),
        ("plan: small", f"plan: {'x' * 65}", 9, "is not a name"),
        ("driver: local", "driver: lokal", 4, "lokal is not a driver; there are ec2, local"),
        ("driver: local", "driver: ", 4, "driver is to be a word"),
        ("    driver: local\n", "", 2, "driver is missing"),
        ("    driver: local\n", "    driver: local\n    settings: {a: 1}\n", 5, "the driver local has no settings"),
        ("    driver: local\n", "    driver: local\n    driver: ec2\n", 5, "driver stands here twice, first in line 4"),
        ("provider: aws", "provider: local", 11, "the provider local stands here twice"),
        ("region: europe", "region: us-east-1", 19, "the region us-east-1 stands here twice"),
        ("at: eu-west-1", "at: us-east-1", 19, "two regions are at us-east-1: us-east-1 and europe"),
        ("at: eu-west-1", "at: [a]", 21, "at is to be a word"),
        ("disk_gb: 40}\n", "disk_gb: 7}\n", 14, "disk_gb is to be 8 at least"),
        ("disk_gb: 40}\n", "disk: 7}\n", 14, "disk is not a field here; there are disk_gb, images"),
        ("ami-1a", "1a", 14, "us-east-1 is not of the form ^ami-[0-9a-f]+$"),
        ("us-east-1: ami-1a", "US: ami-1a", 14, "US is not of the form ^[a-z0-9-]+$"),
        ("images: {us-east-1: ami-1a, eu-west-1: ami-2b}, ", "", 14, "images is missing"),
        ("    settings: {images: {us-east-1: ami-1a, eu-west-1: ami-2b}, disk_gb: 40}\n", "", 11, "images is missing"),
        ("{images: {us-east-1: ami-1a, eu-west-1: ami-2b}, disk_gb: 40}", "none", 14, "settings is to be a mapping"),
        ("        at: eu-west-1\n", "        <<: {at: eu-west-1}\n", 21, "<< is not a field here"),
        ("        at: eu-west-1\n", "        ? [at]\n        : b\n", 21, "the name of a field is a word"),
        ("        plans: [{plan: small", "        plan: [{plan: small", 18, "plan is not a field here; there are at,"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(before: str, after: str, line: int, message: str) -> None:
    told = problems(changed(before, after))
    assert any(re.match(rf"{line}: ", each) and message in each for each in told), told


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("memory_gb: 4", "memory_gb: 0x4"),
        ("plan: small", "plan: no"),
        ("driver: ec2", "driver: ec3"),
        ("plan: large", "plan: small"),
        ("{images: {us-east-1: ami-1a, eu-west-1: ami-2b}, disk_gb: 40}", "7"),
        ("at: eu-west-1", "at: us-east-1"),
        ("region: europe\n        name: Europe\n        at: eu-west-1", "region: us-east-1\n        name: Europe"),
    ],
)
def test_one_mistake_is_told_once(before: str, after: str) -> None:
    assert len(problems(changed(before, after))) == 1


def test_all_mistakes_are_told_at_once_in_order() -> None:
    text = (
        changed("memory_gb: 4", "memory_gb: -4")
        .replace("plan: large", "plan: small")
        .replace("driver: ec2", "driver: ec3")
        .replace("sold_out: true", "sold_out: yes")
        .replace("provider: aws", "provider: local")
        .replace("at: eu-west-1", "at: us-east-1")
        .replace("name: Europe", "nam: Europe")
        .replace(", size: small", "")
    )
    assert [problem.split(":")[0] for problem in problems(text)] == [
        *("9", "9"),
        *("10", "10"),
        "11",
        "13",
        *("19", "19"),
        "20",
    ]


def test_nothing_is_repeated_by_reference() -> None:
    text = changed("regions:\n      - region: us-east-1", "regions: &all\n      - region: us-east-1")
    text = text.replace("        plans: [{plan: small, name: Small", "        plans: *none #", 1)
    assert problems(text) == [
        "15: &all marks something to be repeated; write it out each time",
        "18: *none repeats something; write it out",
    ]


def test_a_structure_that_holds_itself_is_refused() -> None:
    assert problems("providers: &all [*all]\n") == [
        "1: &all marks something to be repeated; write it out each time",
        "1: *all repeats something; write it out",
    ]


@pytest.mark.parametrize("tag", ["!!str", "!!int", "!", "!!python/object/apply:os.getcwd", "!mine"])
def test_a_tag_is_refused_and_runs_nothing(tag: str) -> None:
    (found,) = problems(changed("name: Small", f"name: {tag} Small"))
    assert (
        found
        == f"9: {tag if tag[:2] != '!!' else 'tag:yaml.org,2002:' + tag[2:]} is a tag; write the value without one"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: the file is empty"),
        ("# nothing\n", "1: the file is empty"),
        ("---\n", "1: the file is to be a mapping of fields"),
        ("just words", "1: the file is to be a mapping of fields"),
        ("- a\n- b\n", "1: the file is to be a mapping of fields"),
        ("{}", "1: providers is missing"),
        ("providers:\n", "1: providers is to be a list"),
        ("providers:\n  - local\n", "2: providers is to be a mapping of fields"),
        ("providers: [\n", "2: this is not YAML"),
        ("a: b\n\tc: d\n", "2: this is not YAML"),
        ("a: 1\n---\nb: 2\n", "2: this is not YAML: expected a single document"),
        ("a: 1\nb: \x07\n", "2: the character U+0007 has no place in YAML"),
        ("a: " + "[" * 500 + "]" * 500, "1: this is not YAML: nested too deeply"),
        ("%YAML 3.0\n---\na: 1\n", "1: this is not YAML"),
        ("a: 1\n" * 250_000, "1: the file is longer than 1,000,000 characters"),
        ("# \N{GRINNING FACE}\n" * 1_000_000, "1: the file is longer than 1,000,000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_offers_at_all_is_refused_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    assert problems(text)[0].startswith(problem)
    file = tmp_path / "offers.yaml"
    file.write_text(text)
    with pytest.raises(OffersProblems, match=re.escape(f"offers.yaml:{problem}")):
        load(file, DRIVERS)


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "offers.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(OffersProblems, match=r"offers\.yaml:2: this is not text in UTF-8"):
        load(file, DRIVERS)


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(OffersProblems, match="/dev/zero:1: the file is longer than"):
        load(Path("/dev/zero"), DRIVERS)


@pytest.mark.parametrize(("name", "why"), [("none.yaml", "No such file"), (".", "Is a directory")])
def test_a_file_that_is_not_there_ends_the_start_with_a_sentence(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(SystemExit, match=rf"^The offers .* cannot be read: {why}.*PROVISIONING_OFFERS"):
        load_or_exit(tmp_path / name, DRIVERS)


def test_broken_offers_end_the_start_with_every_sentence(tmp_path: Path) -> None:
    file = tmp_path / "offers.yaml"
    file.write_text(changed("vcpu: 2", "vcpu: 0").replace("driver: ec2", "driver: ec3"))
    with pytest.raises(SystemExit) as ended:
        load_or_exit(file, DRIVERS)
    assert str(ended.value).splitlines() == [
        "The offers cannot be used; correct them and start again.",
        f"{file}:9: vcpu is to be more than 0",
        f"{file}:13: ec3 is not a driver; there are ec2, local",
    ]


def started(offers: Path) -> tuple[int, str, str]:
    """How a start of the service with these offers ends: its status, and what it writes."""
    told = {
        "PROVISIONING_OFFERS": str(offers),
        "PROVISIONING_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "PROVISIONING_BROKER_URL": "amqp://nobody:nothing@127.0.0.1:1/",
        "PROVISIONING_ORIGIN": "http://space.test",
        "PROVISIONING_JWKS_URL": "http://space.test/jwks",
        "PROVISIONING_INSTALLATION": "7b1cf0f4-6a3c-4ce0-9d39-3f0f6ac41d11",
        "PROVISIONING_ENROLMENT_KEY": "5e" * 32,
        "PROVISIONING_API_LISTEN": "127.0.0.1:0",
        "PROVISIONING_INTERNAL_LISTEN": "127.0.0.1:0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "provisioning", "all"],
        env={"PATH": os.environ["PATH"], **told},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_a_service_does_not_start_with_broken_offers_and_says_why_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "offers.yaml"
    file.write_text(
        PACKAGED_OFFERS.read_text().replace("memory_gb: 4", "memory_gb: -4").replace("driver: local", "driver: lokal")
    )
    lines = PACKAGED_OFFERS.read_text().splitlines()
    driver = lines.index("    driver: local") + 1
    memory = next(number for number, line in enumerate(lines, start=1) if "memory_gb: 4" in line)
    assert started(file) == (
        1,
        "",
        "The offers cannot be used; correct them and start again.\n"
        f"{file}:{driver}: lokal is not a driver; there are ec2, local, sandbox\n"
        f"{file}:{memory}: memory_gb is to be more than 0\n",
    )


def test_a_thousand_plans_are_read_in_no_time() -> None:
    plan = "          - {plan: small, name: Small, vcpu: 2, memory_gb: 4, disk_gb: 40, size: small}\n"
    many = "".join(plan.replace("plan: small", f"plan: p{number}") for number in range(1000))
    text = SOUND.replace(plan, many, 1)
    began = time.perf_counter()
    assert len(list(read(text).plans())) == 1003
    assert time.perf_counter() - began < 10


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_mangled_file_is_read_or_refused_and_nothing_else(chance: random.Random) -> None:
    """Lines dropped, doubled and moved, and words swapped: never an error of another kind."""
    lines = SOUND.splitlines()
    for _ in range(chance.randrange(1, 4)):
        line = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[line]
            case 1:
                lines.insert(line, chance.choice(lines))
            case 2:
                lines[line] = lines[line].replace(
                    chance.choice(':,{}[]"0'), chance.choice([":", "[", "}", "", "*x", "- "]), 1
                )
            case 3:
                lines[line] = "  " + lines[line]
            case _:
                lines[line] = lines[line][: chance.randrange(len(lines[line]) + 1)]
    text = "\n".join(lines)
    assert all(1 <= line <= len(lines) + 1 for line in refused_lines(text))


def refused_lines(text: str) -> list[int]:
    """Where something is wrong; nowhere when the file is read."""
    try:
        read(text)
    except OffersProblems as error:
        return [problem.line for problem in error.problems]
    return []
