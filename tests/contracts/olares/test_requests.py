"""The twin of the clients sends what they send, and what they send is read as they mean it."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.olares import read_fields
from tests.support import olares_requests
from tests.support.olares_requests import Sent, StoragePlace

SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "requests.json").read_text())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["what"])
def test_the_twin_sends_it_byte_for_byte(sample: dict[str, Any]) -> None:
    given = dict(sample["given"])
    if "place" in given:
        given["place"] = StoragePlace(**given["place"])
    sent = getattr(olares_requests, sample["request"])(**given)
    assert sent == Sent(sample["path"], sample["body"], sample["content_type"])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["what"])
def test_it_is_read_as_it_was_meant(sample: dict[str, Any]) -> None:
    assert read_fields(sample["body"].encode()) == sample["fields"]
