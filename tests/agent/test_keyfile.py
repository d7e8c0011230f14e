"""The password check, against key files that restic made."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from agent.keyfile import BadKeyFile, KeyFile, matching, parse_all


def test_the_right_password_opens_the_key_and_others_do_not(sealed: Any) -> None:
    (key_file,) = parse_all(sealed.files)

    assert key_file.opens_with(sealed.passwords[0])
    assert not key_file.opens_with(sealed.passwords[0] + b" ")
    assert not key_file.opens_with(b"wrong")


@pytest.mark.parametrize(
    "password", [b" blanks around ", "Pässwörter 🔑".encode(), b"not \xff UTF-8", b"x" * 5000], ids=range(4)
)
def test_an_odd_password_is_taken_byte_for_byte_as_restic_takes_it(seal: Callable[..., Any], password: bytes) -> None:
    (key_file,) = parse_all(seal(password).files)

    assert key_file.opens_with(password)
    assert not key_file.opens_with(password.strip()[:-1])


def test_of_several_keys_the_one_that_a_password_opens_is_found(seal: Callable[..., Any]) -> None:
    sealed = seal(b"first", b"second")
    key_files = parse_all(sealed.files)

    opened = [matching(key_files, password) for password in sealed.passwords]

    assert len(key_files) == 2
    assert None not in opened
    assert opened[0] != opened[1]
    assert matching(key_files, b"third") is None


def test_a_changed_byte_anywhere_in_the_sealed_key_is_noticed(sealed: Any) -> None:
    name, content = sealed.files[0]
    fields = json.loads(content)
    data = base64.b64decode(fields["data"])
    for position in (0, 20, len(data) - 1):
        changed = bytearray(data)
        changed[position] ^= 1
        fields["data"] = base64.b64encode(changed).decode()
        assert not KeyFile.parse(name, json.dumps(fields).encode()).opens_with(sealed.passwords[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"N": 2**21},
        {"N": 2**20, "r": 16},
        {"N": 2**18, "r": 16, "p": 17},
        {"N": 2**20, "r": 8, "p": 16},
        {"N": 32767},
        {"N": 1},
        {"N": 0},
        {"N": -32768},
        {"N": True},
        {"N": "32768"},
        {"N": 32768.0},
        {"N": 10**400},
        {"r": 0},
        {"r": 17},
        {"p": 0},
        {"p": 17},
        {"kdf": "pbkdf2"},
        {"kdf": None},
        {"salt": ""},
        {"salt": "AAAA"},
        {"salt": base64.b64encode(b"s" * 2000).decode()},
        {"salt": "not base64!"},
        {"salt": None},
        {"data": ""},
        {"data": base64.b64encode(b"d" * 32).decode()},
        {"data": 7},
    ],
    ids=str,
)
def test_hostile_parameters_are_refused_before_any_work_is_done(sealed: Any, changes: dict[str, object]) -> None:
    name, content = sealed.files[0]
    hostile = json.dumps(json.loads(content) | changes).encode()
    began = time.process_time()

    with pytest.raises(BadKeyFile):
        KeyFile.parse(name, hostile)

    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b"{}" + b" " * 70_000])
def test_what_is_no_key_file_is_refused(content: bytes) -> None:
    with pytest.raises(BadKeyFile):
        KeyFile.parse("name", content)


def test_a_key_file_cut_off_anywhere_is_refused(sealed: Any) -> None:
    name, content = sealed.files[0]
    whole = content.rstrip()
    for length in range(0, len(whole), 7):
        with pytest.raises(BadKeyFile):
            KeyFile.parse(name, whole[:length])


def test_one_bad_file_among_good_ones_does_not_lock_the_owner_out(sealed: Any) -> None:
    assert [key_file.name for key_file in parse_all([("bad", b"{}"), *sealed.files])] == [sealed.files[0][0]]


def test_only_bad_files_are_an_error_and_no_files_are_not() -> None:
    with pytest.raises(BadKeyFile):
        parse_all([("bad", b"{}")])
    assert parse_all([]) == []
