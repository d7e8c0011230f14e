"""What an instance may be called: what identity lets an owner be called, and nothing else."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from identity.schemas import OlaresName
from provisioning.domain.names import LONGEST, NotAName, olares_name
from provisioning.errors import InstanceNameInvalid
from provisioning.operations.names import kept_name

IDENTITY = TypeAdapter[str](OlaresName)
LABEL = "a" * 61
LONG = f"{'a' * 63}@{LABEL}.{LABEL}.{'b' * 63}.co"
"""As long as a name can be: 254 characters."""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("alice@olares.com", "alice@olares.com"),
        ("Alice@Olares.COM", "alice@olares.com"),
        ("  alice@olares.com\n", "alice@olares.com"),
        ("a@b.c", "a@b.c"),
        ("a.b-c_d@x-y.z1", "a.b-c_d@x-y.z1"),
        ("1@2.3", "1@2.3"),
        (LONG, LONG),
    ],
)
def test_an_olares_name_is_kept_in_lower_case(text: str, name: str) -> None:
    assert len(LONG) == LONGEST
    assert olares_name(text) == kept_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "alice",
        "@olares.com",
        "alice@",
        "alice@olares",
        "alice@.com",
        "alice@olares.",
        "alice@olares.com.",
        "alice@olares..com",
        "alice@@olares.com",
        ".alice@olares.com",
        "alice.@olares.com",
        "-alice@olares.com",
        "alice@-olares.com",
        "alice@olares-.com",
        "al ice@olares.com",
        "alice@olares.com\x00",
        "alice@olares.com\nbob@olares.com",
        "\N{CYRILLIC SMALL LETTER A}lice@olares.com",
        "alice@ol\N{LATIN SMALL LETTER A WITH RING ABOVE}res.com",
        "alice+space@olares.com",
        "../alice@olares.com",
        f"{'a' * 64}@olares.com",
    ],
)
def test_anything_else_is_refused_with_what_a_name_looks_like(text: str) -> None:
    with pytest.raises(NotAName):
        olares_name(text)
    with pytest.raises(InstanceNameInvalid, match=r"This is not an Olares name\. One looks like alice@olares\.com\."):
        kept_name(text)


@pytest.mark.parametrize("text", ["a" + LONG, "a" * 1_000_000, "a@" + "b." * 500_000 + "c"])
def test_a_name_that_is_too_long_is_refused_as_such(text: str) -> None:
    with pytest.raises(InstanceNameInvalid, match=r"longer than 254 characters\. Choose a shorter one\."):
        kept_name(text)


def answer(check: object, text: str) -> str | None:
    assert callable(check)
    try:
        return str(check(text))
    except (NotAName, ValidationError):
        return None


WORDS = ("a", "Z", "0", "alice", "olares", "com", "a" * 61, "-", "_", ".", "..", "@")
SPACES = (" ", "\t", "\n", "\x1f", "\x85", "\xa0", "\u3000")
LETTERS = ("\N{KELVIN SIGN}", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "\N{LATIN SMALL LETTER LONG S}")
"""Some of which become others, or several, in lower case."""
PARTS = st.sampled_from((*WORDS, *SPACES, *LETTERS))


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=16).map("".join)))
@example("\x1falice@olares.com")
@example("alice@olares.com\x1c")
@example("\N{KELVIN SIGN}@olares.com")
@example(LONG)
@example("a" + LONG)
@example(" " + LONG)
def test_the_rule_is_that_of_identity(text: str) -> None:
    """An owner's own name is always good for an instance."""
    assert answer(olares_name, text) == answer(IDENTITY.validate_python, text)
